// Rows for tests of segments: a plain table as arrays, the RowSource that writes it, and a storage
// of written files that reads are answered from.

import { expect } from 'vitest'
import { Cache, type Pins } from '../../../engine/segment/cache.ts'
import { type AsyncSource, type SyncSource, runSync } from '../../../engine/drive.ts'
import type { FieldType } from '../../../engine/field.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import type { Region } from '../../../engine/memory.ts'
import { type PartDescription, PartReader, TIME } from '../../../engine/segment/part.ts'
import {
  type PartSpec,
  type RowSource,
  SegmentWriter,
  segmentName,
  writePart,
} from '../../../engine/segment/segment.ts'
import type { Execution } from '../../../engine/step.ts'
import { randomOf } from '../../random.ts'

/** A slot's worth of value: numbers as they are, strings as text, null = no value. */
export type Value = number | bigint | string | null

export interface Row {
  series: number
  time: bigint
  values: Value[]
}

export interface TestColumn {
  id: number
  type: FieldType
}

const ROWS_MAX = 1024

/** Serves rows (sorted by series, time) block by block. */
export class ArraySource implements RowSource {
  readonly series: number
  readonly times: number
  private readonly instance: KernelInstance
  private readonly rows: readonly Row[]
  private readonly columns: readonly TestColumn[]
  private readonly region: Region
  private readonly text: Region
  private at = 0
  private count = 0

  constructor(instance: KernelInstance, rows: readonly Row[], columns: readonly TestColumn[]) {
    this.instance = instance
    this.rows = rows
    this.columns = columns
    this.region = instance.memory.allocate(ROWS_MAX * 12)
    this.text = instance.memory.allocate(1 << 21)
    this.times = this.region.offset
    this.series = this.times + ROWS_MAX * 8
  }

  next(limit: number): number {
    const { memory } = this.instance
    this.at += this.count
    this.count = Math.min(limit, this.rows.length - this.at)
    for (let i = 0; i < this.count; i++) {
      const { series, time } = this.rows[this.at + i]!
      memory.u32[this.series / 4 + i] = series
      memory.i64[this.times / 8 + i] = time
    }
    return this.count
  }

  *column(id: number, type: FieldType, values: number, valid: number): Execution<void> {
    yield { pause: true }
    const { memory } = this.instance
    const index = this.columns.findIndex((column) => column.id === id)
    let text = this.text.offset
    for (let i = 0; i < this.count; i++) {
      const value = this.rows[this.at + i]!.values[index] ?? null
      memory.u8[valid + i] = value === null ? 0 : 1
      if (value === null) continue
      if (type === 0) memory.f64[values / 8 + i] = Number(value)
      else if (type < 4) memory.u64[values / 8 + i] = BigInt.asUintN(64, BigInt(value))
      else {
        const bytes = Buffer.from(String(value))
        memory.u8.set(bytes, text)
        memory.u64[values / 8 + i] = (BigInt(bytes.length) << 32n) | BigInt(text)
        text += bytes.length
      }
    }
  }

  release(): void {
    this.instance.memory.release(this.region)
    this.instance.memory.release(this.text)
  }
}

/** Written files by name; reads are counted. */
export class Files implements SyncSource {
  readonly files = new Map<string, Uint8Array>()
  reads: { offset: number; size: number }[] = []

  read(file: string, offset: number, target: Uint8Array): number {
    this.reads.push({ offset, size: target.length })
    const part = this.files.get(file)?.subarray(offset, offset + target.length) ?? new Uint8Array()
    target.set(part)
    return part.length
  }

  /** The same behind an await. */
  later(): AsyncSource {
    return { read: async (file, offset, target) => this.read(file, offset, target) }
  }
}

/** Writes the parts of one segment. */
export function writeSegment(
  instance: KernelInstance,
  id: number,
  parts: { rows: readonly Row[]; spec: PartSpec }[],
): { parts: (PartDescription | null)[]; bytes: Uint8Array; writer: SegmentWriter } {
  const chunks: Uint8Array[] = []
  const writer = new SegmentWriter(instance, id, (bytes) => chunks.push(bytes.slice()))
  const cache = new Cache(instance.memory, 1 << 20)
  const descriptions: (PartDescription | null)[] = []
  try {
    for (const { rows, spec } of parts) {
      const source = new ArraySource(instance, rows, spec.columns)
      try {
        descriptions.push(runSync(writePart(writer, source, spec), { cache, source: new Files() }))
      } finally {
        source.release()
      }
    }
  } finally {
    writer.release()
  }
  return { parts: descriptions, bytes: new Uint8Array(Buffer.concat(chunks)), writer }
}

export interface Opened {
  instance: KernelInstance
  files: Files
  cache: Cache
  reader: PartReader
  run: <T>(execution: Execution<T>) => T
}

/** Writes rows as one part of segment 12 and opens it. */
export function openRows(
  instance: KernelInstance,
  rows: readonly Row[],
  columns: readonly TestColumn[],
  capacity = 1 << 24,
): Opened {
  const spec = { table: 3, partition: 0n, sequence: 9n, columns }
  const { parts, bytes } = writeSegment(instance, 12, [{ rows, spec }])
  const files = new Files()
  files.files.set(segmentName(12), bytes)
  const cache = new Cache(instance.memory, capacity)
  const run = <T>(execution: Execution<T>): T => runSync(execution, { cache, source: files })
  return { instance, files, cache, run, reader: new PartReader(instance, cache, parts[0]!) }
}

/** A slot as a Value again. */
export function valueOf(instance: KernelInstance, type: FieldType, slot: number): Value {
  const { memory } = instance
  if (type === 0) return memory.f64[slot / 8]!
  if (type === 1) return memory.i64[slot / 8]!
  if (type < 4) return memory.u64[slot / 8]!
  const pointer = memory.u32[slot / 4]!
  return Buffer.from(memory.u8.slice(pointer, pointer + memory.u32[slot / 4 + 1]!)).toString()
}

/** One column of each type. */
export const COLUMNS: TestColumn[] = [
  { id: 4, type: 0 },
  { id: 5, type: 1 },
  { id: 9, type: 2 },
  { id: 10, type: 3 },
  { id: 70_000, type: 4 },
]
/** Time of the first row of every series. */
export const START = 1_790_000_000_000_000_000n
/** `lengths[s]` rows of series 7·s + 1, every 10 s, with all types and some nulls. */
export function makeRows(lengths: readonly number[], seed = 1): Row[] {
  const random = randomOf(seed)
  const rows: Row[] = []
  for (const [s, length] of lengths.entries()) {
    for (let i = 0; i < length; i++) {
      const values: Value[] = [
        random.int(10_000) / 100,
        BigInt(i) * 1000n - 5n,
        2n ** 63n + BigInt(random.int(100)),
        BigInt(random.int(2)),
        `state-${random.int(9)}`,
      ]
      for (let c = 0; c < values.length; c++) if (random.chance(0.05)) values[c] = null
      rows.push({ series: 7 * s + 1, time: START + BigInt(i) * 10_000_000_000n, values })
    }
  }
  return rows
}

/** Everything a part holds, through its blocks. */
export function readAll(opened: Opened): Row[] {
  const { instance } = opened
  const pins = opened.cache.pins()
  const scratch = instance.memory.allocate(1024 * 9)
  try {
    opened.run(opened.reader.open(pins))
    const rows: Row[] = []
    for (let block = 0; block < opened.reader.blockCount; block++) {
      rows.push(...readBlock(opened, pins, block, scratch.offset))
      pins.release()
    }
    nameSeries(opened, pins, rows)
    return rows
  } finally {
    pins.release()
    instance.memory.release(scratch)
  }
}

function readBlock(
  { instance, reader, run }: Opened,
  pins: Pins,
  block: number,
  values: number,
): Row[] {
  const { kernel, memory } = instance
  const valid = values + 8192
  const count = Math.min(1024, reader.rows - block * 1024)
  const entry = run(reader.entry(pins, TIME, block))
  const bytes = run(reader.block(pins, TIME, block))
  expect(kernel.decodeTimes(bytes, entry, 0, count, values)).toBe(count)
  const times = memory.i64.slice(values / 8, values / 8 + count)
  const rows = Array.from(times, (time): Row => ({ series: 0, time, values: [] }))
  for (const { id, type } of reader.columns) {
    const head = run(reader.entry(pins, id, block))
    const at = run(reader.block(pins, id, block))
    if (head !== 0) {
      expect(kernel.decodeColumn(type, at, head, 0, count, values, valid)).toBe(count)
    }
    for (const [i, row] of rows.entries()) {
      const isValid = head !== 0 && memory.u8[valid + i] === 1
      row.values.push(isValid ? valueOf(instance, type, values + i * 8) : null)
    }
  }
  return rows
}

function nameSeries({ instance, reader, run }: Opened, pins: Pins, rows: Row[]): void {
  for (let index = 0; index < reader.seriesPageCount; index++) {
    const page = run(reader.seriesPage(pins, index))
    const { u32 } = instance.memory
    for (let k = 0; k < page.count; k++) {
      const end = u32[page.starts / 4 + k + 1]!
      for (let row = u32[page.starts / 4 + k]!; row < end; row++) {
        rows[row]!.series = u32[page.ids / 4 + k]!
      }
    }
  }
}
