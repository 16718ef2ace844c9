// What SQL uses of a database: structural, so that it runs the same over one shard, over a
// coordinator of several, and over whatever a test puts in between.

import type { Database } from '../../engine/database.ts'

export type SqlEngine = Pick<
  Database,
  'columns' | 'databases' | 'export' | 'pause' | 'table' | 'tables'
>
