// The bucket of a shard's object, if the Worker has one: cold segment files lie in it below a prefix that
// is the object's own for all time, its id.

import type { Timer } from '../../engine/host.ts'
import { openR2 } from '../../engine/storage/r2.ts'
import type { SegmentStorage, ShardStorage } from '../../engine/storage/storage.ts'
import { openTiered } from '../../engine/storage/tiered.ts'
import type { EdgeEnv } from './environment.ts'
import { ObjectTimers } from './object-timers.ts'
import { READ_AHEAD_BYTES } from './shard-memory.ts'

/** What of the bucket is an object's. */
export interface ShardBucket {
  readonly cold: SegmentStorage
  readonly prefix: string
}

/** Null: there is no bucket. */
export function shardBucket(
  { SEGMENTS: bucket }: Pick<EdgeEnv, 'SEGMENTS'>,
  id: string,
  timer: Timer,
): ShardBucket | null {
  if (bucket === undefined) return null
  return { cold: openR2(bucket, { timer }), prefix: `shards/${id}` }
}

/** The storage of an object with its bucket. */
export function tieredStorage(hot: ShardStorage, { cold, prefix }: ShardBucket): ShardStorage {
  const random = (target: Uint8Array): void => void crypto.getRandomValues(target)
  return openTiered({ hot, cold, prefix, random, readAheadBytes: READ_AHEAD_BYTES })
}

/** Removes all objects that a shard's object ever stored, if there is a bucket. */
export async function emptyBucket(env: Pick<EdgeEnv, 'SEGMENTS'>, id: string): Promise<void> {
  const timers = new ObjectTimers(
    () => Date.now(),
    () => {},
  )
  const bucket = shardBucket(env, id, timers)
  if (bucket === null) return
  for (const key of await bucket.cold.list(`${bucket.prefix}/`)) await bucket.cold.remove(key)
}
