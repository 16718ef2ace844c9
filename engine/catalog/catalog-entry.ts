// Catalog entries: what is new, as bytes. The same bytes lie in the log record of the batch that
// first used a table, column, shape or series, and in the catalog file (docs/format.md, "Catalog
// entries"). The kernel writes tables, tags, columns, shapes and series (assembly/commit.ts); the
// host the rest.

import { OmenError } from '../error.ts'
import type { FieldType } from '../field.ts'

export type CatalogEntry =
  | { kind: 'database'; id: number; name: string }
  | { kind: 'table'; id: number; database: number; partitionSeconds: number; name: string }
  | { kind: 'column'; id: number; table: number; type: FieldType; name: string }
  | { kind: 'shape'; id: number; table: number }
  | { kind: 'series'; id: number; table: number }
  | { kind: 'tableDropped'; id: number }
  | { kind: 'databaseDropped'; id: number }
  | { kind: 'tag'; id: number; table: number; name: string }

const HEADER_SIZE = 12
const KINDS = [
  'database',
  'table',
  'column',
  'shape',
  'series',
  'tableDropped',
  'databaseDropped',
  'tag',
] as const
/** Bytes of a payload after the id, before its name or key. */
const FIXED_SIZES = [0, 8, 8, 4, 4, 0, 0, 4]
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

/** Bytes of the entry at `at`, after checking that it lies inside and has its fixed part. */
function entrySize(view: DataView, at: number): number {
  const left = view.byteLength - at
  if (left < HEADER_SIZE) throw corrupt(at, 'is cut off')
  const kind = view.getUint8(at)
  const size = view.getUint32(at + 4, true)
  const fixed = FIXED_SIZES[kind - 1]
  if (fixed === undefined) throw corrupt(at, `has kind ${kind}`)
  if ((view.getUint32(at, true) & 0xffffff00) !== 0) throw corrupt(at, 'has reserved bits')
  if (size < HEADER_SIZE + fixed || size > left) throw corrupt(at, `has size ${size} of ${left}`)
  return size
}

function decodeEntry(view: DataView, bytes: Uint8Array, at: number, size: number): CatalogEntry {
  const kind = KINDS[view.getUint8(at) - 1]!
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

function encodeEntry(kind: number, id: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + rest.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, kind)
  view.setUint32(4, bytes.length, true)
  view.setUint32(8, id, true)
  bytes.set(rest, HEADER_SIZE)
  return bytes
}
