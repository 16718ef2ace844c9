// The rows of a `latest`, one per group: columns over all groups, of which there may be a million, and
// series of the answer that are cut from them when somebody looks.

import type { PlanGroups } from './plan-series.ts'
import type { RawRows } from './raw-rows.ts'
import type { AnswerSeries, Vector } from './query.ts'
import type { Output } from './selection.ts'
import { emptyValues } from './vector.ts'

/** Groups from which on series are made when they are looked at. */
const LAZY_MIN = 4_096

export class NewestRows {
  private readonly groups: PlanGroups
  private readonly times: BigInt64Array
  private readonly isSet: Uint8Array
  private readonly columns: { values: Vector['values']; valid: Uint8Array }[]

  constructor(groups: PlanGroups, outputs: readonly Output[]) {
    this.groups = groups
    this.times = new BigInt64Array(groups.length)
    this.isSet = new Uint8Array(groups.length)
    this.columns = outputs.map(({ type }) => {
      return { values: emptyValues(type, groups.length), valid: new Uint8Array(groups.length) }
    })
  }

  /** Bytes that all groups take, whatever their values. */
  static bytesOf(groups: PlanGroups, outputs: readonly Output[]): number {
    return groups.length * (9 + 9 * outputs.length)
  }

  /** Time of a group's row, null if there is none yet. */
  timeOf(group: number): bigint | null {
    return this.isSet[group] === 1 ? this.times[group]! : null
  }

  /** Takes the one row of `rows` as the group's. */
  set(group: number, { time, fields }: RawRows): void {
    this.isSet[group] = 1
    this.times[group] = time[0]!
    for (const [i, { values, valid }] of this.columns.entries()) {
      const field = fields[i]!
      values[group] = field.values[0]!
      valid[group] = field.valid === null ? 1 : field.valid[0]!
    }
  }

  /** The groups that have a row, in order. */
  series(): AnswerSeries[] {
    const { isSet } = this
    const isLazy = isSet.length >= LAZY_MIN
    const found: AnswerSeries[] = []
    for (let group = 0; group < isSet.length; group++) {
      if (isSet[group] === 0) continue
      const row = new NewestRow(this, group)
      found.push(isLazy ? row : { tags: row.tags, time: row.time, fields: row.fields })
    }
    return found
  }

  /** For NewestRow. */
  tagsOf(group: number): Map<string, string | null> {
    return this.groups.at(group)
  }

  /** For NewestRow. */
  timesOf(group: number): BigInt64Array {
    return this.times.subarray(group, group + 1)
  }

  /** For NewestRow. */
  fieldsOf(group: number): Vector[] {
    return this.columns.map(({ values, valid }) => ({
      values: Array.isArray(values)
        ? [values[group]!]
        : (values as Float64Array).subarray(group, group + 1),
      valid: valid[group] === 1 ? null : valid.subarray(group, group + 1),
    }))
  }
}

/** A series of the answer that holds nothing but where it is. */
class NewestRow implements AnswerSeries {
  private readonly rows: NewestRows
  private readonly group: number

  constructor(rows: NewestRows, group: number) {
    this.rows = rows
    this.group = group
  }

  get tags(): Map<string, string | null> {
    return this.rows.tagsOf(this.group)
  }
  get time(): BigInt64Array {
    return this.rows.timesOf(this.group)
  }
  get fields(): Vector[] {
    return this.rows.fieldsOf(this.group)
  }
}
