// The functions that only windows have.
// Source: PostgreSQL 15, its manual, section 9.22; src/backend/utils/adt/windowfuncs.c.

import type { SqlVector } from '../batch.ts'
import { SqlError } from '../sql-error.ts'
import type { Frame, WindowCall, WindowFunctionName } from '../tree.ts'
import { type FrameOf, type Partition, type Span, excluded } from './frame.ts'
import { valueAt, vectorOf } from './vector.ts'
import type { Ordered } from './window.ts'

interface Frames {
  readonly find: FrameOf
  readonly exclude: Frame
}

/** What a function says of one place of a partition. */
type Place = (partition: Partition, place: number) => unknown

/** The values of a call, by row of the input. */
export function ranked(
  name: WindowFunctionName,
  call: WindowCall,
  operands: readonly SqlVector[],
  { batch, partitions }: Ordered,
  frames: Frames,
): SqlVector {
  const compute = PLACES[name](call, operands, frames)
  const values = Array.from<unknown>({ length: batch.rowCount })
  for (const partition of partitions) {
    for (const [place, row] of partition.rows.entries()) values[row] = compute(partition, place)
  }
  return vectorOf(call.type, batch.rowCount, (row) => values[row])
}

type Make = (call: WindowCall, operands: readonly SqlVector[], frames: Frames) => Place

const PLACES: Readonly<Record<WindowFunctionName, Make>> = {
  row_number: () => (_, place) => BigInt(place + 1),
  rank:
    () =>
    ({ peerStart }, place) =>
      BigInt(peerStart[place]! + 1),
  dense_rank:
    () =>
    ({ group }, place) =>
      BigInt(group[place]! + 1),
  percent_rank:
    () =>
    ({ rows, peerStart }, place) =>
      rows.length === 1 ? 0 : peerStart[place]! / (rows.length - 1),
  cume_dist:
    () =>
    ({ rows, peerEnd }, place) =>
      peerEnd[place]! / rows.length,
  ntile:
    (call, operands) =>
    ({ rows }, place) => {
      const given = argument(call, operands, 0, rows[place]!)
      if (given === null) return null
      const buckets = Number(given)
      if (buckets <= 0) throw new SqlError('22014', 'argument of ntile must be greater than zero')
      const small = Math.floor(rows.length / buckets)
      const large = rows.length % buckets
      // The first ones have a row more.
      const edge = large * (small + 1)
      if (place < edge) return Math.floor(place / (small + 1)) + 1
      return large + Math.floor((place - edge) / small) + 1
    },
  lag: (call, operands) => shifted(call, operands, -1),
  lead: (call, operands) => shifted(call, operands, 1),
  first_value: (call, operands, frames) => (partition, place) => {
    const [first] = partsOf(partition, place, frames)
    return first === undefined ? null : argument(call, operands, 0, partition.rows[first[0]]!)
  },
  last_value: (call, operands, frames) => (partition, place) => {
    const last = partsOf(partition, place, frames).at(-1)
    return last === undefined ? null : argument(call, operands, 0, partition.rows[last[1] - 1]!)
  },
  nth_value: (call, operands, frames) => (partition, place) => {
    const given = argument(call, operands, 1, partition.rows[place]!)
    if (given === null) return null
    let left = Number(given)
    if (left <= 0) throw new SqlError('22016', 'argument of nth_value must be greater than zero')
    for (const [start, end] of partsOf(partition, place, frames)) {
      if (left <= end - start) {
        return argument(call, operands, 0, partition.rows[start + left - 1]!)
      }
      left -= end - start
    }
    return null
  },
}

const partsOf = (partition: Partition, place: number, frames: Frames): readonly Span[] =>
  excluded(frames.exclude, partition, place, frames.find(partition, place)).filter(
    ([start, end]) => start < end,
  )

const argument = (
  call: WindowCall,
  operands: readonly SqlVector[],
  index: number,
  row: number,
): unknown => valueAt(operands[index]!, call.arguments[index]!.type, row)

/** The value so many rows on; beyond the partition the third argument. */
function shifted(call: WindowCall, operands: readonly SqlVector[], sign: number): Place {
  return ({ rows }, place) => {
    const row = rows[place]!
    const offset = operands.length > 1 ? argument(call, operands, 1, row) : 1
    if (offset === null) return null
    const other = place + sign * Number(offset)
    if (other >= 0 && other < rows.length) return argument(call, operands, 0, rows[other]!)
    return operands.length > 2 ? argument(call, operands, 2, row) : null
  }
}
