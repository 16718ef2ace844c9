// From the points of a series to partials: rows of a part without a filter as a run in few kernel calls
// (assembly/aggregate-run.ts), all else as chunks.

import { ALL, nextStretch } from './block-filter.ts'
import type { Cluster } from './cluster.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Execution } from '../step.ts'
import { needsEnds } from './feature.ts'
import type { Grid } from './grid.ts'
import type { Aggregator, RunOptions } from './partial.ts'
import { GROUP_ROWS } from './part-view.ts'
import type { PlanSeries } from './plan.ts'
import type { PartPiece, Scan } from './scan.ts'
import { SeriesBatches } from './series-batch.ts'
import type { Piece } from './series-scan.ts'

/** Finding a bucket's record costs about as much as so many values. */
const LOOKUP_VALUES = 64

/** Rows of the first piece in which a seed is looked for. */
const SEED_ROWS = 16

/** Feeds pieces to an aggregator by the cheapest exact way. */
export class Downsampler {
  private readonly scan: Scan
  private readonly aggregator: Aggregator
  private readonly needsTimes: boolean
  /** The answer is named by the first point that counts. */
  private readonly needsFirstTime: boolean
  private readonly runOptions: RunOptions
  private readonly seedsFrom: bigint | null

  /** `seedsFrom`: how far before a range the point may lie that its first difference begins with. */
  constructor(
    scan: Scan,
    aggregator: Aggregator,
    { grid, seedsFrom = null }: { readonly grid: Grid; readonly seedsFrom?: bigint | null },
  ) {
    this.scan = scan
    this.aggregator = aggregator
    this.seedsFrom = seedsFrom
    const isOneBucket = grid.kind === 'one'
    this.needsFirstTime = isOneBucket && scan.plan.query.start === null
    this.runOptions = {
      countsRows: scan.plan.countsRows,
      needsFirstTime: this.needsFirstTime,
    }
    this.needsTimes = !isOneBucket || this.needsFirstTime || aggregator.features.some(needsEnds)
  }

  /** The points of a series in [start, end). */
  *addRange(series: PlanSeries, start: bigint, end: bigint): Execution<void> {
    const { scan, aggregator } = this
    const isOrdered = aggregator.needsNeighbours
    const spanMax = isOrdered ? 0 : Infinity
    let pieces = scan.openNow(series, start, end, spanMax)
    if (pieces === undefined) {
      pieces = yield* scan.open(series, start, end, { spanMax, stride: GROUP_ROWS })
    }
    if (pieces === null) return
    try {
      if (isOrdered && this.seedsFrom !== null) yield* this.seed(series, this.seedsFrom, start)
      for (;;) {
        let piece = pieces.nextNow()
        if (piece === undefined) piece = yield* pieces.next()
        if (piece === null) break
        if (!this.addNow(series, piece)) yield* this.add(series, piece)
        if (this.isTired()) yield* scan.breathe()
      }
      if (isOrdered) aggregator.seriesEnd()
    } finally {
      pieces.close()
    }
  }

  /** The newest values of [from, end), which count in no bucket. */
  private *seed(series: PlanSeries, from: bigint, end: bigint): Execution<void> {
    const { scan, aggregator } = this
    const options = { descending: true, rowsMax: SEED_ROWS, stride: BLOCK_ROWS }
    const pieces = yield* scan.open(series, from, end, options)
    if (pieces === null) return
    try {
      for (let piece = yield* pieces.next(); piece !== null; piece = yield* pieces.next()) {
        const { mask, count } = yield* scan.load(piece, series.filter, true)
        if (count > 0 && !aggregator.seed(scan.chunk, mask)) return
        yield* scan.rest()
      }
    } finally {
      pieces.close()
    }
  }

  /** The points of some series of the plan, by their indexes, in a cluster of sources. */
  *addCluster(cluster: Cluster, indexes: Uint32Array): Execution<void> {
    const { scan, aggregator } = this
    const { series } = scan.plan
    const { start, end, isShort } = cluster
    if (!isShort) {
      for (const index of indexes) yield* this.addRange(series.at(index), start, end)
      return
    }
    const time = this.needsTimes ? null : 0n
    const batches = new SeriesBatches(scan, cluster, indexes)
    try {
      while (yield* batches.next()) {
        if (batches.rowCount > 0) {
          const { filter, piece, members } = batches
          const { mask, count } = yield* scan.load(piece, filter, this.needsTimes)
          if (count > 0) aggregator.many(members, scan.chunk, mask, time)
        }
        for (const index of batches.leftOut()) yield* this.addRange(series.at(index), start, end)
        if (this.isTired()) yield* scan.breathe()
      }
    } finally {
      batches.release()
    }
  }

  /** Was so much done that others have to run? */
  private isTired(): boolean {
    this.scan.budget.worked(this.aggregator.takeLookups() * LOOKUP_VALUES)
    return this.scan.isTired()
  }

  /** `add` without waiting: false if it would have to, or does more than a run; nothing was added. */
  private addNow(series: PlanSeries, piece: Piece): boolean {
    if (piece.kind !== 'part' || series.filter !== null) return false
    const from = this.scan.enterNow(piece)
    return from >= 0 && this.runNow(series, piece, from)
  }

  private *add(series: PlanSeries, piece: Piece): Execution<void> {
    if (piece.kind !== 'part') yield* this.decode(series, piece, series.filter)
    else if (series.filter === null) yield* this.run(series, piece)
    else yield* this.filterRun(series, piece)
  }

  /** Rows of a part that all count, if they have a value. */
  private *run(series: PlanSeries, piece: PartPiece): Execution<void> {
    for (;;) {
      const from = yield* this.scan.enter(piece)
      if (this.runNow(series, piece, from)) return
      yield* piece.rows.view.fetch()
    }
  }

  /** The same at once, `from` a row of the current group; false: fetch, then again. */
  private runNow(series: PlanSeries, piece: PartPiece, from: number): boolean {
    const { scan, aggregator } = this
    const { view } = piece.rows
    const to = from + piece.to - piece.from
    const run = aggregator.plan(view, from, to, this.runOptions)
    if (!view.holdRun(run)) return false
    scan.budget.scanned(run.decodedRows, run.decodedRows * (scan.selectedFields.length + 1))
    aggregator.run(series, view, scan.chunk, run)
    view.countRun(run)
    return true
  }

  /** Rows of a part, of which the series' filter takes some. */
  private *filterRun(series: PlanSeries, piece: PartPiece): Execution<void> {
    const { scan } = this
    let from = yield* scan.enter(piece)
    const base = piece.from - from
    const to = piece.to - base
    const states = scan.blockStates(series.filter, piece.rows.view)
    for (;;) {
      const stretch = nextStretch(states, from, to)
      if (stretch === null) return
      const rows = { ...piece, from: base + stretch.from, to: base + stretch.to }
      if (stretch.state === ALL) yield* this.run(series, rows)
      else yield* this.decode(series, rows, series.filter)
      from = stretch.to
      if (this.isTired()) yield* scan.breathe()
    }
  }

  private *decode(series: PlanSeries, piece: Piece, filter: PlanSeries['filter']): Execution<void> {
    const { mask, count } = yield* this.scan.load(piece, filter, this.needsTimes)
    if (count === 0) return
    const time = this.needsTimes ? null : 0n
    this.aggregator.chunk(series, this.scan.chunk, mask, time)
  }
}
