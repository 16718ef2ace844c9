// SQL over a database, loaded with the first request for it: most servers never need it.

import type { ServedDatabase } from '../endpoint.ts'
import type { SqlService } from './service.ts'

/** The host has provided the grammar. */
export async function loadSql(db: ServedDatabase): Promise<SqlService> {
  const [{ sessionsOf }, { SqlService }] = await Promise.all([
    import('../../sql/database.ts'),
    import('./service.ts'),
  ])
  return new SqlService(sessionsOf(db))
}
