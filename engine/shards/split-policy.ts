// When a shard is split without anybody asking: it says itself that it is hot, by what it took in since it
// last looked and by what it holds; the catalog, which knows the map, says whether it may be. A split
// moves no point, so it relieves a shard of what comes, never of what is there. Pure functions.

import { type ShardMap, shardsOf, slotsOf } from './shard-map.ts'
import type { ShardLoad } from './shard-port.ts'

export interface SplitPolicy {
  /** A shard that takes more points a second than this is hot. */
  readonly pointsPerSecondMax: number
  /** And one with more bytes of log and hot segments than this. */
  readonly hotBytesMax: number
  /** Shards of one database, those that take no new points included. A split makes two more. */
  readonly shardsMax: number
  /** A shard that a split made is not split before it has had new points for so long. */
  readonly restMs: number
}

/**
 * 100,000 points a second are a third of what an object takes (docs/edge.md); of the 10 GB that it keeps,
 * 6 GiB leave room for merges and for points that come late. 31 shards are 16 that take new points, and
 * a question asks 32 at once.
 */
export const SPLIT_POLICY: SplitPolicy = {
  pointsPerSecondMax: 100_000,
  hotBytesMax: 6 * 2 ** 30,
  shardsMax: 31,
  restMs: 1_800_000,
}

/** A rate is that of a minute or more: a moment's burst is no reason for shards that stay. */
export const WINDOW_NS_MIN = 60_000_000_000n

/** Points a second between two looks; null if they are too close to say. */
export function pointRate(before: ShardLoad, load: ShardLoad): number | null {
  const elapsed = load.at - before.at
  if (elapsed < WINDOW_NS_MIN) return null
  return ((load.points - before.points) * 1e9) / Number(elapsed)
}

/** Whether a shard with this rate (null: not known yet) and load wants to be split. */
export function isHot(
  rate: number | null,
  { bytes }: Pick<ShardLoad, 'bytes'>,
  { pointsPerSecondMax, hotBytesMax }: SplitPolicy,
): boolean {
  return (rate ?? 0) > pointsPerSecondMax || bytes > hotBytesMax
}

/** Whether the map has room for it, and the shard takes new points and has done so long enough. */
export function maySplit(map: ShardMap, shard: string, now: bigint, policy: SplitPolicy): boolean {
  if (shardsOf(map).length + 2 > policy.shardsMax) return false
  const slots = slotsOf(map, shard)
  if (slots === null || slots.end - slots.first < 2) return false
  const { since } = map.entries.findLast((entry) => entry.shard === shard)!
  return now - since >= BigInt(policy.restMs) * 1_000_000n
}
