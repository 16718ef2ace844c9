// SQL on Node, for `createApp`.

import type { ServedDatabase } from '../endpoint.ts'
import { loadSql } from '../sql/load.ts'
import type { SqlService } from '../sql/service.ts'
import { provideNodeGrammar } from './grammar.ts'

/** The option `sql` of an app on Node. */
export function nodeSql(db: ServedDatabase): Promise<SqlService> {
  provideNodeGrammar()
  return loadSql(db)
}
