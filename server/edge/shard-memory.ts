// What one shard may hold of the memory of its isolate, which is 128 MB for all objects in it, their
// code and what workerd needs for requests under way.

import type { OpenOptions } from '../../engine/database.ts'
import type { BodyLimits } from '../limits.ts'

const MIB = 1 << 20

/** Of a shard in an object. What grows with use is taken when it is needed; the memtables at the start. */
export const SHARD_OPTIONS: OpenOptions = {
  memoryBytes: 40 * MIB,
  memtableRowBytes: 4 * MIB,
  memtableArenaBytes: 2 * MIB,
  logBytes: 4 * MIB,
  cacheBytes: 8 * MIB,
  stagingBytes: 8 * MIB,
  tailBytes: MIB,
  tailsMax: 32,
  queriesMax: 16,
  seriesMax: 100_000,
  // Reading all files again and again is what the platform does for its storage; here it would cost rows.
  scrubBytesPerSecond: 0,
  // The platform sets its clocks; an object that slept for days has missed nothing.
  trustClock: true,
  // With a bucket: what is asked for most is hot, and a file that moves is in memory beside all this.
  tierAfterMs: 2 * 86_400_000,
  hotBytesMax: 256 * MIB,
  coldFileBytesMax: 16 * MIB,
}

/** Bytes of cold segments that came along with others, kept for whoever asks next. */
export const READ_AHEAD_BYTES = 4 * MIB

/** Of a request to a shard. */
export const SHARD_BODY_LIMITS: BodyLimits = {
  wireBytesMax: 8_000_000,
  inflatedBytesMax: 16 * MIB,
}
