// Which buckets of which groups some points lie in, the runs of time in which they are read again, and
// what of an answer they are. Walks bucket by bucket, not point by point.

import { type BucketRule, bucketEnd, bucketStart } from '../buckets.ts'
import { lowerBound } from '../lower-bound.ts'
import { childrenOf, type Expression } from '../query/expression/tree.ts'
import type { AnswerSeries, Query, Vector } from '../query/query.ts'

/** Buckets between two runs that are rather read, too, than asked for apart. */
const BETWEEN_MAX = 64

export class Touched {
  private readonly rule: BucketRule
  private readonly keys: readonly string[]
  private readonly reach: number
  /** Starts of buckets by group. */
  private readonly groups = new Map<string, Set<bigint>>()
  /** Ends by starts, of all groups. */
  private readonly ends = new Map<bigint, bigint>()

  /** `keys`: tags of groups, in byte order; `reach`: buckets behind a point's that it changes as well. */
  constructor(rule: BucketRule, keys: readonly string[], reach: number) {
    this.rule = rule
    this.keys = keys
    this.reach = reach
  }

  /** The buckets of a series' points. */
  add({ tags, time }: AnswerSeries): void {
    const key = JSON.stringify(this.keys.map((name) => [name, tags.get(name) ?? null]))
    let group = this.groups.get(key)
    if (group === undefined) this.groups.set(key, (group = new Set()))
    for (let row = 0; row < time.length;) {
      let start = bucketStart(this.rule, time[row]!)
      row = Math.max(row + 1, lowerBound(time, bucketEnd(this.rule, time[row]!)))
      for (let i = 0; i <= this.reach; i++) {
        const end = this.ends.get(start) ?? bucketEnd(this.rule, start)
        group.add(start)
        this.ends.set(start, end)
        start = end
      }
    }
  }

  /** Ranges of time with all touched buckets, ascending and apart. */
  runs(): { readonly start: bigint; readonly end: bigint }[] {
    const runs: { start: bigint; end: bigint }[] = []
    for (const [start, end] of [...this.ends].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const last = runs.at(-1)
      const isNear = last !== undefined && start - last.end <= BigInt(BETWEEN_MAX) * (end - start)
      if (isNear) last.end = end
      else runs.push({ start, end })
    }
    return runs
  }

  /** Of an answer, the buckets that were touched. */
  of(series: readonly AnswerSeries[]): AnswerSeries[] {
    return series.flatMap(({ tags, time, fields }) => {
      const group = this.groups.get(JSON.stringify([...tags]))
      const rows =
        group === undefined ? [] : [...time.keys()].filter((row) => group.has(time[row]!))
      if (rows.length === 0) return []
      return [{ tags, time: pick(time, rows), fields: fields.map((one) => pickVector(one, rows)) }]
    })
  }

  /** Entries of one group as one, in their order. */
  static join(series: readonly AnswerSeries[]): AnswerSeries {
    const times = series.flatMap(({ time }) => [...time])
    const fields = series[0]!.fields.map((first, i): Vector => {
      const values = series.flatMap(({ fields: own }) => [...own[i]!.values])
      const valid = series.flatMap(({ time, fields: own }) => {
        return [...(own[i]!.valid ?? new Uint8Array(time.length).fill(1))]
      })
      return { values: likeValues(first.values, values), valid: Uint8Array.from(valid) }
    })
    return { tags: series[0]!.tags, time: BigInt64Array.from(times), fields }
  }
}

/** Buckets behind a point's own that it may change: of differences the next, of means of n that many. */
export function reachOf({ select }: Query): number {
  const reach = (node: Expression): number => {
    const inner = childrenOf(node).map(reach)
    if (node.kind === 'call' && node.name === 'moving_average') {
      const count = node.arguments[1]
      inner.push(count?.kind === 'number' ? Number(count.integer ?? 1n) - 1 : 0)
    } else if (node.kind === 'call') inner.push(NEIGHBOURS.has(node.name) ? 1 : 0)
    return Math.max(0, ...inner)
  }
  return Math.max(0, ...(select ?? []).map(({ expression }) => reach(expression)))
}

const NEIGHBOURS: ReadonlySet<string> = new Set(
  'increase delta rate derivative integral time_weighted_mean'.split(' '),
)

function pick(times: BigInt64Array, rows: readonly number[]): BigInt64Array {
  return BigInt64Array.from(rows, (row) => times[row]!)
}

function pickVector({ values, valid }: Vector, rows: readonly number[]): Vector {
  return {
    values: likeValues(
      values,
      rows.map((row) => values[row]!),
    ),
    valid: valid === null ? null : Uint8Array.from(rows, (row) => valid[row]!),
  }
}

function likeValues(like: Vector['values'], picked: readonly unknown[]): Vector['values'] {
  if (Array.isArray(like)) return picked as string[]
  if (like instanceof BigInt64Array) return BigInt64Array.from(picked as bigint[])
  if (like instanceof BigUint64Array) return BigUint64Array.from(picked as bigint[])
  if (like instanceof Float64Array) return Float64Array.from(picked as number[])
  return Uint8Array.from(picked as number[])
}
