// Queries on a live shard: takes a snapshot, runs the executor on the shard's driver, and gives the
// snapshot back whatever happens, also when a reader leaves an export half read.

import type { Admission } from './admission.ts'
import type { CancelSignal } from './cancel.ts'
import { answerQuery } from './executor.ts'
import { Exporter } from './export.ts'
import type { Host } from '../host.ts'
import type { Cache } from '../segment/cache.ts'
import type { KernelInstance } from '../kernel.ts'
import { planSteps, type PlanCatalog } from './plan.ts'
import { type TombstoneVersion, holesOf } from '../lifecycle/tombstones.ts'
import type { PartVersion } from '../segment/part-set.ts'
import type { Answer, AnswerColumn, AnswerSeries, Query, QueryStats } from './query.ts'
import type { RollupVersion } from '../rollup/registry.ts'
import type { WorkerAccess } from '../scan-workers/task.ts'
import type { Snapshot } from './scan.ts'
import type { MemtableSource } from './series-scan.ts'
import type { Execution } from '../step.ts'

/** What queries need of a shard. */
export interface QueryTarget {
  readonly instance: KernelInstance
  readonly cache: Cache
  readonly catalog: PlanCatalog
  readonly host: Pick<Host, 'now' | 'scanWorkers'>
  /** Parts and memtables as they are now, held until released. */
  snapshot(): HeldSnapshot
  /** Drives an execution; `check` throws to cancel it. */
  run<T>(execution: Execution<T>, check?: () => void): Promise<T>
}

export interface HeldSnapshot {
  readonly version: Pick<PartVersion, 'id' | 'tables'>
  readonly tombstones: TombstoneVersion
  /** Oldest first. */
  readonly memtables: readonly MemtableSource[]
  readonly rollups: RollupVersion
  /** Throws `cancelled` once it was held for so long that it was taken away. */
  check(): void
  /** Between the two it is taken away as soon as it is in the way; `keep`: is it still there? */
  lend(): void
  keep(): boolean
  release(): void
}

/** The answer to a query. Throws as answerQuery does, and what `check` throws between steps. */
export async function executeQuery(
  target: QueryTarget,
  query: Query,
  check?: () => void,
): Promise<Answer> {
  const held = target.snapshot()
  try {
    return await target.run(answerQuery(query, snapshotOf(target, held)), bothOf(held, check))
  } finally {
    held.release()
  }
}

/** Rows of an export by series, then time; a series may span chunks. */
export interface ExportRows {
  readonly columns: AnswerColumn[]
  /** Tag keys that a row may have, in byte order. */
  readonly tags: string[]
  readonly isAggregate: boolean
  readonly chunks: AsyncIterable<AnswerSeries>
}

const NO_HEAD = { columns: [], tags: [], isAggregate: false }

/** Throws for a tag that a format cannot say. */
export type TagCheck = (key: string, value: string) => void

interface ExportHooks {
  readonly check?: (() => void) | undefined
  readonly signal?: CancelSignal | undefined
  /** Called before all else with each tag that the series have. */
  readonly checkTag?: TagCheck | undefined
  /** Nobody looks at the head. */
  readonly chunksOnly?: boolean | undefined
  /** Called as the rows end, or are left. */
  readonly onStats?: ((stats: QueryStats) => void) | undefined
}

/**
 * Plans an export, so that what is wrong with it throws here; reads it when `chunks` is iterated,
 * from the points that are there then.
 */
export async function executeExport(
  target: QueryTarget,
  query: Query,
  admission: Admission,
  { check, signal, checkTag, chunksOnly = false, onStats }: ExportHooks = {},
): Promise<ExportRows> {
  const head = chunksOnly
    ? NO_HEAD
    : await target.run(planHead(query, target.catalog, checkTag ?? null), check)
  const chunks = async function* (): AsyncGenerator<AnswerSeries> {
    const opened = admission.openExport(target, signal)
    try {
      yield* chunksOf(opened.target, query, { check, onStats })
    } finally {
      opened.close()
    }
  }
  return { ...head, chunks: chunks() }
}

/** Tags that are checked between two pauses: about a millisecond. */
const TAGS_AT_ONCE = 512

/** Columns of a query's rows, and keys of the tags that they may have. */
function* planHead(
  query: Query,
  catalog: PlanCatalog,
  checkTag: TagCheck | null,
): Execution<Omit<ExportRows, 'chunks'>> {
  const steps = planSteps(query, catalog, { keepsTags: false })
  const { columns, groupKeys, table, series, isAggregate } = yield* steps
  if (groupKeys !== null) return { columns, tags: [...groupKeys], isAggregate }
  const tags: string[] = []
  for (const key of table.tagKeys) {
    const { firsts } = yield* catalog.groupSeries(table.id, series.ids, [key])
    // Of two groups one at least has a value.
    const some = [...firsts.subarray(0, 2)]
    if (some.some((first) => catalog.seriesTags(series.ids[first]!).has(key))) tags.push(key)
    if (checkTag === null) continue
    for (let i = 0; i < firsts.length; i++) {
      const value = catalog.seriesTags(series.ids[firsts[i]!]!).get(key)
      if (value !== undefined) checkTag(key, value)
      if (i % TAGS_AT_ONCE === TAGS_AT_ONCE - 1) yield { pause: true }
    }
  }
  return { columns, tags, isAggregate }
}

async function* chunksOf(
  target: QueryTarget,
  query: Query,
  { check, onStats }: Pick<ExportHooks, 'check' | 'onStats'>,
): AsyncGenerator<AnswerSeries> {
  const held = target.snapshot()
  let exporter: Exporter | null = null
  try {
    const steps = planSteps(query, target.catalog, {
      keepsTags: true,
      rollups: held.rollups,
    })
    const plan = await target.run(steps, bothOf(held, check))
    exporter = new Exporter(plan, snapshotOf(target, held))
    for (;;) {
      // The reader may have come back late for this chunk.
      held.check()
      const chunk = await target.run(exporter.next(), bothOf(held, check))
      if (chunk === null) return
      yield chunk
    }
  } finally {
    if (exporter !== null) onStats?.(exporter.stats)
    exporter?.close()
    held.release()
  }
}

function bothOf(held: HeldSnapshot, check: (() => void) | undefined): () => void {
  return () => {
    held.check()
    check?.()
  }
}

/** What a held snapshot shows to an execution. */
export function snapshotOf(
  { instance, cache, catalog, host }: QueryTarget,
  held: HeldSnapshot,
): Snapshot {
  return {
    instance,
    cache,
    catalog,
    memtables: held.memtables,
    rollups: held.rollups,
    partVersion: held.version.id,
    workers: workersOf(host, held),
    parts: (table) => held.version.tables.get(table) ?? [],
    holes: (part) => holesOf(held.tombstones, part),
    now: () => host.now(),
  }
}

function workersOf(
  { scanWorkers: pool }: Pick<Host, 'scanWorkers'>,
  { tombstones }: HeldSnapshot,
): WorkerAccess | undefined {
  return pool && { pool, tombstones }
}
