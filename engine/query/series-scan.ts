// All rows of one series in a time range, from parts and memtables, as pieces: rows of a part that are
// alone in their time span (so that summaries may answer), rows of a memtable, or a window that several
// sources share and that has to be merged.

import { BLOCK_ROWS } from '../segment/footer.ts'
import { type WindowOptions, type WindowPart, Windows } from '../merge.ts'
import type { Memtable, MemtableRows, MemtableSnapshot } from '../memtable.ts'
import { OmenError } from '../error.ts'
import { PartRows } from './part-rows.ts'
import { KeptRuns, type RowRun } from './kept-runs.ts'
import { slicesOf } from './row-slice.ts'
import type { PartContext, PartView } from './part-view.ts'
import type { Execution } from '../step.ts'
import type { Apartness } from './apartness.ts'

export type SourceRows = PartRows | MemtableRows

export type Piece =
  /** Rows [from, to) of a part, all of this series and in one row group. */
  | {
      readonly kind: 'part'
      readonly rows: PartRows
      readonly from: number
      readonly to: number
    }
  | {
      readonly kind: 'memory'
      readonly rows: MemtableRows
      readonly from: number
      readonly to: number
    }
  /** Oldest source first; at most BLOCK_ROWS rows in all. */
  | { readonly kind: 'merged'; readonly parts: readonly MergedPart[] }

export interface MergedPart {
  readonly rows: SourceRows
  readonly from: number
  readonly to: number
}

export interface MemtableSource {
  readonly memtable: Memtable
  readonly snapshot: MemtableSnapshot
}

/** Where the rows of a time range are: both oldest first, memtables newer than parts. */
export interface Sources {
  readonly parts: readonly PartView[]
  readonly memtables: readonly MemtableSource[]
}

export interface ScanOptions {
  readonly series: number
  readonly start: bigint
  readonly end: bigint
  readonly descending: boolean
  /** Most rows of the first piece; each may have twice as many as the one before. */
  readonly rowsMax: number
  /**
   * 0: pieces follow each other in time. Else, where sources overlap and share no time, pieces need no
   * merge: they come source by source, each ascending, within spans of about so many rows at most, which follow each
   * other in time. Infinity: in any order.
   */
  readonly spanMax: number
  /** Rows of a part are cut at multiples of so many: of blocks, and at most a row group. */
  readonly stride: number
}

/** A merged window has room for as many rows, also where pieces start small: it cannot grow later. */
const MERGED_ROWS_MIN = 128

/** Rows in which overlapping sources are looked at for times that they share. */
const COMPARED_ROWS = 8 * BLOCK_ROWS

/** Parts in which a series is looked up between two pauses. */
const LOOKUPS = 64

/**
 * What a part costs a query that reads it beside others which overlap it, as if so many of its rows had
 * been merged: some two microseconds, or one row of ten fields, times what a query's time is worth
 * beside that of a merge in the background.
 */
const BESIDE_ROWS = 32

/** Sources with fewer rows each, on average, are merged sooner than compared. */
const COMPARED_ROWS_MIN = 8

/** Is it worth while to find out whether sources share a time? Where a merge is too much it has to be. */
function isLong(cluster: readonly SourceRows[]): boolean {
  let rows = 0
  for (const { start, end } of cluster) rows += end - start
  return rows >= cluster.length * COMPARED_ROWS_MIN || cluster.length > BLOCK_ROWS
}

/** One series' pieces. Call `close` when done, also after an error. */
export class SeriesScan {
  private readonly context: PartContext
  private readonly options: ScanOptions
  private readonly apartness: Apartness
  /** Sources that overlap in time stand together; clusters follow each other. */
  private readonly clusters: SourceRows[][] = []
  private readonly held: MemtableRows[] = []
  private rowsMax: number
  private windows: Windows | null = null
  private sources: readonly SourceRows[] = []
  /** Do the sources of the windows share no time? Else it is asked window by window, if at all. */
  private isApart = false
  /** What a window holds whose sources share times. */
  private merging: Windows | null = null
  /** What is left of a span. */
  private span: WindowPart[] = []
  /** What is left of the run of rows that one source is alone with. */
  private run: { rows: SourceRows; start: number; end: number } | null = null
  /** Spans that have begun; rows and sources of the last one. */
  spans = 0
  spanRows = 0
  spanSources = 0
  /** What follows it of rows with holes that are alone in their time span. */
  private kept: { rows: PartRows; runs: KeptRuns } | null = null

  constructor(context: PartContext, options: ScanOptions, apartness: Apartness) {
    this.context = context
    this.apartness = apartness
    this.options = options
    this.rowsMax = options.rowsMax
  }

  /**
   * `open` without waiting: undefined if a source has to be waited for, and nothing was opened. (A
   * generator costs more than to look a series up, so where all is cached there is none.)
   */
  openNow({ parts, memtables }: Sources): boolean | undefined {
    if (memtables.length > 0 || parts.length >= LOOKUPS) return undefined
    const found: SourceRows[] = []
    for (const view of parts) {
      const rows = this.openPart(view)
      if (rows === undefined) return undefined
      if (rows !== null) found.push(rows)
    }
    return this.take(found)
  }

  /** Finds the series in every source. False: it has no rows in the range. */
  *open(sources: Sources): Execution<boolean> {
    const { start, end, series } = this.options
    const found: SourceRows[] = []
    for (const [i, view] of sources.parts.entries()) {
      if (i % LOOKUPS === LOOKUPS - 1) yield { pause: true }
      let rows = this.openPart(view)
      while (rows === undefined) {
        yield* view.fetch()
        rows = this.openPart(view)
      }
      if (rows !== null) found.push(rows)
    }
    for (const { memtable, snapshot } of sources.memtables) {
      const rows = yield* memtable.select(series, snapshot, start, end)
      if (rows === null) continue
      this.held.push(rows)
      found.push(rows)
    }
    return this.take(found)
  }

  /** `next` without waiting: undefined if it would have to. */
  nextNow(): Piece | null | undefined {
    for (;;) {
      if (this.run !== null) return this.cutRun(this.run)
      if (this.kept !== null || this.merging !== null || this.windows !== null) return undefined
      const part = this.span.pop()
      if (part !== undefined) {
        this.begin(this.sources[part.source]!, part)
        continue
      }
      if (this.clusters.length === 0) return null
      if (!this.openClusterNow()) return undefined
    }
  }

  /** The next piece; null at the end. */
  *next(): Execution<Piece | null> {
    for (;;) {
      if (this.run !== null) return this.cutRun(this.run)
      if (this.kept !== null) {
        const { rows, runs } = this.kept
        const run = yield* runs.next()
        if (run === null) this.kept = null
        else this.run = { rows, ...run }
        continue
      }
      const part = this.span.pop()
      if (part !== undefined) {
        this.begin(this.sources[part.source]!, part)
        continue
      }
      if (this.merging !== null) {
        const window = yield* this.merging.next()
        if (window === null) this.merging = null
        else if (window.length === 1) this.beginSpan(window)
        else {
          const merged = yield* this.mergedPiece(window)
          if (merged !== null) return merged
        }
        continue
      }
      if (this.windows === null && !(yield* this.openCluster())) return null
      if (this.windows === null) continue
      const window = yield* this.windows.next()
      if (window === null) this.windows = null
      else if (this.isApart || window.length === 1) this.beginSpan(window)
      else yield* this.openWindow(window)
    }
  }

  /** Are there other pieces of the same span, which may come before the last one in time? */
  get isMidSpan(): boolean {
    const hasMore = this.span.length > 0 || this.run !== null || this.kept !== null
    return this.spanSources > 1 && hasMore
  }

  /** Where sources come one after the other, each of them ascends. */
  private get isDescending(): boolean {
    return this.options.descending && this.spanSources <= 1
  }

  close(): void {
    for (const rows of this.held.splice(0)) rows.release()
  }

  /** Rows of the series in a part, null if there are none; undefined: fetch, then again. */
  private openPart(view: PartView): PartRows | null | undefined {
    const { start, end, series } = this.options
    const range = view.range(series)
    if (range === null || range === undefined) return range
    this.context.tally.reach(view.reader, range.start, range.end)
    const rows = new PartRows(this.context, view, range).clip(start, end)
    if (!rows || view.holes === null) return rows
    return rows.without(view.holes.of(series, rows.firstTime, rows.lastTime + 1n))
  }

  /** Goes on with rows that need no merge. */
  private beginSpan(parts: readonly WindowPart[]): void {
    const isOrdered = this.options.spanMax !== Infinity
    if (isOrdered && parts.length > BLOCK_ROWS) throw tooManySources(parts.length)
    this.span = parts.toReversed()
    this.spanSources = parts.length
    this.spanRows = parts.reduce((sum, { start, end }) => sum + end - start, 0)
    this.spans++
  }

  /** Goes on with rows that one source is alone with. */
  private begin(rows: SourceRows, run: RowRun): void {
    const { start, end } = run
    if (!(rows instanceof PartRows) || rows.holes === null) this.run = { rows, start, end }
    else this.kept = { rows, runs: new KeptRuns(rows, rows.holes, run, this.isDescending) }
  }

  /** Rows that several sources share, without those that are deleted: none of a source, or several runs. */
  private *mergedParts(window: readonly WindowPart[]): Execution<MergedPart[]> {
    const merged: MergedPart[] = []
    for (const { source, start, end } of window) {
      const rows = this.sources[source]!
      if (!(rows instanceof PartRows) || rows.holes === null) {
        merged.push({ rows, from: start, to: end })
        continue
      }
      const runs = new KeptRuns(rows, rows.holes, { start, end }, false)
      for (let run = yield* runs.next(); run !== null; run = yield* runs.next()) {
        merged.push({ rows, from: run.start, to: run.end })
      }
    }
    return merged
  }

  /** A window that several sources share; null if the rows of one are left, which come as a run. */
  private *mergedPiece(window: readonly WindowPart[]): Execution<Piece | null> {
    const parts = yield* this.mergedParts(window)
    if (parts.length > 1) {
      this.warm(parts)
      return { kind: 'merged', parts }
    }
    for (const { rows, from, to } of parts) this.run = { rows, start: from, end: to }
    return null
  }

  /** Begins with a window of sources some of which share times: here, or elsewhere. */
  private *openWindow(window: readonly WindowPart[]): Execution<void> {
    const slices = yield* slicesOf(this.sources, window)
    if (yield* this.apartness.areSlicesApart(slices)) this.beginSpan(window)
    else {
      this.spanSources = 0
      this.merging = new Windows(slices, this.mergedWindows(window.length))
    }
  }

  /** Options of windows of so many sources that are merged. */
  private mergedWindows(sources: number): WindowOptions {
    if (sources > BLOCK_ROWS) throw tooManySources(sources)
    const totalMax = Math.min(Math.max(this.rowsMax, MERGED_ROWS_MIN), BLOCK_ROWS)
    return { descending: this.options.descending, ...rowsOf(totalMax, sources) }
  }

  /** The same if it is known that it needs none; false: it is not. */
  private openClusterNow(): boolean {
    const { descending, spanMax } = this.options
    const cluster = descending ? this.clusters.at(-1)! : this.clusters[0]!
    if (cluster.length > 1) {
      if (spanMax === 0 || !isLong(cluster)) return false
      if (!this.apartness.isKnownApart(cluster) || !fits(cluster, spanMax)) return false
    }
    if (descending) this.clusters.pop()
    else this.clusters.shift()
    this.sources = cluster
    this.isApart = cluster.length > 1
    this.beginSpan(wholeOf(cluster))
    return true
  }

  /** Begins with the next cluster, as a span if it needs no windows; false if there is none. */
  private *openCluster(): Execution<boolean> {
    const { descending, series, spanMax } = this.options
    const cluster = descending ? this.clusters.pop() : this.clusters.shift()
    if (cluster === undefined) return false
    this.sources = cluster
    this.spanSources = 0
    const isCompared = spanMax > 0 && isLong(cluster)
    this.isApart =
      cluster.length > 1 && isCompared && (yield* this.apartness.isApart(series, cluster))
    if (cluster.length === 1 || (this.isApart && fits(cluster, spanMax))) {
      this.beginSpan(wholeOf(cluster))
      return true
    }
    if (!isCompared) this.merging = new Windows(cluster, this.mergedWindows(cluster.length))
    else {
      const wanted = this.isApart ? spanMax : Math.min(spanMax, COMPARED_ROWS)
      this.windows = new Windows(cluster, { descending, ...rowsOf(wanted, cluster.length) })
    }
    return true
  }

  /** Goes on with what was found of the series, oldest first; false if nothing was. */
  private take(found: SourceRows[]): boolean {
    this.context.route.lead(found, this.options.descending)
    if (found.length === 1) this.clusters.push(found)
    else this.cluster(found)
    return found.length > 0
  }

  /** Sorts sources into clusters that do not overlap in time; inside one they stay oldest first. */
  private cluster(found: readonly SourceRows[]): void {
    const order = found.map((rows, age) => ({ rows, age }))
    order.sort((a, b) => (a.rows.firstTime < b.rows.firstTime ? -1 : 1))
    let members: typeof order = []
    let last = 0n
    const finish = (): void => {
      if (members.length === 0) return
      members.sort((a, b) => a.age - b.age)
      const cluster = members.map(({ rows }) => rows)
      this.clusters.push(cluster)
      this.warmAll(cluster)
      members = []
    }
    for (const member of order) {
      if (members.length > 0 && member.rows.firstTime > last) finish()
      if (members.length === 0 || member.rows.lastTime > last) last = member.rows.lastTime
      members.push(member)
    }
    finish()
  }

  /** Counts, for compaction to know, that parts are read side by side. */
  private warmAll(cluster: readonly SourceRows[]): void {
    if (cluster.filter((rows) => rows instanceof PartRows).length < 2) return
    for (const rows of cluster) {
      if (rows instanceof PartRows) rows.view.reader.warm(BESIDE_ROWS)
    }
  }

  /** Counts rows of parts that are merged with those of other parts, for compaction to know. */
  private warm(merged: readonly MergedPart[]): void {
    if (merged.filter(({ rows }) => rows instanceof PartRows).length < 2) return
    for (const { rows, from, to } of merged) {
      if (rows instanceof PartRows) rows.view.warm(to - from)
    }
  }

  /** Takes the next piece off a run: up to a multiple of the stride, or up to rowsMax rows. */
  private cutRun(run: { rows: SourceRows; start: number; end: number }): Piece {
    const descending = this.isDescending
    const { rows } = run
    const isPart = rows instanceof PartRows
    const stride = isPart ? this.options.stride : BLOCK_ROWS
    const rowsMax = Math.min(this.rowsMax, stride)
    let { start: from, end: to } = run
    if (isPart) {
      if (descending) from = Math.max(from, Math.floor((to - 1) / stride) * stride)
      else to = Math.min(to, (Math.floor(from / stride) + 1) * stride)
    }
    if (to - from > rowsMax) {
      if (descending) from = to - rowsMax
      else to = from + rowsMax
    }
    if (descending) run.end = from
    else run.start = to
    if (run.start >= run.end) this.run = null
    this.rowsMax = Math.min(this.rowsMax * 2, this.options.stride)
    return isPart ? { kind: 'part', rows, from, to } : { kind: 'memory', rows, from, to }
  }
}

/** Are all rows of the sources one span? */
function fits(sources: readonly SourceRows[], spanMax: number): boolean {
  if (spanMax === Infinity) return true
  let rows = 0
  for (const { start, end } of sources) rows += end - start
  return rows <= spanMax && sources.length <= BLOCK_ROWS
}

/** All rows of sources. */
function wholeOf(sources: readonly SourceRows[]): WindowPart[] {
  return sources.map(({ start, end }, source) => ({ source, start, end }))
}

/** Room of windows of so many rows that all sources share. */
function rowsOf(totalMax: number, sources: number): Pick<WindowOptions, 'rowsMax' | 'totalMax'> {
  return { rowsMax: Math.max(1, Math.floor(totalMax / sources)), totalMax }
}

function tooManySources(count: number): OmenError {
  const fact = `${count} overlapping parts of one series, more than the ${BLOCK_ROWS} that are merged`
  return new OmenError('unavailable', `query: ${fact}; compaction is behind`, { retryAfter: 60 })
}
