// The numbers of several shards as those of one server: counts and bytes are added, series by database.

import type { EngineMetrics } from '../../engine/metrics.ts'

/** Of no shard. */
export const NO_METRICS: EngineMetrics = {
  walBytes: 0,
  memtableBytes: 0,
  memoryBytes: 0,
  memoryBytesMax: 0,
  cacheBytes: 0,
  stagingBytes: 0,
  stagingWaiting: 0,
  queriesRunning: 0,
  queriesWaiting: 0,
  tails: 0,
  tailBytes: 0,
  segments: 0,
  segmentBytes: 0,
  series: new Map(),
  blocksSkipped: 0,
  blocksFromSummary: 0,
  blocksDecoded: 0,
  scanTasks: 0,
  flushBytes: 0,
  compactionReadBytes: 0,
  compactionWrittenBytes: 0,
  syncs: 0,
  syncSeconds: 0,
  isReadOnly: false,
}

/** All together; read-only if one is. */
export function sumMetrics(shards: readonly EngineMetrics[]): EngineMetrics {
  return shards.reduce(add, NO_METRICS)
}

function add(one: EngineMetrics, other: EngineMetrics): EngineMetrics {
  const sum: Record<string, unknown> = {}
  for (const name of Object.keys(NO_METRICS) as (keyof EngineMetrics)[]) {
    const [a, b] = [one[name], other[name]]
    if (typeof a === 'number' && typeof b === 'number') sum[name] = a + b
  }
  const series = new Map(one.series)
  // A shard's own `default` is empty unless that is its database.
  for (const [name, count] of other.series) series.set(name, (series.get(name) ?? 0) + count)
  return {
    ...(sum as unknown as EngineMetrics),
    series,
    cold: addCold(one.cold, other.cold),
    isReadOnly: one.isReadOnly || other.isReadOnly,
  }
}

function addCold(one: EngineMetrics['cold'], other: EngineMetrics['cold']): EngineMetrics['cold'] {
  if (one === undefined || other === undefined) return one ?? other
  const sum = { ...one }
  for (const name of Object.keys(one) as (keyof typeof sum)[]) sum[name] += other[name]
  return sum
}
