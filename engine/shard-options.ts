// How a shard is set up: sizes of its rooms, ages and limits.

export interface ShardOptions {
  /** Bytes of rows one memtable takes; there are two. */
  readonly memtableRowBytes: number
  /** Bytes of string values one memtable takes. */
  readonly memtableArenaBytes: number
  /** Bytes of blocks and directory pages kept in kernel memory. */
  readonly cacheBytes: number
  /** Bytes that uploads may hold together before their bodies are no longer read. */
  readonly stagingBytes: number
  /** Bytes of log after which the memtable is flushed; a start replays at most twice as much. */
  readonly logBytes: number
  /** Age at which a memtable with rows is flushed. */
  readonly flushAgeMs: number
  /** Series that one database may have. */
  readonly seriesMax: number
  /** Bytes of segment files that the scrub reads a second; 0: none. */
  readonly scrubBytesPerSecond: number
  /** Bytes from which on a catalog file that is mostly dead is written anew; 64 KiB unless given. */
  readonly catalogBytesMin?: number | undefined
  /** Bytes of a record that go to the log in one turn of the event loop; 1 MiB unless given. */
  readonly logSliceBytes?: number | undefined
  /** Bytes of batches that are kept for tails; 16 MiB unless given. */
  readonly tailBytes?: number | undefined
  /** Tails that may be open at once; 256 unless given. */
  readonly tailsMax?: number | undefined
  /** When segment files move to the object store, if the storage has one: see TierPolicy for each. */
  readonly tierAfterMs?: number | undefined
  readonly hotBytesMax?: number | undefined
  readonly coldFileBytesMax?: number | undefined
  /** Whether the clock is right for sure: nothing that it says pauses retention. */
  readonly trustClock: boolean
}
