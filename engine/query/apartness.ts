// Which sources of a series share no time. Rows of such sources overwrite nothing, so they need no merge:
// an aggregate takes them source by source, and late points cost what they are. Of two parts it is found
// out once, by comparing times block by block, and kept with the newer one (segment/apart-series.ts);
// of a memtable, which changes, each time.

import { OmenError } from '../error.ts'
import type { Region } from '../memory.ts'
import type { MemtableRows } from '../memtable.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import { TIME, type PartReader, type SeriesRange } from '../segment/part.ts'
import type { Execution } from '../step.ts'
import type { Kernel, KernelInstance } from '../kernel.ts'
import { PartRows } from './part-rows.ts'
import type { RowSlice } from './row-slice.ts'
import type { Scan } from './scan.ts'

/** Rows of a series that are looked through as a whole, so that it is known once and for all. */
const WHOLE_ROWS = 1 << 16
/** The same, as a multiple of the rows that are asked for. */
const WHOLE_SHARE = 4
/** What looking at two sources and comparing two blocks costs, in values. */
const PAIR_VALUES = 64
const COMPARED_VALUES = 2 * BLOCK_ROWS

/** Rows [start, end) of a source with the times of the first and the last. */
type RowRange = Pick<SeriesRange, 'start' | 'end' | 'firstTime' | 'lastTime'>

type Bounds = readonly [first: bigint, last: bigint]

/** Times of a source in runs of at most BLOCK_ROWS rows. */
interface TimeRuns extends RowRange {
  readonly runs: number
  /** First and last time of a run. */
  bounds(run: number): Bounds | Execution<Bounds>
  /** Fills i64[rows] at `target`; how many they are. */
  load(run: number, target: number): number | Execution<number>
  /** Shares a run no time with i64[count] at `times`? */
  isApart(run: number, times: number, count: number): boolean | Execution<boolean>
}

/** Of one scan. Release it. */
export class Apartness {
  private readonly scan: Scan
  private scratch: Region | null = null

  constructor(scan: Scan) {
    this.scan = scan
  }

  /** Is it known that no time of the series stands in two of the sources? As `isApart`, without looking. */
  isKnownApart(sources: readonly (PartRows | MemtableRows)[]): boolean {
    const { partVersion } = this.scan.snapshot
    for (let age = 1; age < sources.length; age++) {
      const rows = sources[age]!
      if (!(rows instanceof PartRows)) return false
      if (rows.view.reader.apart.get(rows.index, partVersion) !== true) return false
    }
    return true
  }

  /** Does no time of a series stand in two of the sources? They overlap, oldest first. */
  *isApart(series: number, sources: readonly (PartRows | MemtableRows)[]): Execution<boolean> {
    for (const [age, rows] of sources.entries()) {
      if (age === 0) continue
      const isPart = rows instanceof PartRows
      const known = isPart ? yield* this.knownOf(series, rows) : null
      if (known === true) continue
      if (known === false) return false
      const times = this.runsOf(rows)
      for (const older of sources.slice(0, age)) {
        if (!(yield* this.areApart(times, this.runsOf(older)))) return false
      }
    }
    return true
  }

  /** The same for what one window has of them; some may have no rows. */
  *areSlicesApart(slices: readonly RowSlice<PartRows | MemtableRows>[]): Execution<boolean> {
    const times = slices
      .filter(({ start, end }) => start < end)
      .map((slice) => this.runsOf(slice.rows, slice))
    for (const [age, newer] of times.entries()) {
      for (const older of times.slice(0, age)) {
        if (!(yield* this.areApart(newer, older))) return false
      }
    }
    return true
  }

  release(): void {
    if (this.scratch !== null) this.scan.instance.memory.release(this.scratch)
  }

  /** Is the series in this part apart from all older parts? null: that is too much to find out. */
  private *knownOf(series: number, rows: PartRows): Execution<boolean | null> {
    const { reader } = rows.view
    const { partVersion } = this.scan.snapshot
    const known = reader.apart.get(rows.index, partVersion)
    if (known !== null) return known
    const older = yield* this.olderRanges(series, reader)
    const whole = yield* this.rangeIn(reader, series)
    let count = 0
    for (const { start, end } of [whole!, ...older.values()]) count += end - start
    if (count > Math.max(WHOLE_ROWS, WHOLE_SHARE * (rows.end - rows.start))) return null
    const times = this.timesOf(reader, whole!)
    let isApart = true
    for (const [other, range] of older) {
      isApart = yield* this.areApart(times, this.timesOf(other, range))
      if (!isApart) break
    }
    reader.apart.set(rows.index, partVersion, isApart)
    return isApart
  }

  /** Rows of the series in the parts before this one that it overlaps. */
  private *olderRanges(
    series: number,
    reader: PartReader,
  ): Execution<Map<PartReader, SeriesRange>> {
    const { minTime, maxTime } = reader.description
    const older = new Map<PartReader, SeriesRange>()
    for (const other of this.scan.parts) {
      if (other === reader) break
      const { description } = other
      if (description.minTime > maxTime || description.maxTime < minTime) continue
      yield* other.open(this.scan.context.pins)
      const range = yield* this.rangeIn(other, series)
      if (range !== null) older.set(other, range)
    }
    return older
  }

  private *rangeIn(reader: PartReader, series: number): Execution<SeriesRange | null> {
    const { pins } = this.scan.context
    const range = reader.cachedRange(pins, series)
    return range === undefined ? yield* reader.seriesRange(pins, series) : range
  }

  /** Compares two sources run by run, the shorter one against the longer. */
  private *areApart(left: TimeRuns, right: TimeRuns): Execution<boolean> {
    const [a, b] = left.end - left.start <= right.end - right.start ? [left, right] : [right, left]
    this.scan.budget.worked(PAIR_VALUES)
    if (a.lastTime < b.firstTime || b.lastTime < a.firstTime) return true
    this.scratch ??= this.scan.instance.memory.allocate(2 * BLOCK_ROWS * 8)
    const { offset } = this.scratch
    let from = 0
    for (let run = 0; run < a.runs; run++) {
      const [first, last] = yield* boundsOf(a, run)
      if (last < b.firstTime) continue
      if (first > b.lastTime) break
      from = yield* firstRun(b, from, first)
      let count = 0
      for (let other = from; other < b.runs; other++) {
        const [begin] = yield* boundsOf(b, other)
        if (begin > last) break
        if (count === 0) count = yield* loaded(a, run, offset)
        const isApart = b.isApart(other, offset, count)
        if (!(typeof isApart === 'boolean' ? isApart : yield* isApart)) return false
        this.scan.budget.worked(COMPARED_VALUES)
        yield* this.scan.rest()
      }
    }
    return true
  }

  /** Times of a source, or of some of its rows. */
  private runsOf(rows: PartRows | MemtableRows, range: RowRange = rows): TimeRuns {
    if (rows instanceof PartRows) return this.timesOf(rows.view.reader, range)
    const scratch = (): number => this.scratch!.offset + BLOCK_ROWS * 8
    return new MemoryTimes(this.scan.instance, rows, range, scratch)
  }

  private timesOf(reader: PartReader, rows: RowRange): TimeRuns {
    return new PartTimes(this.scan, reader, rows)
  }
}

/** First run from `from` on with a time >= `time`; the last one needs no look. */
function* firstRun(runs: TimeRuns, from: number, time: bigint): Execution<number> {
  let low = from
  let high = runs.runs - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((yield* boundsOf(runs, middle))[1] < time) low = middle + 1
    else high = middle
  }
  return low
}

function* boundsOf(runs: TimeRuns, run: number): Execution<Bounds> {
  const bounds = runs.bounds(run)
  return 'next' in bounds ? yield* bounds : bounds
}

function* loaded(runs: TimeRuns, run: number, target: number): Execution<number> {
  const count = runs.load(run, target)
  return typeof count === 'number' ? count : yield* count
}

const ENTRY_FIRST = 72
const ENTRY_LAST = 80

/** Of a part: a run is what a block has of the rows. */
class PartTimes implements TimeRuns {
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
  readonly runs: number
  private readonly scan: Scan
  private readonly kernel: Kernel
  private readonly reader: PartReader
  private readonly firstBlock: number

  constructor(scan: Scan, reader: PartReader, { start, end, firstTime, lastTime }: RowRange) {
    this.scan = scan
    this.kernel = scan.instance.kernel
    this.reader = reader
    this.start = start
    this.end = end
    this.firstTime = firstTime
    this.lastTime = lastTime
    this.firstBlock = start >>> 10
    this.runs = ((end - 1) >>> 10) + 1 - this.firstBlock
  }

  *bounds(run: number): Execution<Bounds> {
    const isFirst = run === 0
    const isLast = run === this.runs - 1
    if (isFirst && isLast) return [this.firstTime, this.lastTime]
    const entry = yield* this.entry(run)
    const { i64 } = this.scan.instance.memory
    return [
      isFirst ? this.firstTime : i64[(entry + ENTRY_FIRST) >>> 3]!,
      isLast ? this.lastTime : i64[(entry + ENTRY_LAST) >>> 3]!,
    ]
  }

  *load(run: number, target: number): Execution<number> {
    const { entry, bytes, from, to } = yield* this.block(run)
    return this.checked(run, this.kernel.decodeTimes(bytes, entry, from, to - from, target))
  }

  *isApart(run: number, times: number, count: number): Execution<boolean> {
    const { entry, bytes, from, to } = yield* this.block(run)
    return this.checked(run, this.kernel.blockApart(bytes, entry, from, to, times, count)) === 1
  }

  private entry(run: number): Execution<number> {
    return this.reader.entry(this.scan.context.pins, TIME, this.firstBlock + run)
  }

  /** Where a run lies, until the pins are released. */
  private *block(
    run: number,
  ): Execution<{ entry: number; bytes: number; from: number; to: number }> {
    const { reader, firstBlock, start, end } = this
    const block = firstBlock + run
    const entry = yield* this.entry(run)
    const bytes = yield* reader.block(this.scan.context.pins, TIME, block)
    const base = block * BLOCK_ROWS
    const from = Math.max(start - base, 0)
    return { entry, bytes, from, to: Math.min(end - base, BLOCK_ROWS) }
  }

  private checked(run: number, status: number): number {
    if (status >= 0) return status
    const { file } = this.reader.description
    const message = `segment-${file}: block ${this.firstBlock + run} of the times does not decode`
    throw new OmenError('corrupt', message)
  }
}

/** Of a memtable: BLOCK_ROWS rows are a run. */
class MemoryTimes implements TimeRuns {
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
  readonly runs: number
  private readonly kernel: Kernel
  private readonly rows: MemtableRows
  private readonly scratch: () => number

  /** `scratch`: where the times of a run may lie while others are compared with them. */
  constructor(
    { kernel }: KernelInstance,
    rows: MemtableRows,
    range: RowRange,
    scratch: () => number,
  ) {
    this.kernel = kernel
    this.rows = rows
    this.scratch = scratch
    this.start = range.start
    this.end = range.end
    this.firstTime = range.firstTime
    this.lastTime = range.lastTime
    this.runs = Math.ceil((range.end - range.start) / BLOCK_ROWS)
  }

  bounds(run: number): Bounds {
    const last = this.endOf(run) - 1
    return [
      run === 0 ? this.firstTime : this.rows.timeAt(this.start + run * BLOCK_ROWS),
      run === this.runs - 1 ? this.lastTime : this.rows.timeAt(last),
    ]
  }

  load(run: number, target: number): number {
    const from = this.start + run * BLOCK_ROWS
    const to = this.endOf(run)
    this.rows.times(from, to, target)
    return to - from
  }

  isApart(run: number, times: number, count: number): boolean {
    const target = this.scratch()
    const own = this.load(run, target)
    return this.kernel.timesApart(times, count, target, own) !== 0
  }

  private endOf(run: number): number {
    return Math.min(this.end, this.start + (run + 1) * BLOCK_ROWS)
  }
}
