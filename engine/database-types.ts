// What the embedded API takes and answers besides queries and batches: options, and descriptions of
// tables, health and counters.

import type { CancelSignal } from './query/cancel.ts'
import type { TagCheck } from './query/execute.ts'
import type {
  AnswerColumn,
  AnswerSeries,
  QueryRequest,
  QueryStats,
  ValueType,
  WhereObject,
} from './query/query.ts'
import type { RollupDescription } from './rollup/describe.ts'
import type { TableBytes } from './segment/table-bytes.ts'

export interface BackupOptions {
  /** Id of an earlier backup. */
  readonly since?: string | null | undefined
}

export interface RestoreOptions {
  /** Of a host that has one: the only database of the archive gets this name, whatever it had. */
  readonly database?: string | undefined
}

export interface DatabaseOptions {
  /** Default `default`. */
  readonly database?: string | undefined
}

export interface QueryOptions extends DatabaseOptions {
  readonly signal?: CancelSignal | undefined
  /**
   * Of raw points: also those that have a value in none of the selected fields, as a relation has its
   * rows. `select` may then be an empty list: times and tags alone.
   */
  readonly keepsEmpty?: boolean | undefined
}

export interface ExportOptions extends QueryOptions {
  /** Is called before all else with each tag that the series have; throws for one that cannot be said. */
  readonly checkTag?: TagCheck | undefined
  /** Chunks alone: `columns` and `tags` stay empty, and errors of the request may come with the chunks. */
  readonly chunksOnly?: boolean | undefined
  /** Is called with what the index did as the chunks end; of a database of one shard alone. */
  readonly onStats?: ((stats: QueryStats) => void) | undefined
}

/** Which points to delete: those in [start, end) that meet `where`. One of the three must be there. */
export interface DeleteOptions
  extends QueryOptions, Pick<QueryRequest, 'start' | 'end' | 'where' | 'precision'> {
  /** Only count them. */
  readonly dryRun?: boolean | undefined
}

export interface DeleteResult {
  /** Points, which is series and time, whatever fields they had. */
  readonly deleted: number
  readonly dryRun: boolean
}

export interface ListOptions extends DatabaseOptions {
  /** Over tags only. */
  readonly where?: string | WhereObject | undefined
  /** Entries of one answer, default and at most 10,000. */
  readonly limit?: number | undefined
  readonly cursor?: string | null | undefined
}

export interface TableSummary {
  readonly name: string
  readonly points: number
  readonly series: number
}

export interface TableColumns {
  readonly name: string
  /** Keys in byte order. */
  readonly tags: string[]
  /** Types by field name, names in byte order. */
  readonly fields: Record<string, ValueType>
  /** What `putTable` was given for it; null: nothing. */
  readonly declaration: string | null
}

export interface TableDescription extends TableColumns, TableBytes {
  readonly retention: string | null
  /** As they were declared, by name. */
  readonly rollups: RollupDescription[]
  readonly points: number
  readonly series: number
  /** Nanoseconds; null without points. */
  readonly firstTime: bigint | null
  readonly lastTime: bigint | null
}

export interface Export {
  readonly columns: AnswerColumn[]
  /** Tag keys that a row may have, in byte order. */
  readonly tags: string[]
  /** Rows are buckets or groups, no points. */
  readonly isAggregate: boolean
  /** By series, then time; a series may span chunks. Returning early releases what the export holds. */
  readonly chunks: AsyncIterable<AnswerSeries>
}

export interface Health {
  readonly status: 'pass' | 'warn' | 'fail'
  readonly message: string
}
