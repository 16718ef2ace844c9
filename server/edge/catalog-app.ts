// The app that the catalog's object runs: the routes about databases, tokens and numbers. It is loaded
// when one of them is first asked for.

import { checkDatabaseName } from '../../engine/lifecycle/name.ts'
import { refuseReserved } from '../../engine/reserved.ts'
import { createApp } from '../app.ts'
import { ServerMetrics } from '../metrics.ts'
import type { TokenStore } from '../token-store.ts'
import { absentDatabase } from './absent-database.ts'
import { edgeOptions, type EdgeEnv, wallClock } from './environment.ts'
import { NO_METRICS, sumMetrics } from './metrics-sum.ts'
import type { ShardNumbers } from './shard-stub.ts'
import { verdictAccess } from './verdict.ts'

/** What it does with databases. */
export interface Databases {
  /** In byte order. */
  names(): string[]
  /** Durable when it resolves; one that is there stays. */
  create(name: string): Promise<void>
  /** Durable when it resolves. Throws `not_found`. */
  drop(name: string): Promise<void>
}

/** Answers a request; `numbers` are those of shards that /metrics shows. */
export type CatalogApp = (
  request: Request,
  numbers: readonly ShardNumbers[] | null,
) => Promise<Response>

/** The app over these tokens and databases. */
export function createCatalogApp(
  env: EdgeEnv,
  tokens: TokenStore,
  databases: Databases,
): CatalogApp {
  const metrics = new ServerMetrics()
  let shown = NO_METRICS
  const db = absentDatabase({
    databases: () => [...new Set(['default', ...databases.names()])].sort(),
    createDatabase: async (name) => {
      checkDatabaseName(name)
      refuseReserved(name)
      await databases.create(name)
    },
    dropDatabase: async (name) => {
      refuseReserved(name)
      await databases.drop(name)
    },
    metrics: () => shown,
  })
  const access = verdictAccess(wallClock)
  const app = createApp(db, { ...edgeOptions(env), tokens, access, metrics })
  return async (request, numbers) => {
    if (numbers !== null) {
      shown = sumMetrics(numbers.map(({ engine }) => engine))
      metrics.beside = numbers.map(({ counts }) => counts)
    }
    return app.fetch(request)
  }
}
