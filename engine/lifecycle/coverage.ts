// Which times of which series are deleted, for look-ups: a level is an immutable, sorted list of
// ranges, each with the newest tombstone that covers it. A new tombstone is a level of its own; when
// the one before is not much larger they become one (a log-structured merge, so a range is copied a
// logarithmic number of times), and a reader keeps the levels that it began with.

import { type DeletedRanges, spanOf } from './tombstone.ts'

/** Stands for every series of the table; sorts last. */
export const EVERY = 0xffffffff
/** A level is merged with the one before it unless that has so many times its ranges. */
const LEVEL_FACTOR = 2

/** Ranges of times, ascending, that do not overlap; ends are exclusive. */
export interface TimeRanges {
  readonly starts: BigInt64Array
  readonly ends: BigInt64Array
}

export interface Level {
  /** Ascending ids; the last one may be EVERY. */
  readonly series: Uint32Array
  /** First range of each series, and the number of ranges behind the last. */
  readonly firsts: Uint32Array
  /** Ranges of a series ascend and do not overlap. */
  readonly starts: BigInt64Array
  readonly ends: BigInt64Array
  /** The newest tombstone that covers each. */
  readonly ids: Uint32Array
  /** The oldest and the newest of these. */
  readonly oldest: number
  readonly newest: number
  /** Least and greatest time, the latter exclusive. */
  readonly start: bigint
  readonly end: bigint
}

/** A tombstone as a level. */
export function levelOf(id: number, ranges: DeletedRanges): Level {
  const series = ranges.series ?? Uint32Array.of(EVERY)
  const [start, end] = spanOf(ranges)
  const span = { oldest: id, newest: id, start, end }
  const count = ranges.starts.length
  if (ranges.firsts !== null || series.length === 1) {
    const { firsts, starts, ends } = ranges
    const ids = new Uint32Array(count).fill(id)
    return { series, firsts: firsts ?? Uint32Array.of(0, count), starts, ends, ids, ...span }
  }
  const total = series.length * count
  const repeated = (times: BigInt64Array): BigInt64Array => {
    const all = new BigInt64Array(total)
    for (let i = 0; i < series.length; i++) all.set(times, i * count)
    return all
  }
  return {
    series,
    firsts: Uint32Array.from({ length: series.length + 1 }, (_, i) => i * count),
    starts: repeated(ranges.starts),
    ends: repeated(ranges.ends),
    ids: new Uint32Array(total).fill(id),
    ...span,
  }
}

/** Levels, oldest first, with a newer one behind them. */
export function addLevel(levels: readonly Level[], level: Level): readonly Level[] {
  const result = [...levels]
  let last = level
  for (;;) {
    const before = result.at(-1)
    if (before === undefined || before.ids.length > last.ids.length * LEVEL_FACTOR) break
    last = mergeLevels(before, last)
    result.pop()
  }
  return [...result, last]
}

/** Levels without the ranges of some tombstones. */
export function withoutTombstones(
  levels: readonly Level[],
  isGone: (id: number) => boolean,
): readonly Level[] {
  const result: Level[] = []
  for (const level of levels) {
    const builder = new LevelBuilder(level.ids.length)
    level.series.forEach((series, i) => {
      builder.open(series)
      for (let at = level.firsts[i]!; at < level.firsts[i + 1]!; at++) {
        if (!isGone(level.ids[at]!)) builder.add(level, at, level.starts[at]!, level.ends[at]!)
      }
    })
    const kept = builder.build()
    if (kept !== null) result.push(kept)
  }
  return result
}

/**
 * What tombstones from `from` on cover of a series in [start, end); null if nothing. Ranges may reach
 * beyond [start, end).
 */
export function coveredTimes(
  levels: readonly Level[],
  series: number,
  from: number,
  start: bigint,
  end: bigint,
): TimeRanges | null {
  const found: TimeRanges[] = []
  for (const level of levels) {
    if (level.newest < from || level.start >= end || level.end <= start) continue
    for (const id of [series, EVERY]) {
      const ranges = rangesIn(level, id, from, start, end)
      if (ranges !== null) found.push(ranges)
    }
  }
  if (found.length === 0) return null
  return found.length === 1 ? found[0]! : joinRanges(found)
}

function rangesIn(
  level: Level,
  series: number,
  from: number,
  start: bigint,
  end: bigint,
): TimeRanges | null {
  const { firsts, starts, ends, ids } = level
  const index = lowerBound(level.series, series, 0, level.series.length)
  if (level.series[index] !== series) return null
  const last = firsts[index + 1]!
  // Ends ascend like starts.
  const low = lowerBound(ends, start + 1n, firsts[index]!, last)
  const high = lowerBound(starts, end, low, last)
  if (low === high) return null
  if (from <= level.oldest) {
    return { starts: starts.subarray(low, high), ends: ends.subarray(low, high) }
  }
  const kept: number[] = []
  for (let i = low; i < high; i++) if (ids[i]! >= from) kept.push(i)
  if (kept.length === 0) return null
  return {
    starts: BigInt64Array.from(kept, (i) => starts[i]!),
    ends: BigInt64Array.from(kept, (i) => ends[i]!),
  }
}

/** First index in [from, to) whose value is not below `value`, or `to`. */
function lowerBound<T extends number | bigint>(
  values: { readonly [index: number]: T },
  value: T,
  from: number,
  to: number,
): number {
  while (from < to) {
    const middle = (from + to) >>> 1
    if (values[middle]! < value) from = middle + 1
    else to = middle
  }
  return from
}

/** All times that are in one of the lists. */
function joinRanges(lists: readonly TimeRanges[]): TimeRanges {
  const all: [bigint, bigint][] = []
  for (const { starts, ends } of lists) {
    for (let i = 0; i < starts.length; i++) all.push([starts[i]!, ends[i]!])
  }
  all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const joined: [bigint, bigint][] = []
  for (const [start, end] of all) {
    const last = joined.at(-1)
    if (last === undefined || start > last[1]) joined.push([start, end])
    else if (end > last[1]) last[1] = end
  }
  return {
    starts: BigInt64Array.from(joined, ([start]) => start),
    ends: BigInt64Array.from(joined, ([, end]) => end),
  }
}

/** Both levels as one: where they overlap, the newer one's tombstone stands. */
function mergeLevels(older: Level, newer: Level): Level {
  // A range of the older one is cut in two at most by each of the newer.
  const builder = new LevelBuilder(older.ids.length + 2 * newer.ids.length)
  let i = 0
  let j = 0
  while (i < older.series.length || j < newer.series.length) {
    const a = older.series[i] ?? Infinity
    const b = newer.series[j] ?? Infinity
    builder.open(Math.min(a, b))
    const olderEnd = a <= b ? older.firsts[i + 1]! : 0
    const newerEnd = b <= a ? newer.firsts[j + 1]! : 0
    let at = a <= b ? older.firsts[i]! : 0
    let start = at < olderEnd ? older.starts[at]! : 0n
    for (let k = b <= a ? newer.firsts[j]! : 0; k < newerEnd; k++) {
      const from = newer.starts[k]!
      const to = newer.ends[k]!
      while (at < olderEnd && start < to) {
        const end = older.ends[at]!
        if (start < from) builder.add(older, at, start, end < from ? end : from)
        if (end > to) {
          start = to
          break
        }
        at++
        if (at < olderEnd) start = older.starts[at]!
      }
      builder.add(newer, k, from, to)
    }
    while (at < olderEnd) {
      builder.add(older, at, start, older.ends[at]!)
      at++
      if (at < olderEnd) start = older.starts[at]!
    }
    if (a <= b) i++
    if (b <= a) j++
  }
  return builder.build()!
}

/** Collects ranges, series by series; ranges of one series in order. */
class LevelBuilder {
  private readonly series: number[] = []
  private readonly firsts: number[] = []
  private readonly starts: BigInt64Array
  private readonly ends: BigInt64Array
  private readonly ids: Uint32Array
  private count = 0
  private current = 0

  constructor(capacity: number) {
    this.starts = new BigInt64Array(capacity)
    this.ends = new BigInt64Array(capacity)
    this.ids = new Uint32Array(capacity)
  }

  open(series: number): void {
    this.current = series
  }

  add({ ids }: Level, at: number, start: bigint, end: bigint): void {
    if (this.series.at(-1) !== this.current) {
      this.series.push(this.current)
      this.firsts.push(this.count)
    }
    this.starts[this.count] = start
    this.ends[this.count] = end
    this.ids[this.count] = ids[at]!
    this.count++
  }

  build(): Level | null {
    const { count } = this
    if (count === 0) return null
    const ranges = {
      series: Uint32Array.from(this.series),
      firsts: Uint32Array.from([...this.firsts, count]),
      starts: this.starts.slice(0, count),
      ends: this.ends.slice(0, count),
    }
    const ids = this.ids.slice(0, count)
    const [start, end] = spanOf(ranges)
    let oldest = ids[0]!
    let newest = ids[0]!
    for (const id of ids) {
      if (id < oldest) oldest = id
      if (id > newest) newest = id
    }
    return { ...ranges, ids, oldest, newest, start, end }
  }
}
