// Rows of the reference database: plain objects in a plain array.

import { OmenError } from '../../engine/error.ts'
import type { ValueType } from '../../engine/query/query.ts'

/** float: number; integer, unsigned: bigint; boolean; string. */
export type Value = number | bigint | boolean | string

export interface Row {
  /** Ascending keys, none empty. */
  readonly tags: ReadonlyMap<string, string>
  readonly time: bigint
  readonly fields: Map<string, Value>
}

/** One point as it is written; null fields are not written. */
export interface ReferencePoint {
  readonly table: string
  readonly tags: { readonly [key: string]: string }
  readonly time: bigint
  readonly fields: {
    readonly [name: string]: { readonly type: ValueType; readonly value: Value } | null
  }
}

export class ReferenceTable {
  readonly name: string
  readonly fields = new Map<string, ValueType>()
  readonly tagKeys = new Set<string>()
  /** In the order they came. */
  rows: Row[] = []
  private readonly known = new Map<string, Row>()

  constructor(name: string) {
    this.name = name
  }

  /** Last write wins per field. A second type of a field is a `type_conflict`. */
  write(point: ReferencePoint): void {
    const entries = Object.entries(point.fields).filter(([, field]) => field !== null)
    if (entries.length === 0) return
    for (const [name, field] of entries) {
      const type = this.fields.get(name)
      if (type !== undefined && type !== field!.type) {
        throw new OmenError('type_conflict', `${name} is ${type}, not ${field!.type}`)
      }
      this.fields.set(name, field!.type)
    }
    const tags = sortedTags(point.tags)
    for (const key of tags.keys()) this.tagKeys.add(key)
    const row = this.rowAt(tags, point.time)
    for (const [name, field] of entries) row.fields.set(name, field!.value)
  }

  remove(rows: readonly Row[]): void {
    const gone = new Set(rows)
    this.rows = this.rows.filter((row) => !gone.has(row))
    for (const { tags, time } of rows) this.known.delete(`${time} ${seriesText(tags)}`)
  }

  private rowAt(tags: ReadonlyMap<string, string>, time: bigint): Row {
    const key = `${time} ${seriesText(tags)}`
    const found = this.known.get(key)
    if (found !== undefined) return found
    const row = { tags, time, fields: new Map<string, Value>() }
    this.known.set(key, row)
    this.rows.push(row)
    return row
  }
}

function sortedTags(tags: { readonly [key: string]: string }): Map<string, string> {
  const entries = Object.entries(tags).filter(([, value]) => value !== '')
  return new Map(entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
}

export function seriesText(tags: Iterable<readonly [string, string | null]>): string {
  return JSON.stringify([...tags])
}
