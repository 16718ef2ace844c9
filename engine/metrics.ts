// What an operator watches, read from the rooms of a shard when somebody asks.

import type { Admission } from './query/admission.ts'
import { visibleNames } from './reserved.ts'
import type { Shard } from './shard.ts'
import type { ColdCounts } from './storage/storage.ts'

/** What an operator watches. Counters count since the start. */
export interface EngineMetrics {
  readonly walBytes: number
  readonly memtableBytes: number
  readonly memoryBytes: number
  /** What the kernel's memory may grow to. */
  readonly memoryBytesMax: number
  readonly cacheBytes: number
  /** Uploads that are not stored yet: what they hold, and how many wait for room. */
  readonly stagingBytes: number
  readonly stagingWaiting: number
  readonly queriesRunning: number
  readonly queriesWaiting: number
  /** Tails that are open, and bytes of batches kept for them. */
  readonly tails: number
  readonly tailBytes: number
  readonly segments: number
  readonly segmentBytes: number
  /** Those of them that lie in an object store, and requests to it; undefined: there is none. */
  readonly cold?: Readonly<ColdCounts> | undefined
  /** By database name. */
  readonly series: ReadonlyMap<string, number>
  readonly blocksSkipped: number
  readonly blocksFromSummary: number
  readonly blocksDecoded: number
  /** Shares of queries that scan workers were given. */
  readonly scanTasks: number
  /** Bytes of segments that flushes wrote. */
  readonly flushBytes: number
  readonly compactionReadBytes: number
  readonly compactionWrittenBytes: number
  readonly syncs: number
  readonly syncSeconds: number
  readonly isReadOnly: boolean
}

/** The numbers of a shard as they are now; `blocks` counts over all queries. */
export function metricsOf(
  shard: Shard,
  admission: Admission,
  blocks: { readonly skipped: number; readonly summary: number; readonly decoded: number },
): EngineMetrics {
  const files = shard.parts.files()
  const cold = shard.host.storage.cold?.counts
  const series = new Map<string, number>()
  for (const name of visibleNames(shard.catalog.databases.keys())) {
    series.set(name, shard.catalog.seriesCount(name))
  }
  return {
    walBytes: shard.logBytes,
    memtableBytes: shard.memtableBytes,
    memoryBytes: shard.instance.memory.used,
    memoryBytesMax: shard.instance.memory.limit,
    cacheBytes: shard.cache.used,
    stagingBytes: shard.staging.used,
    stagingWaiting: shard.staging.waitingCount,
    queriesRunning: admission.counts.running,
    queriesWaiting: admission.counts.waiting,
    tails: shard.feed.counts.followers,
    tailBytes: shard.feed.counts.bytes,
    segments: files.length,
    segmentBytes: files.reduce((sum, file) => sum + file.size, 0),
    cold: cold && { ...cold },
    series,
    blocksSkipped: blocks.skipped,
    blocksFromSummary: blocks.summary,
    blocksDecoded: blocks.decoded,
    scanTasks: shard.host.scanWorkers?.started ?? 0,
    flushBytes: shard.counters.flushBytes,
    compactionReadBytes: shard.counters.compactionReadBytes,
    compactionWrittenBytes: shard.counters.compactionWrittenBytes,
    syncs: shard.counters.syncs,
    syncSeconds: shard.counters.syncSeconds,
    isReadOnly: shard.failure?.isFatal ?? false,
  }
}
