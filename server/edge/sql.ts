// SQL in Workers: PostgreSQL's grammar is a module of its own, which is compiled for the first statement
// that an isolate sees. Statements run where the app runs: in the object of a database's only shard, or
// in the isolate that coordinates several.

import { provideGrammar } from '../../sql/syntax/grammar.ts'
import type { ServedDatabase } from '../endpoint.ts'
import type { SqlService } from '../sql/service.ts'

/** The option `sql` of an app at the edge. */
export async function edgeSql(db: ServedDatabase): Promise<SqlService> {
  provideGrammar(async () => (await import('../../sql/syntax/libpg-query.wasm')).default)
  const { loadSql } = await import('../sql/load.ts')
  return loadSql(db)
}
