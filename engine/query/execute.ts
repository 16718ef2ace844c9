// Queries on a live shard: takes a snapshot, runs the executor on the shard's driver, and gives the
// snapshot back whatever happens, also when a reader leaves an export half read.

import type { Admission } from './admission.ts'
import { answerQuery } from './executor.ts'
import { Exporter } from './export.ts'
import type { Cache } from '../segment/cache.ts'
import type { KernelInstance } from '../kernel.ts'
import { planQuery, type Plan, type PlanCatalog } from './plan.ts'
import type { PartReader } from '../segment/part.ts'
import type { Answer, AnswerColumn, AnswerSeries, Query } from './query.ts'
import type { Snapshot } from './scan.ts'
import type { MemtableSource } from './series-scan.ts'
import type { Execution } from '../step.ts'

/** What queries need of a shard. */
export interface QueryTarget {
  readonly instance: KernelInstance
  readonly cache: Cache
  readonly catalog: PlanCatalog
  readonly host: { now(): bigint }
  /** Parts and memtables as they are now, held until released. */
  snapshot(): HeldSnapshot
  /** Drives an execution; `check` throws to cancel it. */
  run<T>(execution: Execution<T>, check?: () => void): Promise<T>
}

export interface HeldSnapshot {
  readonly version: { readonly tables: ReadonlyMap<number, readonly PartReader[]> }
  /** Oldest first. */
  readonly memtables: readonly MemtableSource[]
  /** Throws `cancelled` once it was held for so long that it was taken away. */
  check(): void
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
  readonly chunks: AsyncIterable<AnswerSeries>
}

/**
 * Plans an export, so that what is wrong with it throws here; reads it when `chunks` is iterated,
 * from the points that are there then.
 */
export function executeExport(
  target: QueryTarget,
  query: Query,
  admission: Admission,
  { check, signal }: { check?: () => void; signal?: AbortSignal | undefined } = {},
): ExportRows {
  const plan = planQuery(query, target.catalog)
  const chunks = async function* (): AsyncGenerator<AnswerSeries> {
    const opened = admission.openExport(target, signal)
    try {
      yield* chunksOf(opened.target, query, check)
    } finally {
      opened.close()
    }
  }
  return { columns: plan.columns, tags: tagKeysOf(plan), chunks: chunks() }
}

/** Keys of the tags that rows of a plan may have. */
function tagKeysOf(plan: Plan): string[] {
  if (plan.groupKeys !== null) return [...plan.groupKeys]
  const found = new Set(plan.groups.flatMap((tags) => [...tags.keys()]))
  return plan.table.tagKeys.filter((key) => found.has(key))
}

async function* chunksOf(
  target: QueryTarget,
  query: Query,
  check: (() => void) | undefined,
): AsyncGenerator<AnswerSeries> {
  const held = target.snapshot()
  let exporter: Exporter | null = null
  try {
    exporter = new Exporter(query, snapshotOf(target, held))
    for (;;) {
      // The reader may have come back late for this chunk.
      held.check()
      const chunk = await target.run(exporter.next(), bothOf(held, check))
      if (chunk === null) return
      yield chunk
    }
  } finally {
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

function snapshotOf({ instance, cache, catalog, host }: QueryTarget, held: HeldSnapshot): Snapshot {
  return {
    ...{ instance, cache, catalog },
    memtables: held.memtables,
    parts: (table) => held.version.tables.get(table) ?? [],
    now: () => host.now(),
  }
}
