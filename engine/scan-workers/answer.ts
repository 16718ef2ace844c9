// The worker's side: a kernel and a cache of its own, readers of the parts it has met, and the same scan
// and aggregation as everywhere (query/downsample.ts).

import { runSync, type SyncSource } from '../drive.ts'
import { instantiateKernel, type KernelInstance } from '../kernel.ts'
import { holesOf } from '../lifecycle/tombstones.ts'
import { aggregatePartial } from '../query/scan-buckets.ts'
import { countReads } from '../query/executor.ts'
import type { Plan, PlanCatalog } from '../query/plan.ts'
import { SeriesList } from '../query/plan-series.ts'
import type { Query } from '../query/query.ts'
import { Scan, type Snapshot } from '../query/scan.ts'
import { NO_ROLLUPS } from '../rollup/registry.ts'
import { Cache } from '../segment/cache.ts'
import { PartReader, type PartDescription } from '../segment/part.ts'
import type { Execution } from '../step.ts'
import type { ScanResult, ScanTask } from './task.ts'

/** Readers that are kept for the next tasks beside those of the last one. */
const READERS_MAX = 1024

/** Answers tasks one after the other. */
export class TaskRunner {
  private readonly instance: KernelInstance
  private readonly cache: Cache
  private readonly files: SyncSource
  private readonly now: () => bigint
  /** By file and offset. */
  private readonly readers = new Map<string, PartReader>()

  constructor(instance: KernelInstance, files: SyncSource, now: () => bigint) {
    this.instance = instance
    // Half of the memory is for what queries hold.
    this.cache = new Cache(instance.memory, instance.memory.limit / 2)
    this.files = files
    this.now = now
  }

  static async open(
    module: WebAssembly.Module,
    memoryBytes: number,
    files: SyncSource,
    now: () => bigint,
  ): Promise<TaskRunner> {
    return new TaskRunner(await instantiateKernel(module, memoryBytes), files, now)
  }

  /** Throws once the kernel has trapped. */
  checkKernel(): void {
    this.instance.check()
  }

  /** Throws what the scan throws, and what `check` throws between its steps. */
  answer(task: ScanTask, check: () => void): ScanResult {
    const { cache, files: source } = this
    if (this.readers.size > task.parts.length + READERS_MAX) this.readers.clear()
    return this.instance.guard(() => runSync(this.execution(task), { cache, source, check }))
  }

  private *execution(task: ScanTask): Execution<ScanResult> {
    const scan = new Scan(this.snapshotOf(task), planOf(task))
    try {
      const steps = aggregatePartial(scan, task.grid, task.start, task.end)
      const partial = yield* countReads(steps, scan.tally)
      return { partial, stats: scan.stats(), points: scan.budget.scannedPoints }
    } finally {
      scan.release()
    }
  }

  private snapshotOf({ partVersion, parts, tombstones, plan, tableSeries }: ScanTask): Snapshot {
    const version = new Map(tombstones === null ? [] : [[plan.table.id, tombstones]])
    const readers = parts.map((part) => this.readerOf(part))
    return {
      ...{ instance: this.instance, cache: this.cache, memtables: [], rollups: NO_ROLLUPS },
      ...{ partVersion, now: this.now },
      catalog: { tableSeries: () => tableSeries } as unknown as PlanCatalog,
      parts: () => readers,
      holes: (part) => holesOf(version, part),
    }
  }

  private readerOf(part: PartDescription): PartReader {
    const key = `${part.file}:${part.offset}:${part.tombstonesFrom}`
    let reader = this.readers.get(key)
    if (reader === undefined) {
      reader = new PartReader(this.instance, this.cache, part)
      this.readers.set(key, reader)
    }
    return reader
  }
}

function planOf({ plan, series }: ScanTask): Plan {
  return {
    ...plan,
    query: plan.query as Query,
    table: plan.table as Plan['table'],
    series: SeriesList.of(series),
    // Nothing of these is asked for before the answer is made.
    ...{ groups: { length: 0, at: () => new Map() }, groupKeys: null, columns: [], rollups: [] },
  }
}
