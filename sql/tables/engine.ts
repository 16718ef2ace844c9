// What SQL uses of a database: structural, so that it runs the same over one shard, over a
// coordinator of several, and over whatever a test puts in between.

import type { Database } from '../../engine/database.ts'

export type SqlEngine = Pick<
  Database,
  | 'batch'
  | 'columns'
  | 'createDatabase'
  | 'databases'
  | 'deleteRows'
  | 'dropColumn'
  | 'dropDatabase'
  | 'dropTable'
  | 'export'
  | 'latest'
  | 'pause'
  | 'putTable'
  | 'query'
  | 'table'
  | 'tables'
>
