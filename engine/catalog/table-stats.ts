// What a table takes on disk: per column and codec the blocks, values, bytes and bits per value,
// read from the directory pages of its parts (no block is read).

import type { CatalogTable } from './catalog-table.ts'
import { fieldTypeName } from '../field.ts'
import type { KernelInstance } from '../kernel.ts'
import { TIME, type PartReader } from '../segment/part.ts'
import type { PartVersion } from '../segment/part-set.ts'
import type { Cache, Pins } from '../segment/cache.ts'
import type { Execution } from '../step.ts'
import { compareText } from './tags.ts'

export interface CodecStats {
  readonly codec: string
  readonly blocks: number
  /** Non-null values. */
  readonly values: number
  readonly bytes: number
  readonly bitsPerValue: number
}

export interface ColumnStats {
  readonly name: string
  readonly type: string
  readonly codecs: CodecStats[]
}

export interface TableStats {
  readonly name: string
  readonly segments: number
  readonly parts: number
  /** Rows in parts, with those that are hidden or overwritten until a merge takes them. */
  readonly rows: number
  readonly bytes: number
  /** Time first, then the fields in byte order. */
  readonly columns: ColumnStats[]
}

interface Count {
  blocks: number
  values: number
  bytes: number
}

/** By the encoding number of format.md. */
const CODEC_NAMES = ['null', 'line', 'decimal', 'ordered-float', 'dictionary']

/** Reads the pages of every part of the table in `version`, which the caller holds. */
export function* tableStats(
  { instance, cache }: { instance: KernelInstance; cache: Cache },
  table: CatalogTable,
  version: PartVersion,
): Execution<TableStats> {
  const readers = version.tables.get(table.id) ?? []
  const fields = [...table.columns.values()].sort((a, b) => compareText(a.name, b.name))
  const described = [
    { id: TIME, name: 'time', type: 'timestamp' },
    ...fields.map(({ id, name, type }) => ({ id, name, type: fieldTypeName(type) })),
  ]
  const pins = cache.pins()
  const columns: ColumnStats[] = []
  try {
    for (const reader of readers) yield* reader.open(pins)
    for (const { id, name, type } of described) {
      const counts = yield* countColumn(instance, pins, readers, id)
      columns.push({ name, type, codecs: codecStats(counts) })
      yield { pause: true }
    }
  } finally {
    pins.release()
  }
  return {
    name: table.name,
    segments: new Set(readers.map(({ description }) => description.file)).size,
    parts: readers.length,
    rows: readers.reduce((sum, { rows }) => sum + rows, 0),
    bytes: readers.reduce((sum, { description }) => sum + description.size, 0),
    columns,
  }
}

function* countColumn(
  { memory }: KernelInstance,
  pins: Pins,
  readers: readonly PartReader[],
  column: number,
): Execution<Map<number, Count>> {
  const counts = new Map<number, Count>()
  for (const reader of readers) {
    for (let block = 0; block < reader.blockCount; block++) {
      const entry = yield* reader.entry(pins, column, block)
      if (entry === 0) continue
      const encoding = memory.u8[entry + 16]!
      const count = counts.get(encoding) ?? { blocks: 0, values: 0, bytes: 0 }
      count.blocks++
      count.values += memory.u16[(entry + 14) >>> 1]!
      count.bytes += memory.u32[(entry + 4) >>> 2]!
      counts.set(encoding, count)
    }
  }
  return counts
}

function codecStats(counts: ReadonlyMap<number, Count>): CodecStats[] {
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([encoding, count]) =>
      codecStatsOf(CODEC_NAMES[encoding] ?? `encoding-${encoding}`, count),
    )
}

/** Numbers of a codec with the bits of a value. */
export function codecStatsOf(codec: string, { blocks, values, bytes }: Count): CodecStats {
  const bitsPerValue = values === 0 ? 0 : Math.round((bytes * 800) / values) / 100
  return { codec, blocks, values, bytes, bitsPerValue }
}
