// Rows into columns: rows of one series that agree on the types of their fields are gathered into
// one columnar batch, in their order, because the last write of a field wins. A row that disagrees
// starts a new group of its series, so nothing overtakes.

import type { ColumnPoints } from '../../engine/ingest/batch.ts'
import type { FieldType } from '../../engine/field.ts'
import type { Json } from '../json.ts'
import { fillColumn, jsonType } from './column.ts'
import { TextColumn } from '../../engine/ingest/text-column.ts'
import type { Refusal } from './refusal.ts'

/** One row as readers hand it over: time in nanoseconds, fields still JSON. */
export interface FlatRow {
  readonly tags: ReadonlyMap<string, string>
  readonly time: bigint
  /** Fields with a value: none is null, an array or an object. */
  readonly fields: readonly (readonly [name: string, value: Json])[]
  /** The caller's number of the row, given back in errors. */
  readonly place: number
}

/** A finished group: its points, and the place of each. */
export interface Gathered {
  readonly points: ColumnPoints
  readonly places: readonly number[]
}

/** Tells which of a row's fields was refused. */
export type RefuseField = (place: number, field: string, refusal: Refusal) => void

/** Cells a group may have beyond eight times its values: rows that share no field make new groups. */
const SPARSE_CELLS_MAX = 65_536

interface Group {
  tags: ReadonlyMap<string, string>
  times: bigint[]
  places: number[]
  valueCount: number
  fields: Map<string, { type: FieldType; declared: boolean; cells: Json[] }>
}

/** Gathers rows of one table; `finish` hands the groups out in the order they began. */
export class RowGroups {
  private readonly table: string
  private readonly types: ReadonlyMap<string, FieldType>
  private groups: Group[] = []
  private latest = new Map<string, Group>()
  /** Values gathered so far. */
  cellCount = 0

  /** `types`: declared types of fields by name. */
  constructor(table: string, types: ReadonlyMap<string, FieldType>) {
    this.table = table
    this.types = types
  }

  add(row: FlatRow): void {
    const key = JSON.stringify([...row.tags].sort(([a], [b]) => (a < b ? -1 : 1)))
    let group = this.latest.get(key)
    if (!group || !this.agrees(group, row)) {
      group = { tags: row.tags, times: [], places: [], valueCount: 0, fields: new Map() }
      this.groups.push(group)
      this.latest.set(key, group)
    }
    this.append(group, row)
    this.cellCount += row.fields.length
  }

  private agrees(group: Group, { fields }: FlatRow): boolean {
    const cellCount = (group.fields.size + fields.length) * group.times.length
    if (cellCount > SPARSE_CELLS_MAX + 8 * group.valueCount) return false
    return fields.every(([name, value]) => {
      const column = group.fields.get(name)
      return !column || column.declared || jsonType(value) === column.type
    })
  }

  private append(group: Group, { time, fields, place }: FlatRow): void {
    const row = group.times.length
    group.times.push(time)
    group.places.push(place)
    group.valueCount += fields.length
    for (const [name, value] of fields) {
      let column = group.fields.get(name)
      if (!column) {
        const declared = this.types.get(name)
        const type = declared ?? jsonType(value)!
        column = { type, declared: declared !== undefined, cells: [] }
        group.fields.set(name, column)
      }
      while (column.cells.length < row) column.cells.push(null)
      column.cells.push(value)
    }
  }

  /** The groups so far; the next rows start anew. Rows with a refused field are left out. */
  *finish(refuse: RefuseField): Generator<Gathered> {
    const groups = this.groups
    this.groups = []
    this.latest = new Map()
    this.cellCount = 0
    for (const group of groups) yield* finishGroup(this.table, group, refuse)
  }
}

function* finishGroup(table: string, group: Group, refuse: RefuseField): Generator<Gathered> {
  const { tags, places } = group
  const bad = new Set<number>()
  const fields = Array.from(group.fields, ([name, { type, declared, cells }]) => {
    while (cells.length < places.length) cells.push(null)
    const column = fillColumn(cells, type, (row, refusal) => {
      if (!bad.has(row)) refuse(places[row]!, name, refusal)
      bad.add(row)
    })
    return { name, declared, ...column }
  })
  const points = { table, tags, times: BigInt64Array.from(group.times), fields }
  const kept = keepRows(points, (row) => !bad.has(row))
  if (kept) yield { points: kept.points, places: kept.rows.map((row) => places[row]!) }
}

/**
 * The points without the rows that `keep` refuses and without those in which every field is null:
 * `null` names nothing, so such a row is no point. Null if none is left.
 */
export function keepRows(
  points: ColumnPoints,
  keep: (row: number) => boolean,
): { points: ColumnPoints; rows: number[] } | null {
  const rows: number[] = []
  for (let row = 0; row < points.times.length; row++) {
    const hasValue = points.fields.some(({ valid }) => valid === null || valid[row] === 1)
    if (hasValue && keep(row)) rows.push(row)
  }
  if (rows.length === 0) return null
  if (rows.length === points.times.length) return { points, rows }
  const fields = points.fields.flatMap((field) => {
    const valid = field.valid && Uint8Array.from(rows, (row) => field.valid![row]!)
    if (valid?.every((one) => one === 0)) return [] // only refused rows had it
    return [{ ...field, values: pick(field.values, rows), valid }]
  })
  const times = BigInt64Array.from(rows, (row) => points.times[row]!)
  return { points: { ...points, times, fields }, rows }
}

type Values = ColumnPoints['fields'][number]['values']

function pick(values: Values, rows: readonly number[]): Values {
  if (values instanceof Float64Array) return Float64Array.from(rows, (row) => values[row]!)
  if (values instanceof BigInt64Array) return BigInt64Array.from(rows, (row) => values[row]!)
  if (values instanceof BigUint64Array) return BigUint64Array.from(rows, (row) => values[row]!)
  if (values instanceof Uint8Array) return Uint8Array.from(rows, (row) => values[row]!)
  if (values instanceof TextColumn) return values.pick(rows)
  return rows.map((row) => values[row]!)
}
