// Catalog entries: what is new, as bytes. The same bytes lie in the log record of the batch that
// first used a table, column, shape or series, and in the catalog file (docs/format.md, "Catalog
// entries"). The kernel writes tables, tags, columns, shapes and series (assembly/commit.ts) and reads
// them (assembly/catalog-replay.ts); the rest is the host's, kinds from 9 on all of them.

import { OmenError } from '../error.ts'
import type { FieldType } from '../field.ts'
import { FROZEN_NONE, type RollupProgress } from '../rollup/registry.ts'
import { type Tombstone, decodeTombstone } from '../lifecycle/tombstone.ts'

export type CatalogEntry =
  | { kind: 'database'; id: number; name: string }
  | { kind: 'table'; id: number; database: number; partitionSeconds: number; name: string }
  | { kind: 'column'; id: number; table: number; type: FieldType; name: string }
  | { kind: 'shape'; id: number; table: number }
  | { kind: 'series'; id: number; table: number }
  | { kind: 'tableDropped'; id: number }
  | { kind: 'databaseDropped'; id: number }
  | { kind: 'tag'; id: number; table: number; name: string }
  /** Of the table `id`: nanoseconds and the text they were set by; 0 and '' = points are kept. */
  | { kind: 'settings'; id: number; retention: bigint; text: string }
  | { kind: 'columnDropped'; id: number }
  | { kind: 'seriesDropped'; id: number }
  | ({ kind: 'tombstone' } & Tombstone)
  | { kind: 'tombstoneDropped'; id: number }
  /** `text` is the definition (rollup/definition.ts). */
  | { kind: 'rollup'; id: number; source: number; target: number; text: string }
  | { kind: 'rollupDropped'; id: number }
  | ({ kind: 'rollupRefreshed' } & RollupProgress)
  /** All ids below `next` of the kind with the number `id` were given (ID_KINDS). */
  | { kind: 'idsGiven'; id: number; next: number }
  /** No part holds values of this dropped field any more. */
  | { kind: 'columnPurged'; id: number }
  /** Of the table `id`: what a layer above says of it; '' = nothing. */
  | { kind: 'declaration'; id: number; text: string }

const HEADER_SIZE = 12

/** Numbers of the kinds of entries. */
export const ENTRY = {
  database: 1,
  table: 2,
  column: 3,
  shape: 4,
  series: 5,
  tableDropped: 6,
  databaseDropped: 7,
  tag: 8,
  settings: 9,
  columnDropped: 10,
  seriesDropped: 11,
  tombstone: 12,
  tombstoneDropped: 13,
  rollup: 14,
  rollupDropped: 15,
  rollupRefreshed: 16,
  idsGiven: 17,
  columnPurged: 18,
  declaration: 19,
} as const

/** By kind: its name, and the bytes of its payload before a name or key. */
const KINDS = new Map<number, { name: CatalogEntry['kind']; fixed: number }>([
  [1, { name: 'database', fixed: 0 }],
  [2, { name: 'table', fixed: 8 }],
  [3, { name: 'column', fixed: 8 }],
  [4, { name: 'shape', fixed: 4 }],
  [5, { name: 'series', fixed: 4 }],
  [6, { name: 'tableDropped', fixed: 0 }],
  [7, { name: 'databaseDropped', fixed: 0 }],
  [8, { name: 'tag', fixed: 4 }],
  [9, { name: 'settings', fixed: 8 }],
  [10, { name: 'columnDropped', fixed: 0 }],
  [11, { name: 'seriesDropped', fixed: 0 }],
  [12, { name: 'tombstone', fixed: 24 }],
  [13, { name: 'tombstoneDropped', fixed: 0 }],
  [14, { name: 'rollup', fixed: 8 }],
  [15, { name: 'rollupDropped', fixed: 0 }],
  [16, { name: 'rollupRefreshed', fixed: 20 }],
  [17, { name: 'idsGiven', fixed: 4 }],
  [18, { name: 'columnPurged', fixed: 0 }],
  [19, { name: 'declaration', fixed: 0 }],
])
const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** Walks entries in order. Throws `corrupt` at the first that is none; names are copied. */
export function* decodeEntries(bytes: Uint8Array): Generator<CatalogEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  while (at < bytes.length) {
    const size = entrySize(view, at)
    yield decodeEntry(view, bytes, at, size)
    at += size
  }
}

/**
 * Visits entries in order without decoding them: the place of each in `bytes`, and its size. Throws
 * `corrupt` as decodeEntries does.
 */
export function walkEntries(
  bytes: Uint8Array,
  visit: (view: DataView, at: number, size: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  while (at < bytes.length) {
    const size = entrySize(view, at)
    visit(view, at, size)
    at += size
  }
}

/** Cuts a run of entries into runs of at most `sizeMax` bytes; an entry is never cut. */
export function* splitEntries(bytes: Uint8Array, sizeMax: number): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let start = 0
  let at = 0
  while (at < bytes.length) {
    const size = entrySize(view, at)
    if (at > start && at + size - start > sizeMax) {
      yield bytes.subarray(start, at)
      start = at
    }
    at += size
  }
  if (at > start) yield bytes.subarray(start, at)
}

/** Bytes of the entry at `at`, after checking that it lies inside and has its fixed part. */
function entrySize(view: DataView, at: number): number {
  const left = view.byteLength - at
  if (left < HEADER_SIZE) throw corrupt(at, 'is cut off')
  const kind = view.getUint8(at)
  const size = view.getUint32(at + 4, true)
  const fixed = KINDS.get(kind)?.fixed
  if (fixed === undefined) throw corrupt(at, `has kind ${kind}`)
  if ((view.getUint32(at, true) & 0xffffff00) !== 0) throw corrupt(at, 'has reserved bits')
  if (size < HEADER_SIZE + fixed || size > left) throw corrupt(at, `has size ${size} of ${left}`)
  return size
}

function decodeEntry(view: DataView, bytes: Uint8Array, at: number, size: number): CatalogEntry {
  const kind = KINDS.get(view.getUint8(at))!.name
  const id = view.getUint32(at + 8, true)
  const first = (): number => view.getUint32(at + 12, true)
  const second = (): number => view.getUint32(at + 16, true)
  const name = (offset: number): string => decoder.decode(bytes.slice(at + offset, at + size))
  switch (kind) {
    case 'database':
      return { kind, id, name: name(12) }
    case 'table':
      return { kind, id, database: first(), partitionSeconds: second(), name: name(20) }
    case 'column': {
      const type = second()
      if (type > 4) throw corrupt(at, `has field type ${type}`)
      return { kind, id, table: first(), type: type as FieldType, name: name(20) }
    }
    case 'shape':
    case 'series':
      return { kind, id, table: first() }
    case 'tag':
      return { kind, id, table: first(), name: name(16) }
    case 'settings': {
      const retention = view.getBigInt64(at + 12, true)
      if (retention < 0n) throw corrupt(at, `has retention ${retention}`)
      return { kind, id, retention, text: name(20) }
    }
    case 'tombstone':
      return { kind, ...decodeTombstone(bytes.subarray(at, at + size)) }
    case 'rollup':
      return { kind, id, source: first(), target: second(), text: name(20) }
    case 'rollupRefreshed': {
      const watermark = view.getBigInt64(at + 12, true)
      const frozenBefore = view.getBigInt64(at + 20, true)
      const tombstonesFrom = view.getUint32(at + 28, true)
      const begins = size < 40 ? FROZEN_NONE : view.getBigInt64(at + 32, true)
      return { kind, id, watermark, frozenBefore, begins, tombstonesFrom }
    }
    case 'idsGiven':
      return { kind, id, next: first() }
    case 'declaration':
      return { kind, id, text: name(12) }
    default:
      return { kind, id }
  }
}

function corrupt(at: number, fact: string): OmenError {
  return new OmenError('corrupt', `catalog: entry at ${at} ${fact}`)
}

/** The entry that creates a database. */
export function encodeDatabase(id: number, name: string): Uint8Array {
  return encodeEntry(1, id, encoder.encode(name))
}

/** The entry that drops a table, with its columns and series. */
export function encodeTableDropped(id: number): Uint8Array {
  return encodeEntry(6, id, new Uint8Array())
}

/** The entry that drops a database, with its tables. */
export function encodeDatabaseDropped(id: number): Uint8Array {
  return encodeEntry(7, id, new Uint8Array())
}

/** The entry that makes a table, without columns. */
export function encodeTable(
  id: number,
  {
    database,
    partitionSeconds,
    name,
  }: { database: number; partitionSeconds: number; name: string },
): Uint8Array {
  return encodeEntry(2, id, numbersAndName([database, partitionSeconds], name))
}

/** The entry that adds a field. */
export function encodeColumn(id: number, table: number, type: FieldType, name: string): Uint8Array {
  return encodeEntry(3, id, numbersAndName([table, type], name))
}

/** The entry that adds a tag key. */
export function encodeTag(id: number, table: number, name: string): Uint8Array {
  return encodeEntry(8, id, numbersAndName([table], name))
}

/** The entry that sets the retention of a table: nanoseconds and their text; 0 and '' = for ever. */
export function encodeSettings(table: number, retention: bigint, text: string): Uint8Array {
  const numbers = [Number(retention & 0xffffffffn), Number(retention >> 32n)]
  return encodeEntry(9, table, numbersAndName(numbers, text))
}

/** The entry that says what a layer above keeps of a table; '' = nothing. */
export function encodeDeclaration(table: number, text: string): Uint8Array {
  return encodeEntry(ENTRY.declaration, table, encoder.encode(text))
}

/** The entry that drops a field; what parts hold of it goes with their next rewrite. */
export function encodeColumnDropped(id: number): Uint8Array {
  return encodeEntry(10, id, new Uint8Array())
}

/** The entry that drops a series, which has no rows. */
export function encodeSeriesDropped(id: number): Uint8Array {
  return encodeEntry(11, id, new Uint8Array())
}

function numbersAndName(numbers: readonly number[], name: string): Uint8Array {
  const text = encoder.encode(name)
  const bytes = new Uint8Array(numbers.length * 4 + text.length)
  const view = new DataView(bytes.buffer)
  for (const [i, number] of numbers.entries()) view.setUint32(i * 4, number, true)
  bytes.set(text, numbers.length * 4)
  return bytes
}

/** The entry that declares a rollup; `text` is its definition. */
export function encodeRollup(id: number, source: number, target: number, text: string): Uint8Array {
  const rest = new Uint8Array([...new Uint8Array(8), ...encoder.encode(text)])
  const view = new DataView(rest.buffer)
  view.setUint32(0, source, true)
  view.setUint32(4, target, true)
  return encodeEntry(14, id, rest)
}

/** The entry that ends a rollup; its table is dropped by an entry of its own. */
export function encodeRollupDropped(id: number): Uint8Array {
  return encodeEntry(15, id, new Uint8Array())
}

/** The entry that says how far a rollup has come (rollup/registry.ts). */
export function encodeRollupRefreshed(progress: RollupProgress): Uint8Array {
  const { id, watermark, frozenBefore, begins, tombstonesFrom } = progress
  const rest = new Uint8Array(28)
  const view = new DataView(rest.buffer)
  view.setBigInt64(0, watermark, true)
  view.setBigInt64(8, frozenBefore, true)
  view.setUint32(16, tombstonesFrom, true)
  view.setBigInt64(20, begins, true)
  return encodeEntry(16, id, rest)
}

/** The entry that all ids below `next` of a kind were given. */
export function encodeIdsGiven(kind: number, next: number): Uint8Array {
  return encodeEntry(ENTRY.idsGiven, kind, numbersAndName([next], ''))
}

/** The entries that no part holds these dropped fields any more. */
export function encodeColumnsPurged(ids: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ids.length * HEADER_SIZE)
  for (const [i, id] of ids.entries()) {
    bytes.set(encodeEntry(ENTRY.columnPurged, id, new Uint8Array()), i * HEADER_SIZE)
  }
  return bytes
}

function encodeEntry(kind: number, id: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + rest.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, kind)
  view.setUint32(4, bytes.length, true)
  view.setUint32(8, id, true)
  bytes.set(rest, HEADER_SIZE)
  return bytes
}
