// Points for a chart: of each series at most so many of its points, chosen in the kernel
// (assembly/sampling.ts). A series is read whole, one after the other; only what was chosen is kept.

import { afterCursor, answerOf } from './answer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Plan } from './plan.ts'
import type { Answer, AnswerSeries, SamplingMethod, Vector } from './query.ts'
import { RawReader, joinRows } from './raw.ts'
import { type RawRows, rowsBytes } from './raw-rows.ts'
import type { Scan } from './scan.ts'
import type { Execution } from '../step.ts'
import { emptyValues } from './vector.ts'

/** Rows looked at between two pauses. */
const STEP_ROWS = 500_000

/** In the order of the kernel's SAMPLING_ codes. */
const METHODS: readonly SamplingMethod[] = ['lttb', 'm4', 'minmax']

/** Runs a raw plan whose query samples. */
export function* executeSampled(scan: Scan): Execution<Answer> {
  const { plan } = scan
  const series: AnswerSeries[] = []
  for (let rank = 0; rank < plan.series.length; rank++) {
    const rows = yield* sampledRows(scan, rank)
    if (rows !== null) series.push({ tags: plan.groups.at(rank), ...rows })
  }
  return yield* answerOf(plan, afterCursor(series, plan.query), scan.stats())
}

/** What is chosen of a series; null: it has no points. */
function* sampledRows(scan: Scan, rank: number): Execution<RawRows | null> {
  const { plan } = scan
  let held = 0
  const holds = (bytes: number): void => {
    held += bytes
    scan.budget.holds(bytes)
  }
  const reader = new RawReader(scan, holds)
  try {
    const found = yield* reader.read(plan.series.byRank(rank), plan.start, plan.end)
    if (found.length === 0) return null
    const rows = joinRows(scan, found)
    const chosen = yield* chooseRows(scan.instance, plan, rows, holds)
    // What was not chosen goes.
    holds(rowsBytes(chosen) - held)
    return chosen
  } finally {
    reader.release()
  }
}

/** Of the rows of a series, those that the query of a plan takes. `holds` is told of bytes. */
export function* chooseRows(
  { kernel, memory }: KernelInstance,
  { query, fields }: Plan,
  rows: RawRows,
  holds: (bytes: number) => void,
): Execution<RawRows> {
  const { points, method } = query.sampling!
  const count = rows.time.length
  if (count <= points) return rows
  const values = rows.fields[0]!.values as Numbers
  const size = count * 16 + points * 4 + kernel.SAMPLING_CURSOR_SIZE.value
  holds(size)
  const region = memory.allocate(size)
  try {
    const cursor = region.offset
    const times = cursor + kernel.SAMPLING_CURSOR_SIZE.value
    const slots = times + count * 8
    const index = slots + count * 8
    memory.u8.fill(0, cursor, times)
    memory.i64.set(rows.time, times >>> 3)
    memory.u8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), slots)
    const code = METHODS.indexOf(method)
    const { type } = fields[0]!
    let chosen = 0
    for (;;) {
      chosen = kernel.sampleRows(
        ...([code, type, times, slots, count, points, index, cursor, STEP_ROWS] as const),
      )
      if (chosen > 0) break
      yield { pause: true }
    }
    return pickRows(rows, memory.u32.subarray(index >>> 2, (index >>> 2) + chosen))
  } finally {
    memory.release(region)
  }
}

type Numbers = Float64Array | BigInt64Array | BigUint64Array

/** The rows at `index`, all of which have values. */
function pickRows({ time, fields }: RawRows, index: Uint32Array): RawRows {
  const picked = fields.map(({ values }): Vector => {
    const type = values instanceof Float64Array ? 'float' : 'integer'
    const isUnsigned = values instanceof BigUint64Array
    const target = emptyValues(isUnsigned ? 'unsigned' : type, index.length) as Float64Array
    for (const [i, row] of index.entries()) target[i] = (values as Float64Array)[row]!
    return { values: target, valid: null }
  })
  return { time: BigInt64Array.from(index, (row) => time[row]!), fields: picked }
}
