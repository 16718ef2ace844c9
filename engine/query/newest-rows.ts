// The rows of a `latest`, one per group: columns over all groups, of which there may be a million, and
// series of the answer that are cut from them when somebody looks.

import type { Chunk } from './chunk.ts'
import type { Memory } from '../memory.ts'
import type { Members } from './partial.ts'
import type { PlanGroups, SeriesList } from './plan-series.ts'
import type { RawRows } from './raw-rows.ts'
import type { AnswerSeries, Vector } from './query.ts'
import type { Output } from './selection.ts'
import type { Execution } from '../step.ts'
import { emptyValues } from './vector.ts'

/** Groups from which on series are made when they are looked at. */
const LAZY_MIN = 4_096

/** Series looked at between two pauses. */
const STEP_SERIES = 65_536
const decoder = new TextDecoder()

interface NewestColumn {
  readonly type: Output['type']
  /** Index in the plan's fields. */
  readonly field: number
  readonly values: Vector['values']
  readonly valid: Uint8Array
}

export class NewestRows {
  private readonly groups: PlanGroups
  private readonly times: BigInt64Array
  private readonly isSet: Uint8Array
  /** Of the series whose row it is; only where rows of several come in any order. */
  private readonly ranks: Uint32Array
  private readonly columns: NewestColumn[]

  constructor(groups: PlanGroups, outputs: readonly Output[]) {
    this.groups = groups
    this.times = new BigInt64Array(groups.length)
    this.isSet = new Uint8Array(groups.length)
    this.ranks = new Uint32Array(groups.length)
    this.columns = outputs.map(({ type, field }) => {
      const values = emptyValues(type, groups.length)
      return { type, field, values, valid: new Uint8Array(groups.length) }
    })
  }

  /** Bytes that all groups take, whatever their values. */
  static bytesOf(groups: PlanGroups, outputs: readonly Output[]): number {
    return groups.length * (13 + 9 * outputs.length)
  }

  /** Time of a group's row, null if there is none yet. */
  timeOf(group: number): bigint | null {
    return this.isSet[group] === 1 ? this.times[group]! : null
  }

  /** Is a row of the series with that rank newer than the group's? Of equal times the least rank is. */
  isNewer(group: number, rank: number, time: bigint): boolean {
    if (this.isSet[group] === 0) return true
    const held = this.times[group]!
    return time > held || (time === held && rank < this.ranks[group]!)
  }

  /** Takes the one row of `rows` as the group's. */
  set(group: number, { time, fields }: RawRows, rank: number): void {
    this.isSet[group] = 1
    this.ranks[group] = rank
    this.times[group] = time[0]!
    for (const [i, { values, valid }] of this.columns.entries()) {
      const field = fields[i]!
      values[group] = field.values[0]!
      valid[group] = field.valid === null ? 1 : field.valid[0]!
    }
  }

  /**
   * Takes rows of a chunk of many series, the last of each: `index` points to u32[count], the rows, of
   * which `members` says the series, their groups and ranks.
   */
  take(memory: Memory, chunk: Chunk, members: Members, index: number, count: number): void {
    const { u32, i64 } = memory
    const rows = u32.slice(index >>> 2, (index >>> 2) + count)
    const groups = new Uint32Array(count)
    let taken = 0
    for (const row of rows) {
      const member = u32[(members.members >>> 2) + row]!
      const group = u32[(members.groups >>> 2) + member]!
      const rank = u32[(members.ranks >>> 2) + member]!
      const time = i64[(chunk.times >>> 3) + row]!
      if (!this.isNewer(group, rank, time)) continue
      this.isSet[group] = 1
      this.ranks[group] = rank
      this.times[group] = time
      rows[taken] = row
      groups[taken++] = group
    }
    for (const column of this.columns) {
      scatter(memory, chunk, column, rows.subarray(0, taken), groups)
    }
  }

  /** Those of the series (indexes in a plan) whose group has no row yet. */
  *withoutRow(indexes: Uint32Array, series: SeriesList): Execution<Uint32Array> {
    const left = new Uint32Array(indexes.length)
    const groups = new Uint32Array(Math.min(STEP_SERIES, indexes.length))
    const ranks = new Uint32Array(groups.length)
    let count = 0
    for (let from = 0; from < indexes.length; from += STEP_SERIES) {
      const some = indexes.subarray(from, from + STEP_SERIES)
      series.place(some, groups, ranks)
      for (let i = 0; i < some.length; i++) {
        if (this.isSet[groups[i]!] === 0) left[count++] = some[i]!
      }
      if (some.length === STEP_SERIES) yield { pause: true }
    }
    return left.subarray(0, count)
  }

  /** The groups that have a row, in order. */
  *series(): Execution<AnswerSeries[]> {
    const { isSet } = this
    const isLazy = isSet.length >= LAZY_MIN
    const found: AnswerSeries[] = []
    for (let group = 0; group < isSet.length; group++) {
      if (group % STEP_SERIES === STEP_SERIES - 1) yield { pause: true }
      if (isSet[group] === 0) continue
      const row = new NewestRow(this, group)
      found.push(isLazy ? row : { tags: row.tags, time: row.time, fields: row.fields })
    }
    return found
  }

  /** Ranks of the series that the rows of `series` are of. */
  winners(): Uint32Array {
    return this.ranks.filter((_, group) => this.isSet[group] === 1)
  }

  /** For NewestRow. */
  tagsOf(group: number): Map<string, string | null> {
    return this.groups.at(group)
  }

  /** For NewestRow. */
  timesOf(group: number): BigInt64Array {
    return new BigInt64Array(this.times.buffer, group * 8, 1)
  }

  /** For NewestRow. */
  fieldsOf(group: number): Vector[] {
    const fields: Vector[] = []
    for (const { values, valid } of this.columns) {
      fields.push({
        values: valueAt(values, group),
        valid: valid[group] === 1 ? null : valid.subarray(group, group + 1),
      })
    }
    return fields
  }
}

/** One value of a column, over its memory. (A view of its buffer takes half the time of `subarray`.) */
function valueAt(values: Vector['values'], group: number): Vector['values'] {
  if (values instanceof Float64Array) return new Float64Array(values.buffer, group * 8, 1)
  return Array.isArray(values)
    ? [values[group]!]
    : (values as BigInt64Array).subarray(group, group + 1)
}

/** Copies a field of some rows of a chunk to their groups. */
function scatter(
  memory: Memory,
  chunk: Chunk,
  { type, field, values, valid }: NewestColumn,
  rows: Uint32Array,
  groups: Uint32Array,
): void {
  const { u8, u32 } = memory
  const slots = chunk.values[field]! >>> 2
  const flags = chunk.valid[field]!
  const words = wordsOf(values)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    const group = groups[i]!
    const isValid = flags === 0 ? 1 : u8[flags + row]!
    valid[group] = isValid
    if (isValid === 0) continue
    const low = u32[slots + 2 * row]!
    const high = u32[slots + 2 * row + 1]!
    if (words !== null) {
      words[2 * group] = low
      words[2 * group + 1] = high
    } else if (type === 'boolean') values[group] = low
    else values[group] = decoder.decode(u8.subarray(low, low + high))
  }
}

/** The 8-byte values of a column as words: a slot is copied as it is. */
function wordsOf(values: Vector['values']): Uint32Array | null {
  if (Array.isArray(values) || values.BYTES_PER_ELEMENT !== 8) return null
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
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
