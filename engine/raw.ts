// Raw points. Series are scanned one by one into vectors; with a limit, in time slices from the side
// the answer begins with, each wider than the one before, so that the newest hundred points of a year
// touch little of it.

import { answerOf, nextTime } from './answer.ts'
import { timeRange } from './downsample.ts'
import type { Region } from './memory.ts'
import type { PlanSeries } from './plan.ts'
import type { Answer, AnswerSeries, Vector } from './query.ts'
import type { Scan, Selected } from './scan.ts'
import type { Piece } from './series-scan.ts'
import type { Execution } from './step.ts'
import { joinTimes, joinVectors, readVector } from './vector.ts'

/** Rows that the first slice aims at, beyond the limit. */
const SLICE_MARGIN = 1.5
const SLICE_GROWTH = 4n
const BLOCK_ROWS = 1024

/** Rows of one chunk, outside of kernel memory. */
export interface RawRows {
  readonly time: BigInt64Array
  readonly fields: Vector[]
}

/** Runs a raw plan. */
export function* executeRaw(scan: Scan): Execution<Answer> {
  const { plan } = scan
  const gathered = plan.series.map((): RawRows[] => [])
  const reader = new RawReader(scan)
  try {
    let rows = 0
    for (const [start, end] of slicesOf(scan)) {
      for (const series of plan.series) {
        const [from, to] = rangeAfterCursor(scan, series, start, end)
        const found = yield* reader.read(series, from, to)
        for (const { time } of found) rows += time.length
        gathered[series.rank]!.push(...found)
      }
      // One row more than the limit tells that there is a next page.
      if (rows > plan.query.limit) break
    }
  } finally {
    reader.release()
  }
  const series: AnswerSeries[] = plan.groups.map((tags, i) => {
    return { tags, ...joinRows(scan, gathered[i]!) }
  })
  return answerOf(plan, series, scan.stats())
}

function rangeAfterCursor(
  { plan }: Scan,
  { tags }: PlanSeries,
  start: bigint,
  end: bigint,
): [bigint, bigint] {
  const { cursor, order } = plan.query
  if (cursor === null) return [start, end]
  const next = nextTime(cursor, order, tags)
  if (order === 'desc') return [start, next < end ? next : end]
  return [next > start ? next : start, end]
}

/** Chunks of one series, each ascending and in any order, as one. */
export function joinRows({ plan }: Scan, found: RawRows[]): RawRows {
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

/** Cuts the range into slices, in the order of the answer; one slice if most of it is wanted. */
function* slicesOf(scan: Scan): Generator<[bigint, bigint]> {
  const { query, start: planStart, end: planEnd } = scan.plan
  const [first, last] = timeRange(scan)
  const { cursor, order } = query
  let start = planStart > first ? planStart : first
  let end = planEnd <= last ? planEnd : last + 1n
  if (cursor !== null && order === 'desc' && cursor.time < end) end = cursor.time + 1n
  if (cursor !== null && order === 'asc' && cursor.time > start) start = cursor.time
  if (start >= end) return
  const expected = expectedRows(scan, start, end)
  // A slice visits every series, so it is worth a row of each at least.
  const wanted = Math.max(query.limit * SLICE_MARGIN, scan.plan.series.length)
  const share = wanted / Math.max(expected, 1)
  let width = share >= 0.5 ? end - start : BigInt(Math.ceil(Number(end - start) * share))
  while (start < end) {
    if (width > end - start) width = end - start
    const cut = order === 'desc' ? end - width : start + width
    yield order === 'desc' ? [cut, end] : [start, cut]
    if (order === 'desc') end = cut
    else start = cut
    width *= SLICE_GROWTH
  }
}

/** Points of the wanted series in [start, end), if parts and series are evenly filled. */
function expectedRows({ plan, sources, snapshot }: Scan, start: bigint, end: bigint): number {
  let rows = 0
  const add = (count: number, first: bigint, last: bigint): void => {
    const from = first > start ? first : start
    const to = last + 1n < end ? last + 1n : end
    if (from < to) rows += (count * Number(to - from)) / Number(last + 1n - first)
  }
  for (const { description } of sources.parts) {
    add(description.rows, description.minTime, description.maxTime)
  }
  for (const { snapshot: held } of sources.memtables) {
    if (held.rowCount > 0) add(held.rowCount, held.minTime, held.maxTime)
  }
  const all = snapshot.catalog.matchSeries(plan.table.id, []).length
  return (rows * plan.series.length) / Math.max(all, 1)
}

/** Reads points of a series into vectors. Release it when done. */
export class RawReader {
  private readonly scan: Scan
  private readonly region: Region

  constructor(scan: Scan) {
    this.scan = scan
    // An index, slots and validity of the rows that count.
    this.region = scan.instance.memory.allocate(BLOCK_ROWS * (4 + 8 + 1))
  }

  /** All points of [start, end) that count, a chunk each, ascending. */
  *read(series: PlanSeries, start: bigint, end: bigint): Execution<RawRows[]> {
    const { scan } = this
    const found: RawRows[] = []
    const pieces = yield* scan.open(series, start, end)
    if (pieces === null) return found
    try {
      for (let piece = yield* pieces.next(); piece !== null; piece = yield* pieces.next()) {
        const rows = yield* this.readPiece(series, piece)
        if (rows !== null) found.push(rows)
        yield* scan.rest()
      }
    } finally {
      pieces.close()
    }
    return found
  }

  /** The points of a piece that count, ascending; null if there are none. */
  *readPiece(series: PlanSeries, piece: Piece): Execution<RawRows | null> {
    const { scan } = this
    let { filter } = series
    if (piece.kind === 'block') {
      const residual = scan.residual(filter, yield* scan.entries(piece))
      if (residual === 'none') return null
      filter = residual
    }
    const selected = yield* scan.load(piece, filter, true)
    return selected.count > 0 ? this.copy(selected) : null
  }

  release(): void {
    this.scan.instance.memory.release(this.region)
  }

  /** The rows of the loaded chunk that count. */
  private copy({ mask, count }: Selected): RawRows {
    const { chunk, plan, instance } = this.scan
    const { memory, kernel } = instance
    const isWhole = count === chunk.count
    const index = this.region.offset
    if (!isWhole) kernel.scanIndex(mask, chunk.count, index)
    const target = index + BLOCK_ROWS * 4
    const validTarget = target + BLOCK_ROWS * 8
    let times = chunk.times
    if (!isWhole) kernel.scanSlots(times, index, count, (times = target))
    const time = memory.i64.slice(times >>> 3, (times >>> 3) + count)
    const fields = plan.outputs.map(({ field, type }) => {
      let values = chunk.values[field]!
      let valid = chunk.valid[field]!
      if (!isWhole) {
        kernel.scanSlots(values, index, count, (values = target))
        const nulls = valid === 0 ? 0 : kernel.scanValid(valid, index, count, validTarget)
        valid = nulls === 0 ? 0 : validTarget
      }
      return readVector(memory, type, { values, valid, count, base: 0 })
    })
    return { time, fields }
  }
}
