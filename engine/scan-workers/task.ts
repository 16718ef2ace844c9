// What a scan worker is asked and answers: the aggregation of some series of a plan over the parts of a
// snapshot, in a kernel of its own. Plain data, so that it crosses from thread to thread.

import type { TableTombstones, TombstoneVersion } from '../lifecycle/tombstones.ts'
import type { Grid } from '../query/grid.ts'
import type { AggregatePartial } from '../query/partial.ts'
import type { Plan, PlanColumn, PlanTable } from '../query/plan.ts'
import type { SharedSeries } from '../query/plan-series.ts'
import type { Query, QueryStats } from '../query/query.ts'
import type { Output } from '../query/selection.ts'
import type { PartDescription } from '../segment/part.ts'

/** What a plan is without its catalog. */
export type SharedPlan = Pick<
  Plan,
  'start' | 'end' | 'timeStart' | 'timeEnd' | 'selectedCount' | 'isAggregate' | 'countsRows'
> & {
  readonly query: Pick<Query, 'kind' | 'start' | 'end' | 'limits' | 'order'>
  readonly table: Pick<PlanTable, 'id'>
  readonly fields: readonly PlanColumn[]
  readonly outputs: readonly Output[]
}

export interface ScanTask {
  readonly plan: SharedPlan
  readonly series: SharedSeries
  /** Nanoseconds, half-open: only rows of parts lie in it. */
  readonly start: bigint
  readonly end: bigint
  readonly grid: Grid
  /** Those of the table that overlap the range, oldest first. */
  readonly parts: readonly PartDescription[]
  /** Rises with every change of the parts. */
  readonly partVersion: number
  /** What is deleted of the table; null: nothing. */
  readonly tombstones: TableTombstones | null
  /** Series of the whole table. */
  readonly tableSeries: number
}

export interface ScanResult {
  readonly partial: AggregatePartial
  readonly stats: QueryStats
  /** Points that were decoded. */
  readonly points: number
}

/** A task that is under way. */
export interface RunningTask {
  /** Never rejects. Null: the worker could not do it, so whoever asked does it himself. */
  readonly result: Promise<ScanResult | null>
  /** Nobody wants the result any more. */
  cancel(): void
}

/** Scan workers, and what they have to know of a snapshot beside its parts. */
export interface WorkerAccess {
  readonly pool: ScanWorkers
  readonly tombstones: TombstoneVersion
}

/** What a host offers that has threads; a task's files lie where the host's storage has them. */
export interface ScanWorkers {
  /** How many tasks run at once. */
  readonly count: number
  /** Tasks that were started. */
  readonly started: number
  /** Values to decode below which handing them over costs more than it saves. */
  readonly valuesMin: number
  /** Null: all have enough to do. */
  start(task: ScanTask): RunningTask | null
  close(): Promise<void>
}
