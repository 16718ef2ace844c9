// The reference's choice of points for a chart, one loop at a time; sums are added in the order of the
// kernel's lanes, so that ties fall alike.

import { sumInLanes } from '../assembly/lanes-sum.ts'
import type { Value } from './table.ts'
import { orderValues } from './where.ts'

export interface SamplePoint {
  readonly time: bigint
  readonly value: Value
}

type Method = 'lttb' | 'm4' | 'minmax'

/** Rows that are chosen of those of a series, which ascend. */
export function chosenRows(
  points: readonly SamplePoint[],
  wanted: number,
  method: Method,
): number[] {
  if (points.length <= wanted) return [...points.keys()]
  return method === 'lttb' ? triangles(points, wanted) : extremes(points, wanted, method)
}

function triangles(points: readonly SamplePoint[], wanted: number): number[] {
  const x = points.map(({ time }) => Number(BigInt.asUintN(64, time - points[0]!.time)))
  const y = points.map(({ value }) => Number(value))
  const n = points.length
  const size = wanted > 2 ? (n - 2) / (wanted - 2) : 0
  const chosen = [0]
  for (let bucket = 0; bucket < wanted - 2; bucket++) {
    const from = Math.floor(bucket * size) + 1
    const to = Math.floor((bucket + 1) * size) + 1
    const next = Math.min(Math.floor((bucket + 2) * size) + 1, n)
    const cx = sumInLanes(x.slice(to, next)) / (next - to)
    const cy = sumInLanes(y.slice(to, next)) / (next - to)
    const [ax, ay] = [x[chosen.at(-1)!]!, y[chosen.at(-1)!]!]
    let best = from
    let largest = -1
    for (let row = from; row < to; row++) {
      const area = Math.abs((ax - cx) * (y[row]! - ay) - (ax - x[row]!) * (cy - ay))
      if (!(area > largest)) continue
      largest = area
      best = row
    }
    chosen.push(best)
  }
  return [...chosen, n - 1]
}

function extremes(points: readonly SamplePoint[], wanted: number, method: Method): number[] {
  const spans = BigInt(Math.floor(wanted / (method === 'm4' ? 4 : 2)))
  const start = points[0]!.time
  const width = (points.at(-1)!.time - start) / spans + 1n
  const found = new Map<bigint, number[]>()
  points.forEach(({ time }, row) => {
    const span = (time - start) / width
    found.set(span, [...(found.get(span) ?? []), row])
  })
  return [...found.values()].flatMap((rows) => {
    const furthest = (sign: number): number =>
      rows.reduce((best, row) => {
        return sign * orderValues(points[row]!.value, points[best]!.value) > 0 ? row : best
      })
    const kept = [furthest(-1), furthest(1)]
    if (method === 'm4') kept.push(rows[0]!, rows.at(-1)!)
    return [...new Set(kept)].sort((a, b) => a - b)
  })
}
