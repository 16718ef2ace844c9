// SQL over a database of the engine: opens sessions. The host has provided the grammar
// (syntax/grammar.ts) by then.

import type { CatalogRole } from './catalogs/snapshot.ts'
import { PlanCache } from './session/plan-cache.ts'
import { EngineSession } from './session/sql-session.ts'
import type { OpenSession } from './session.ts'
import { SqlError } from './sql-error.ts'
import type { SqlEngine } from './tables/engine.ts'

export interface SqlOptions {
  /** Who may connect, for the catalogs. */
  readonly roles?: () => readonly CatalogRole[]
  /** Bytes that one statement may hold, 256 MiB unless given. */
  readonly bytesMax?: number
}

const BYTES_MAX = 2 ** 28

export function sessionsOf(engine: SqlEngine, options: SqlOptions = {}): OpenSession {
  const { roles = () => [], bytesMax = BYTES_MAX } = options
  const plans = new PlanCache()
  return async (session) => {
    if (!engine.databases().includes(session.database)) {
      throw new SqlError('3D000', `database "${session.database}" does not exist`)
    }
    return new EngineSession({ engine, roles, bytesMax, plans }, session)
  }
}
