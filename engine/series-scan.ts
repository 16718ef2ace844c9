// All rows of one series in a time range, from parts and memtables, as pieces that fit a chunk: rows
// of one block that are alone in their time span (so the block's summary may answer), rows of a
// memtable, or a window that several sources share and that has to be merged.

import type { PartReader } from './part.ts'
import { Windows } from './merge.ts'
import type { Memtable, MemtableRows, MemtableSnapshot } from './memtable.ts'
import { BLOCK_ROWS, PartRows, type PartContext } from './part-rows.ts'
import type { Execution } from './step.ts'

export type SourceRows = PartRows | MemtableRows

export type Piece =
  /** Rows [from, to) of `block`, counted inside it, all of this series. */
  | {
      readonly kind: 'block'
      readonly rows: PartRows
      readonly block: number
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

/** Where the rows of a table are: both oldest first, memtables newer than parts. */
export interface Sources {
  readonly parts: readonly PartReader[]
  readonly memtables: readonly MemtableSource[]
}

export interface ScanOptions {
  readonly series: number
  readonly start: bigint
  readonly end: bigint
  readonly descending: boolean
  /** Most rows of the first piece; each may have twice as many as the one before. */
  readonly rowsMax: number
}

/** A merged window has room for as many rows, also where pieces start small: it cannot grow later. */
const MERGED_ROWS_MIN = 128

/** One series' pieces in time order. Call `close` when done, also after an error. */
export class SeriesScan {
  private readonly context: PartContext
  private readonly options: ScanOptions
  /** Sources that overlap in time stand together; clusters follow each other. */
  private readonly clusters: SourceRows[][] = []
  private readonly held: MemtableRows[] = []
  private rowsMax: number
  private windows: Windows | null = null
  private sources: readonly SourceRows[] = []
  /** What is left of the run of rows that one source is alone with. */
  private run: { rows: SourceRows; start: number; end: number } | null = null

  constructor(context: PartContext, options: ScanOptions) {
    this.context = context
    this.options = options
    this.rowsMax = options.rowsMax
  }

  /** Finds the series in every source. False: it has no rows in the range. */
  *open(sources: Sources): Execution<boolean> {
    const { start, end, series } = this.options
    const found: SourceRows[] = []
    for (const reader of sources.parts) {
      const { minTime, maxTime } = reader.description
      if (minTime >= end || maxTime < start) continue
      const rows = yield* this.openPart(reader)
      if (rows !== null) found.push(rows)
    }
    for (const { memtable, snapshot } of sources.memtables) {
      const rows = yield* memtable.select(series, snapshot, start, end)
      if (rows === null) continue
      this.held.push(rows)
      found.push(rows)
    }
    this.cluster(found)
    return found.length > 0
  }

  /** The next piece; null at the end. */
  *next(): Execution<Piece | null> {
    for (;;) {
      if (this.run !== null) return this.cutRun(this.run)
      if (this.windows === null) {
        const cluster = this.options.descending ? this.clusters.pop() : this.clusters.shift()
        if (cluster === undefined) return null
        if (cluster.length === 1) {
          const rows = cluster[0]!
          this.run = { rows, start: rows.start, end: rows.end }
          continue
        }
        this.sources = cluster
        const { descending } = this.options
        const wanted = Math.max(this.rowsMax, MERGED_ROWS_MIN)
        const rowsMax = Math.max(1, Math.floor(wanted / cluster.length))
        this.windows = new Windows(cluster, { descending, rowsMax })
      }
      const parts = yield* this.windows.next()
      if (parts === null) this.windows = null
      else if (parts.length === 1) {
        const { source, start, end } = parts[0]!
        this.run = { rows: this.sources[source]!, start, end }
      } else {
        const merged = parts.map(({ source, start, end }) => {
          return { rows: this.sources[source]!, from: start, to: end }
        })
        return { kind: 'merged', parts: merged }
      }
    }
  }

  close(): void {
    for (const rows of this.held.splice(0)) rows.release()
  }

  private *openPart(reader: PartReader): Execution<PartRows | null> {
    const { pins, tally } = this.context
    yield* reader.open(pins)
    const range = yield* reader.seriesRange(pins, this.options.series)
    if (range === null) return null
    tally.reach(reader, range.start, range.end)
    const rows = new PartRows(this.context, reader, range)
    return yield* rows.clip(this.options.start, this.options.end)
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
      this.clusters.push(members.map(({ rows }) => rows))
      members = []
    }
    for (const member of order) {
      if (members.length > 0 && member.rows.firstTime > last) finish()
      if (members.length === 0 || member.rows.lastTime > last) last = member.rows.lastTime
      members.push(member)
    }
    finish()
  }

  /** Takes the next piece off a run: up to a block boundary, or up to rowsMax rows. */
  private cutRun(run: { rows: SourceRows; start: number; end: number }): Piece {
    const { descending } = this.options
    const { rowsMax } = this
    const { rows } = run
    let { start: from, end: to } = run
    if (rows instanceof PartRows) {
      if (descending) from = Math.max(from, ((to - 1) >>> 10) * BLOCK_ROWS)
      else to = Math.min(to, ((from >>> 10) + 1) * BLOCK_ROWS)
    }
    if (to - from > rowsMax) {
      if (descending) from = to - rowsMax
      else to = from + rowsMax
    }
    if (descending) run.end = from
    else run.start = to
    if (run.start >= run.end) this.run = null
    this.rowsMax = Math.min(rowsMax * 2, BLOCK_ROWS)
    if (!(rows instanceof PartRows)) return { kind: 'memory', rows, from, to }
    const block = from >>> 10
    const base = block * BLOCK_ROWS
    return { kind: 'block', rows, block, from: from - base, to: to - base }
  }
}
