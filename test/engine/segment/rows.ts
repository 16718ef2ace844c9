// Catalog tables, batches of rows and the naive answer for tests of memtable, flush and compaction.

import { KeyTable } from '../../../engine/catalog/key-table.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import type { CatalogTables, Memtable } from '../../../engine/memtable.ts'

export const [FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING] = [0, 1, 2, 3, 4] as const
export type ColumnType = 0 | 1 | 2 | 3 | 4

/** A field's value: 64 bits as they lie in a slot, or a string. */
export type Value = bigint | string
export interface Point {
  series: number
  time: bigint
  /** By column id. */
  fields: Map<number, Value>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class TestCatalog implements CatalogTables {
  readonly pointer: number
  readonly tables: KeyTable
  readonly columns: KeyTable
  readonly shapes: KeyTable
  readonly series: KeyTable
  readonly seriesOfTable: number[][] = []
  readonly columnsOfTable: number[][] = []

  constructor({ kernel, memory }: KernelInstance) {
    const four = [0, 0, 0, 0].map(() => new KeyTable(kernel, memory, 4))
    ;[this.tables, this.columns, this.shapes, this.series] = four as [
      KeyTable,
      KeyTable,
      KeyTable,
      KeyTable,
    ]
    this.pointer = memory.allocateZeroed(16).offset
    memory.u32.set(
      four.map((table) => table.pointer),
      this.pointer >>> 2,
    )
  }

  table(partitionSeconds: number): number {
    const id = this.tables.insert(encoder.encode(`table ${this.tables.count}`))
    this.tables.setPayload(id, 'b', partitionSeconds)
    this.seriesOfTable.push([])
    this.columnsOfTable.push([])
    return id
  }

  column(table: number, type: ColumnType): number {
    const id = this.columns.insert(encoder.encode(`column ${this.columns.count}`))
    this.columns.setPayload(id, 'a', table)
    this.columns.setPayload(id, 'b', type)
    this.columnsOfTable[table]!.push(id)
    return id
  }

  addSeries(table: number): number {
    const id = this.series.insert(encoder.encode(`series ${this.series.count}`))
    this.series.setPayload(id, 'a', table)
    this.seriesOfTable[table]!.push(id)
    return id
  }

  type(column: number): ColumnType {
    return this.columns.payload(column, 'b') as ColumnType
  }

  tableOf(series: number): number {
    return this.series.payload(series, 'a')
  }

  shape(table: number, columns: number[]): number {
    const key = new Uint8Array(Uint32Array.from([table, ...columns]).buffer)
    const id = this.shapes.insert(key)
    this.shapes.setPayload(id, 'a', table)
    this.shapes.setPayload(id, 'b', columns.length)
    this.shapes.setPayload(id, 'c', columns.some((column) => this.type(column) === STRING) ? 1 : 0)
    return id
  }
}

export interface Batch {
  rows: Uint8Array
  arena: Uint8Array
}

/** Rows as staging and the log hold them, each of the shape of its fields. */
export function encodeRows(catalog: TestCatalog, points: readonly Point[]): Batch {
  const rows = new DataView(
    new ArrayBuffer(points.reduce((sum, { fields }) => sum + 24 + 8 * fields.size, 0)),
  )
  const strings: Uint8Array[] = []
  let arenaSize = 0
  let at = 0
  for (const { series, time, fields } of points) {
    const columns = [...fields.keys()].sort((a, b) => a - b)
    rows.setUint32(at, series, true)
    rows.setUint32(at + 4, catalog.shape(catalog.tableOf(series), columns), true)
    rows.setUint32(at + 8, 0xdeadbeef, true)
    rows.setBigInt64(at + 16, time, true)
    at += 24
    for (const column of columns) {
      const value = fields.get(column)!
      if (typeof value === 'string') {
        const bytes = encoder.encode(value)
        strings.push(bytes)
        rows.setUint32(at, arenaSize, true)
        rows.setUint32(at + 4, bytes.length, true)
        arenaSize += bytes.length
      } else rows.setBigUint64(at, value, true)
      at += 8
    }
  }
  const arena = new Uint8Array(arenaSize)
  let used = 0
  for (const bytes of strings) {
    arena.set(bytes, used)
    used += bytes.length
  }
  return { rows: new Uint8Array(rows.buffer), arena }
}

/** Reserves and applies; false when there is no room. */
export function applyPoints(
  { memory }: KernelInstance,
  memtable: Memtable,
  catalog: TestCatalog,
  points: readonly Point[],
): boolean {
  const { rows, arena } = encodeRows(catalog, points)
  if (!memtable.reserve(rows.length, arena.length)) return false
  const region = memory.allocate(rows.length + arena.length)
  memory.u8.set(rows, region.offset)
  memory.u8.set(arena, region.offset + rows.length)
  const { offset } = region
  const applying = memtable.apply(offset, rows.length, offset + rows.length, arena.length)
  const count = finish(applying as never).value
  memory.release(region)
  if (count !== points.length) throw new Error(`applied ${count} of ${points.length} rows`)
  return true
}

/** Series, time, fields by column id: later points overwrite the fields they name. */
export type Naive = Map<number, Map<bigint, Map<number, Value>>>

export function applyNaive(naive: Naive, points: readonly Point[]): Naive {
  for (const { series, time, fields } of points) {
    const rows = naive.get(series) ?? new Map<bigint, Map<number, Value>>()
    naive.set(series, rows)
    const row = rows.get(time) ?? new Map<number, Value>()
    rows.set(time, row)
    for (const [column, value] of fields) row.set(column, value)
  }
  return naive
}

/** Times of a series in [start, end), ascending. */
export function naiveTimes(naive: Naive, series: number, start: bigint, end: bigint): bigint[] {
  const times = [...(naive.get(series)?.keys() ?? [])].filter((t) => t >= start && t < end)
  return times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** A chunk column as values, null where there is none. */
export function readColumn(
  { memory }: KernelInstance,
  type: ColumnType,
  values: number,
  valid: number,
  rows: number,
): (Value | null)[] {
  return Array.from({ length: rows }, (_, row) => {
    const flag = memory.u8[valid + row]
    if (flag === 0) return null
    if (flag !== 1) throw new Error(`valid ${flag} in row ${row}`)
    const slot = memory.u64[(values >>> 3) + row]!
    if (type !== STRING) return slot
    const pointer = Number(slot & 0xffffffffn)
    return decoder.decode(memory.u8.slice(pointer, pointer + Number(slot >> 32n)))
  })
}

/** Bits that break codecs and comparisons, of any type. */
export function randomValue(type: ColumnType, random: () => number): Value {
  if (type === BOOLEAN) return random() < 0.5 ? 1n : 0n
  if (type === STRING) return 'aé'.repeat(Math.floor(random() ** 3 * 12))
  if (type === FLOAT) {
    const special = [0x7ff8000000000001n, 1n << 63n, 0x7ff0000000000000n, 0n, 1n]
    if (random() < 0.1) return special[Math.floor(random() * special.length)]!
    const bits = new BigUint64Array(1)
    new Float64Array(bits.buffer)[0] = Math.round(random() * 1e4) / 100
    return bits[0]!
  }
  const edges = [0n, (1n << 64n) - 1n, 1n << 63n, (1n << 63n) - 1n]
  if (random() < 0.1) return edges[Math.floor(random() * edges.length)]!
  return BigInt(Math.floor(random() * 1000))
}

/** Runs an execution that reads nothing; `pauses` counts how often it paused. */
export function finish<T>(execution: Generator<unknown, T, never>): { value: T; pauses: number } {
  for (let pauses = 0; ; pauses++) {
    const result = (execution as Generator<unknown, T>).next()
    if (result.done) return { value: result.value, pauses }
  }
}
