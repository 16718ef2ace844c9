// What every entry of the embedded library exports beside its `open`: the database's types and the
// error it throws.

export type {
  Ack,
  Batch,
  BatchOptions,
  ColumnPoints,
  CsvSpec,
  WriteResult,
} from './ingest/batch.ts'
export type { Damage } from './backup/damage.ts'
export type { Backup } from './backup/backup.ts'
export type { RestoreSummary } from './backup/restore-database.ts'
export type { Database, OpenOptions } from './database.ts'
export type {
  BackupOptions,
  DatabaseOptions,
  DeleteOptions,
  DeleteResult,
  Export,
  Health,
  ListOptions,
  QueryOptions,
  TableColumns,
  TableDescription,
  TableSummary,
} from './database-types.ts'
export type { EngineMetrics } from './metrics.ts'
export type { TableSettings } from './lifecycle/settings.ts'
export { OmenError } from './error.ts'
export type { ErrorCode, ErrorDetails, LineError } from './error.ts'
export type {
  Answer,
  AnswerColumn,
  AnswerSeries,
  LatestRequest,
  Precision,
  QueryRequest,
  QueryStats,
  TimeInput,
  ValueType,
  Vector,
  WhereObject,
} from './query/query.ts'
export type { Tail, TailEvent, TailOptions, TailRequest } from './tail/tail.ts'
export type { TableStats } from './catalog/table-stats.ts'
