// A tombstone: ranges of time of some series, or of every series of a table, that were deleted. It is
// one catalog entry, so a delete is one record of the log, wholly there or not at all. What it hides
// is older than itself: rows of parts below its sequence, and those that were in memtables when it
// came (docs/format.md, "Tombstones").

import { OmenError, assert } from '../error.ts'

/** Ranges of time by series. Ranges of a series ascend and do not meet. */
export interface DeletedRanges {
  /** Ascending ids; null: every series of the table. */
  readonly series: Uint32Array | null
  /** First range of each series, and the number of ranges behind the last; null: each has them all. */
  readonly firsts: Uint32Array | null
  /** Nanoseconds, inclusive. */
  readonly starts: BigInt64Array
  /** Exclusive. */
  readonly ends: BigInt64Array
}

export interface Tombstone {
  /** Dense from 0, never reused. */
  readonly id: number
  readonly table: number
  /** It hides rows of parts with a lower one. */
  readonly sequence: bigint
  readonly ranges: DeletedRanges
}

/** Kinds of catalog entries. */
export const TOMBSTONE = 12
const TOMBSTONE_DROPPED = 13

const HEADER_SIZE = 36
const DROPPED_SIZE = 12
const EVERY_SERIES = 0
const ONE_FOR_ALL = 1
const BY_SERIES = 2

/** The entry of a tombstone. */
export function encodeTombstone({ id, table, sequence, ranges }: Tombstone): Uint8Array {
  const { series, firsts, starts, ends } = ranges
  const seriesCount = series?.length ?? 0
  const form = series === null ? EVERY_SERIES : firsts === null ? ONE_FOR_ALL : BY_SERIES
  const countsAt = HEADER_SIZE + seriesCount * 4
  const rangesAt = countsAt + (form === BY_SERIES ? seriesCount * 4 : 0)
  const bytes = new Uint8Array(rangesAt + starts.length * 16)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, TOMBSTONE)
  view.setUint32(4, bytes.length, true)
  view.setUint32(8, id, true)
  view.setUint32(12, table, true)
  view.setBigInt64(16, sequence, true)
  view.setUint8(24, form)
  view.setUint32(28, seriesCount, true)
  view.setUint32(32, starts.length, true)
  series?.forEach((of, i) => {
    view.setUint32(HEADER_SIZE + i * 4, of, true)
    if (firsts !== null) view.setUint32(countsAt + i * 4, firsts[i + 1]! - firsts[i]!, true)
  })
  for (let i = 0; i < starts.length; i++) {
    view.setBigInt64(rangesAt + i * 16, starts[i]!, true)
    view.setBigInt64(rangesAt + i * 16 + 8, ends[i]!, true)
  }
  return bytes
}

/** The entries that tombstones hide nothing any more. */
export function encodeTombstonesDropped(ids: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ids.length * DROPPED_SIZE)
  const view = new DataView(bytes.buffer)
  for (const [i, id] of ids.entries()) {
    view.setUint8(i * DROPPED_SIZE, TOMBSTONE_DROPPED)
    view.setUint32(i * DROPPED_SIZE + 4, DROPPED_SIZE, true)
    view.setUint32(i * DROPPED_SIZE + 8, id, true)
  }
  return bytes
}

/** The tombstone of a whole entry. Throws `corrupt` if its numbers contradict each other. */
export function decodeTombstone(entry: Uint8Array): Tombstone {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length)
  const id = view.getUint32(8, true)
  if (entry.length < HEADER_SIZE) throw corrupt(id, `has ${entry.length} bytes`)
  const form = view.getUint8(24)
  const seriesCount = view.getUint32(28, true)
  const rangeCount = view.getUint32(32, true)
  const counts = form === BY_SERIES ? seriesCount : 0
  const rangesAt = HEADER_SIZE + (seriesCount + counts) * 4
  const isSound =
    view.getUint32(24, true) <= BY_SERIES &&
    rangesAt + rangeCount * 16 === entry.length &&
    (form === EVERY_SERIES ? seriesCount === 0 : seriesCount > 0)
  if (!isSound) throw corrupt(id, `of ${entry.length} bytes names others`)
  const numbers = (at: number, count: number): Uint32Array =>
    Uint32Array.from({ length: count }, (_, i) => view.getUint32(at + i * 4, true))
  const times = (at: number): BigInt64Array =>
    BigInt64Array.from({ length: rangeCount }, (_, i) => view.getBigInt64(at + i * 16, true))
  const ranges = {
    series: form === EVERY_SERIES ? null : numbers(HEADER_SIZE, seriesCount),
    firsts: form === BY_SERIES ? firstsOf(numbers(HEADER_SIZE + seriesCount * 4, counts)) : null,
    starts: times(rangesAt),
    ends: times(rangesAt + 8),
  }
  if (!areOrdered(ranges)) throw corrupt(id, 'has ranges out of order')
  return { id, table: view.getUint32(12, true), sequence: view.getBigInt64(16, true), ranges }
}

/**
 * Gives the tombstones among logged entries, in place, the sequence that they have when the log is
 * replayed.
 */
export function setSequences(entries: Uint8Array, sequence: bigint): void {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length)
  for (let at = 0; at + 12 <= entries.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint8(at) === TOMBSTONE) view.setBigInt64(at + 16, sequence, true)
    assert(view.getUint32(at + 4, true) >= 12, `catalog entry at ${at} has no size`)
  }
}

/** The least and the greatest time of all ranges, the latter exclusive. */
export function spanOf({ firsts, starts, ends }: DeletedRanges): [start: bigint, end: bigint] {
  if (firsts === null) return [starts[0]!, ends.at(-1)!]
  let start = starts[0]!
  let end = ends[0]!
  for (let i = 0; i + 1 < firsts.length; i++) {
    if (starts[firsts[i]!]! < start) start = starts[firsts[i]!]!
    if (ends[firsts[i + 1]! - 1]! > end) end = ends[firsts[i + 1]! - 1]!
  }
  return [start, end]
}

function firstsOf(counts: Uint32Array): Uint32Array {
  const firsts = new Uint32Array(counts.length + 1)
  for (const [i, count] of counts.entries()) firsts[i + 1] = firsts[i]! + count
  return firsts
}

function areOrdered({ series, firsts, starts, ends }: DeletedRanges): boolean {
  if (starts.length === 0) return false
  if (series?.some((id, i) => i > 0 && id <= series[i - 1]!)) return false
  if (firsts !== null && firsts.at(-1) !== starts.length) return false
  const opens = new Set(firsts)
  if (firsts !== null && opens.size !== firsts.length) return false
  return starts.every((start, i) => {
    return start < ends[i]! && (i === 0 || opens.has(i) || start > ends[i - 1]!)
  })
}

function corrupt(id: number, fact: string): OmenError {
  return new OmenError('corrupt', `catalog: tombstone ${id} ${fact}`)
}
