// Export: all rows of a query in chunks, by series, then time, in bounded memory. A raw export without
// limit streams; anything else is an answer that is handed out series by series.

import { answerPlan } from './executor.ts'
import type { Plan } from './plan.ts'
import type { AnswerColumn, AnswerSeries, QueryStats } from './query.ts'
import { RawReader, joinRows } from './raw.ts'
import { rowsBytes, type RawRows } from './raw-rows.ts'
import { Scan, type Snapshot } from './scan.ts'
import type { SeriesScan } from './series-scan.ts'
import type { Execution } from '../step.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import { reverseVector } from './vector.ts'

/** Rows after which a chunk is handed out, and bytes of them: what is reached first. */
const CHUNK_ROWS = 16_384
const CHUNK_BYTES = 8 << 20

/** One export. The snapshot stays held until `close`, which must be called in any case. */
export class Exporter {
  readonly columns: AnswerColumn[]
  private readonly plan: Plan
  private readonly scan: Scan
  private readonly reader: RawReader | null
  private series = 0
  private pieces: SeriesScan | null = null
  private answer: Iterator<AnswerSeries> | null = null

  constructor(plan: Plan, snapshot: Snapshot) {
    const { query } = plan
    this.plan = plan
    this.columns = this.plan.columns
    this.scan = new Scan(snapshot, this.plan)
    const isRaw = !this.plan.isAggregate && query.kind === 'range' && query.sampling === null
    const streams = isRaw && query.limit === Infinity
    this.reader = streams && query.cursor === null ? new RawReader(this.scan) : null
  }

  /** The next rows; a series may span chunks. null at the end. */
  *next(): Execution<AnswerSeries | null> {
    if (this.reader === null) {
      this.answer ??= (yield* answerPlan(this.scan)).series.values()
      const next = this.answer.next()
      return next.done === true ? null : next.value
    }
    for (; this.series < this.plan.series.length; this.series++) {
      const rows = yield* this.nextRows(this.reader)
      this.scan.unpin()
      if (rows !== null) return { tags: this.plan.groups.at(this.series), ...rows }
    }
    return null
  }

  /** What the index did so far. */
  get stats(): QueryStats {
    return this.scan.stats()
  }

  close(): void {
    this.pieces?.close()
    this.reader?.release()
    this.scan.release()
  }

  /** The next chunk of the current series; null when it has no more. */
  private *nextRows(reader: RawReader): Execution<RawRows | null> {
    const { plan, scan } = this
    const series = plan.series.byRank(this.series)
    const descending = plan.query.order === 'desc'
    const { spanMax, stride: reach } = reader.reach
    // Of strings only a block says how long they are.
    const hasTexts = plan.outputs.some(({ type }) => type === 'string')
    const isSmall = hasTexts || plan.series.byRank(this.series).filter !== null
    const stride = isSmall ? BLOCK_ROWS : Math.min(reach, CHUNK_ROWS)
    const options = { descending, spanMax, stride }
    this.pieces ??= yield* scan.open(series, plan.start, plan.end, options)
    const found: RawRows[] = []
    let [count, bytes] = [0, 0]
    while (this.pieces !== null && count < CHUNK_ROWS && bytes < CHUNK_BYTES) {
      const piece = yield* reader.next(this.pieces)
      if (piece !== null) yield* reader.readPiece(series, piece)
      // Pieces come in either order, but rows of one, and of a span, ascend.
      const isDue = piece === null || !this.pieces.isMidSpan
      for (const rows of isDue ? reader.take() : []) {
        found.push(rows)
        count += rows.time.length
        bytes += rowsBytes(rows)
      }
      if (piece === null) break
      yield* scan.rest()
    }
    if (found.length === 0) {
      this.pieces?.close()
      this.pieces = null
      return null
    }
    const joined = joinRows(scan, found)
    if (!descending) return joined
    joined.time.reverse()
    for (const field of joined.fields) reverseVector(field)
    return joined
  }
}
