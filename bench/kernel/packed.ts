// Rates of aggregating encoded blocks, as a scan does that no summary answers: in buckets of some
// rows that blocks do not begin with, one field. Where a block's residuals answer they are not decoded (packed.ts).

import type { KernelInstance } from '../../engine/kernel.ts'
import type { Chunk } from '../../engine/query/chunk.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import type { PartView } from '../../engine/query/part-view.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'
import { FLOAT, INTEGER, encodeSlots, encodeTimes } from './blocks.ts'
import { random } from './shapes.ts'

const BLOCK_ROWS = 1_024
/** A row group: what one call goes over. */
const BLOCKS = 64
const VIEW_COLUMN = 264
const ROUNDS = 40

let percent = 50
function walk(): number {
  percent = Math.max(0, Math.min(100, percent + Math.floor(random() * 3) - 1))
  return percent
}

/** Values of one block's rows each: name, type, and the next one. */
export const packedShapes: readonly [string, number, () => number][] = [
  ['20-bit integers', INTEGER, () => Math.floor(random() * 2 ** 20)],
  ['2 decimals', FLOAT, () => Math.round(random() * 3000) / 100],
  ['CPU percent (walk)', FLOAT, walk],
  ['32-bit fractions', FLOAT, random],
]

export type Results = readonly ('mean' | 'least' | 'greatest')[]

/** Values that one call of `use` aggregates, and the sum of all results of one round. */
export interface PackedUse {
  readonly count: number
  readonly use: () => void
  readonly total: number
}

/** Aggregates the rows but the first and last of a row group again and again. */
export function makePacked(
  instance: KernelInstance,
  type: number,
  values: Float64Array,
  results: Results,
  width: number,
): PackedUse {
  const { kernel, memory } = instance
  const times = encodeTimes(
    instance,
    BigInt64Array.from(values, (_, i) => BigInt(i)),
  )
  const slots =
    type === FLOAT
      ? new BigInt64Array(values.slice().buffer)
      : BigInt64Array.from(values, (value) => BigInt(value))
  const column = encodeSlots(instance, type, slots)
  const view = memory.allocateZeroed(2 * VIEW_COLUMN)
  const at = view.offset / 4
  memory.u32.set([times.entry(0), kernel.TIME.value], at)
  memory.u32.set([column.entry(0), type], at + VIEW_COLUMN / 4)
  for (let b = 0; b < BLOCKS; b++) {
    memory.u32[at + 2 + b] = times.block(b)
    memory.u32[at + VIEW_COLUMN / 4 + 2 + b] = column.block(b)
  }
  const chunk = { times: memory.allocate(BLOCK_ROWS * 17).offset } as unknown as Chunk
  const valueType = type === FLOAT ? ('float' as const) : ('integer' as const)
  const outputs = results.map((result) => {
    return {
      name: result,
      type: result === 'mean' ? 'float' : valueType,
      field: 0,
      result,
    } as const
  })
  const grid = { kind: 'fixed', origin: 0n, width: BigInt(width) } as const
  const fields = [{ id: 0, name: 'x', type: type as 0 }]
  const plan = { fields, outputs, grid, maxBuckets: 1_000_000 }
  const aggregator = new Aggregator(instance, plan)
  const pointer = { pointer: view.offset } as PartView
  const series = { group: 0, rank: 0 } as PlanSeries
  const options = { countsRows: false, needsFirstTime: false }
  const last = BLOCKS * BLOCK_ROWS - 1
  const add = (to: Aggregator): void => {
    to.run(series, pointer, chunk, to.plan(pointer, 1, last, options))
  }
  const once = new Aggregator(instance, plan)
  add(once)
  let total = 0
  for (const field of once.results().fields)
    for (const value of field.values) total += Number(value)
  once.release()
  const use = (): void => {
    for (let round = 0; round < ROUNDS; round++) add(aggregator)
  }
  return { count: ROUNDS * (last - 1), use, total }
}

/** Values of a row group. */
export function packedValues(next: () => number): Float64Array {
  return Float64Array.from({ length: BLOCKS * BLOCK_ROWS }, next)
}
