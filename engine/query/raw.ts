// Raw points: series are scanned one by one into vectors, with a limit in time slices (slices.ts).

import { answerOf, nextTime } from './answer.ts'
import { ALL, nextStretch } from './block-filter.ts'
import { compareTags } from '../catalog/tags.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Plan, PlanSeries } from './plan.ts'
import type { Answer, AnswerSeries } from './query.ts'
import { RawPage } from './raw-page.ts'
import { RawColumns, roomRows, type RawRows } from './raw-rows.ts'
import type { PartPiece, Scan } from './scan.ts'
import type { Piece, SeriesScan } from './series-scan.ts'
import { pointSlices } from './slices.ts'
import type { Execution } from '../step.ts'
import { joinTimes, joinVectors } from './vector.ts'

/** Rows joined between two pauses. */
const JOINED_ROWS = 65_536
/** Rows of overlapping sources that are read one source after the other. */
const SPAN_ROWS = 16_384

/** Runs a raw plan. */
export function* executeRaw(scan: Scan): Execution<Answer> {
  const { plan } = scan
  const holds = (bytes: number): void => scan.budget.holds(bytes)
  const page = new RawPage(plan.query, holds)
  const later = firstBehindCursor(plan)
  const reader = new RawReader(scan, holds)
  try {
    for (const [start, end] of pointSlices(scan, () => page.rowCount)) {
      for (const series of plan.series) {
        const { rank } = series
        const [from, to] = rangeAfterCursor(scan, later, rank, start, end)
        page.add(rank, yield* reader.read(series, ...page.clip(rank, from, to)))
      }
      // One row more than the limit tells that there is a next page.
      if (page.rowCount > plan.query.limit) break
    }
  } finally {
    reader.release()
  }
  const series: AnswerSeries[] = []
  let joined = 0
  for (const [rank, found] of page.series()) {
    const rows = joinRows(scan, found)
    series.push({ tags: plan.groups.at(rank), ...rows })
    joined += 16 + rows.time.length
    if (joined < JOINED_ROWS) continue
    joined = 0
    yield { pause: true }
  }
  return yield* answerOf(plan, series, scan.stats())
}

/** What of [start, end) is behind the cursor, of the series of a rank: `later` is the first behind it. */
function rangeAfterCursor(
  { plan }: Scan,
  later: number,
  rank: number,
  start: bigint,
  end: bigint,
): [bigint, bigint] {
  const { cursor, order } = plan.query
  if (cursor === null) return [start, end]
  const next = nextTime(cursor, order, rank >= later)
  if (order === 'desc') return [start, next < end ? next : end]
  return [next > start ? next : start, end]
}

/** Least rank of the series that come behind the cursor's at its time. */
function firstBehindCursor({ groups, query }: Plan): number {
  const { cursor } = query
  let low = 0
  let high = cursor === null ? 0 : groups.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareTags(groups.at(middle), cursor!.tags) > 0) high = middle
    else low = middle + 1
  }
  return low
}

/** Chunks of one series, each ascending and in any order, as one. */
export function joinRows(
  { plan }: { readonly plan: Pick<Plan, 'outputs'> },
  found: RawRows[],
): RawRows {
  found.sort((a, b) => (a.time[0]! < b.time[0]! ? -1 : 1))
  return {
    time: joinTimes(found.map(({ time }) => time)),
    fields: plan.outputs.map(({ type }, i) => {
      return joinVectors(
        type,
        found.map(({ fields }) => fields[i]!),
      )
    }),
  }
}

/** Reads points of a series into vectors. Release it when done. */
export class RawReader {
  private readonly scan: Scan
  private readonly rows: RawColumns
  /** How far pieces and spans go, in rows. */
  readonly reach: { readonly stride: number; readonly spanMax: number }

  /** `holds` is told of the bytes of rows that stay; it may throw. */
  constructor(scan: Scan, holds?: (bytes: number) => void) {
    this.scan = scan
    const stride = roomRows(1 + scan.plan.outputs.length)
    this.reach = { stride, spanMax: Math.min(stride, SPAN_ROWS) }
    this.rows = new RawColumns(scan.instance, scan.plan.outputs, holds)
  }

  /** Rows that were read and not taken. */
  get rowCount(): number {
    return this.rows.rowCount
  }

  /** All points of [start, end) that count, in pieces, ascending. */
  *read(series: PlanSeries, start: bigint, end: bigint): Execution<RawRows[]> {
    const { scan } = this
    const { stride, spanMax } = this.reach
    let pieces = scan.openNow(series, start, end, spanMax, stride)
    if (pieces === undefined) {
      pieces = yield* scan.open(series, start, end, { spanMax, stride })
    }
    if (pieces === null) return []
    try {
      for (;;) {
        let piece = this.nextNow(pieces)
        if (piece === undefined) piece = yield* this.next(pieces)
        if (piece === null) break
        if (!this.readNow(series, piece)) yield* this.readPiece(series, piece)
        if (scan.isTired()) yield* scan.breathe()
      }
    } finally {
      pieces.close()
    }
    return this.rows.take()
  }

  /** The next piece; of the rows of a span nothing is to be taken before its end. */
  *next(pieces: SeriesScan): Execution<Piece | null> {
    const { spans } = pieces
    const piece = yield* pieces.next()
    if (pieces.spans > spans) this.beginSpan(pieces)
    return piece
  }

  /** The same without waiting: undefined if it would have to. */
  private nextNow(pieces: SeriesScan): Piece | null | undefined {
    const { spans } = pieces
    const piece = pieces.nextNow()
    if (pieces.spans > spans) this.beginSpan(pieces)
    return piece
  }

  private beginSpan({ spanRows, spanSources }: SeriesScan): void {
    if (spanSources > 1) this.rows.beginSpan(spanRows, spanSources)
  }

  /** Reads the points of a piece that count, to be taken. */
  *readPiece(series: PlanSeries, piece: Piece): Execution<void> {
    if (piece.kind !== 'part') yield* this.readChunk(series.filter, piece)
    else if (series.filter === null) yield* this.readRun(piece)
    else yield* this.readFiltered(series, piece)
  }

  /** `readPiece` without waiting: false if it would have to, or some row may not count. */
  private readNow({ filter }: PlanSeries, piece: Piece): boolean {
    if (piece.kind !== 'part' || filter !== null) return false
    const from = this.scan.enterNow(piece)
    return from >= 0 && this.decodeNow(piece, from)
  }

  /** Decodes rows of a part to where they stay; false if some may not count, or fetch, then again. */
  private decodeNow(piece: PartPiece, from: number): boolean {
    const { scan } = this
    const { view } = piece.rows
    const fields = scan.selectedFields.length
    const to = from + piece.to - piece.from
    if (!scan.countsAll(view, from, to) || !view.holdAll(fields + 1, from, to)) return false
    this.rows.decode(view, from, to)
    scan.budget.scanned(to - from, (to - from) * (fields + 1))
    return true
  }

  /** What was read, in pieces; only the last row if `isLast`. */
  take(isLast = false): RawRows[] {
    return this.rows.take(isLast)
  }

  release(): void {
    this.rows.release()
  }

  /** Rows of a part that no filter asks: decoded to where they stay, if all of them count. */
  private *readRun(piece: PartPiece): Execution<void> {
    const { scan } = this
    const { view } = piece.rows
    const from = yield* scan.enter(piece)
    const to = from + piece.to - piece.from
    if (scan.countsAll(view, from, to)) {
      while (!this.decodeNow(piece, from)) yield* view.fetch()
      return
    }
    for (let start = piece.from; start < piece.to;) {
      const end = Math.min(piece.to, (Math.floor(start / BLOCK_ROWS) + 1) * BLOCK_ROWS)
      yield* this.readBlock(null, { ...piece, from: start, to: end })
      start = end
    }
  }

  /** Rows of a part that meet the filter. */
  private *readFiltered(series: PlanSeries, piece: PartPiece): Execution<void> {
    const { scan } = this
    let from = yield* scan.enter(piece)
    const base = piece.from - from
    const to = piece.to - base
    const states = scan.blockStates(series.filter, piece.rows.view)
    for (;;) {
      const stretch = nextStretch(states, from, to)
      if (stretch === null) return
      const rows = { ...piece, from: base + stretch.from, to: base + stretch.to }
      if (stretch.state === ALL) yield* this.readRun(rows)
      else yield* this.readChunk(series.filter, rows)
      from = stretch.to
      yield* scan.rest()
    }
  }

  /** Rows of one block. */
  private *readBlock(filter: PlanSeries['filter'], piece: PartPiece): Execution<void> {
    const { scan } = this
    const block = Math.floor((yield* scan.enter(piece)) / BLOCK_ROWS)
    const residual = scan.residual(filter, piece.rows.view, block)
    if (residual !== 'none') yield* this.readChunk(residual, piece)
  }

  private *readChunk(filter: PlanSeries['filter'], piece: Piece): Execution<void> {
    const selected = yield* this.scan.load(piece, filter, true, true)
    if (selected.count > 0) this.rows.copy(this.scan.chunk, selected)
  }
}
