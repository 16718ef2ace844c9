// What the catalog keeps of a table, a database and a column: the control plane's view of the few. The
// many, series, lie in kernel memory.

import type { FieldType } from '../field.ts'
import type { Region } from '../memory.ts'
import type { PlanTable } from '../query/plan.ts'
import type { TagMark } from './tag-index.ts'

export interface CatalogColumn {
  readonly id: number
  readonly name: string
  readonly type: FieldType
}

/** How long points are kept. */
export interface Retention {
  /** Nanoseconds, whole seconds. */
  readonly ns: bigint
  /** As it was set: `30d`. */
  readonly text: string
}

export interface CatalogTable {
  readonly id: number
  readonly name: string
  readonly database: CatalogDatabase
  readonly partitionSeconds: number
  /** By name. */
  readonly columns: Map<string, CatalogColumn>
  /** By name: ids in the columns' key table, where they keep fields from taking the name. */
  readonly tags: Map<string, number>
  /** Ids of dropped fields that parts may still hold. */
  readonly droppedColumns: Set<number>
  /** Null: points are kept for ever. */
  retention: Retention | null
  /** What SQL says of it (sql/tables/declaration.ts); the engine keeps it and does not read it. */
  declaration: string | null
  /** Series ids (u32) by ordinal, in kernel memory; NO_SERIES where one was dropped. */
  series: Region
  /** Ordinals given out. A running query may know a series by its own: they are not used again. */
  ordinalCount: number
  droppedSeries: number
  /** What planTable last gave. */
  planned: PlanTable | null
}

export interface CatalogDatabase {
  readonly id: number
  readonly name: string
  /** By name. */
  readonly tables: Map<string, CatalogTable>
}

/** State of a catalog that `takeBack` comes back to. */
export interface CatalogMark {
  /** Of the four key tables, in the order of CatalogTables. */
  readonly counts: readonly number[]
  readonly tags: TagMark
  readonly seriesSeen: number
  readonly databaseCount: number
}

/** How many series a table has. */
export function seriesCountOf({ ordinalCount, droppedSeries }: CatalogTable): number {
  return ordinalCount - droppedSeries
}
