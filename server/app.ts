// The server's app over any database and on any host: Node (node.ts), Workers (worker.ts) and tests
// call the same thing. What every answer has beside what its route says is in dispatch.ts.

import { Hono } from 'hono'
import { createAccess, type Access, type AccessOptions } from './access.ts'
import type { BodyHost } from './body.ts'
import { addPaths } from './dispatch.ts'
import type { ServedDatabase, Server, ServerEnv } from './endpoint.ts'
import { BODY_LIMITS, type BodyLimits } from './limits.ts'
import { ServerMetrics } from './metrics.ts'
import { createCors } from './cors.ts'
import type { RequestLog } from './course.ts'
import { REQUEST_LIMITS, Throttle, type RequestLimits } from './throttle.ts'
import { databaseTokenRows } from './token-row.ts'
import { TokenStore } from './token-store.ts'
import { addBackupRoutes } from './routes/backup.ts'
import { addExportRoutes } from './routes/export.ts'
import { addInfluxRoutes } from './routes/influx.ts'
import { addInflux3Routes } from './routes/influx3.ts'
import { addOtlpRoutes } from './routes/otlp.ts'
import { addPrometheusRoutes } from './routes/prometheus.ts'
import { addQueryRoutes } from './routes/query.ts'
import { addSqlRoutes } from './routes/sql.ts'
import type { SqlService } from './sql/service.ts'
import { addServiceRoutes } from './routes/service.ts'
import { addDatabaseRoutes } from './routes/databases.ts'
import { addTailRoute } from './routes/tail.ts'
import { addTableRoutes } from './routes/tables.ts'
import { addTokenRoutes } from './routes/tokens.ts'
import { addWriteRoutes } from './routes/write.ts'

export interface AppOptions extends AccessOptions {
  readonly limits?: BodyLimits
  /** Decides about requests instead of what the options of access say. */
  readonly access?: Access
  /** What the host does better than web streams. */
  readonly bodyHost?: BodyHost
  /** Nanoseconds since 1970; the platform's clock without it. */
  readonly now?: () => bigint
  /** How much one caller may ask for. */
  readonly requestLimits?: Partial<RequestLimits>
  /** Is told of every request when its answer has gone. */
  readonly requestLog?: RequestLog
  /** The tokens of the database, which the app else loads with its first request. */
  readonly tokens?: TokenStore
  /** Counts requests and points; its own unless somebody else shows them. */
  readonly metrics?: ServerMetrics
  /** Brings SQL over a database when it is first asked for; without it there are no routes for it. */
  readonly sql?: (db: ServedDatabase) => Promise<SqlService>
  /** Gets one text per error that is ours; stderr without it. */
  readonly log?: (message: string) => void
}

/** An app as its hosts see it. */
export interface App {
  /** Answers one request; never throws. `env` is what the host's `bodyHost` is given with it. */
  readonly fetch: (request: Request, env?: unknown) => Response | Promise<Response>
  /** The same for a URL, or a path of this machine's. */
  request(input: string, init?: RequestInit): Response | Promise<Response>
}

/** The app of one database. It holds nothing that has to be closed. */
export function createApp(db: ServedDatabase, options: AppOptions = {}): App {
  const now = options.now ?? wallClock
  const tokens = options.tokens ?? createTokenStore(db, options)
  const server: Server = {
    app: new Hono<ServerEnv>(),
    endpoints: [],
    db,
    access: options.access ?? createAccess(options, tokens),
    tokens,
    throttle: new Throttle({ ...REQUEST_LIMITS, ...options.requestLimits }, () =>
      performance.now(),
    ),
    cors: createCors(options.corsOrigins ?? []),
    requestLog: options.requestLog ?? null,
    metrics: options.metrics ?? new ServerMetrics(),
    limits: options.limits ?? BODY_LIMITS,
    bodyHost: options.bodyHost ?? null,
    now: createClock(now),
    paths: new Map(),
    sql: lazily(db, options.sql),
    log: options.log ?? ((message) => console.error(message)),
  }
  addWriteRoutes(server)
  addQueryRoutes(server)
  addExportRoutes(server)
  if (server.sql !== null) addSqlRoutes(server)
  addTailRoute(server)
  addTableRoutes(server)
  addBackupRoutes(server)
  addDatabaseRoutes(server)
  addTokenRoutes(server)
  addInfluxRoutes(server)
  addInflux3Routes(server)
  addPrometheusRoutes(server)
  addOtlpRoutes(server)
  addServiceRoutes(server)
  addPaths(server)
  return server.app
}

/** Loads once; a load that failed is tried again. */
function lazily(db: ServedDatabase, load: AppOptions['sql']): Server['sql'] {
  if (!load) return null
  let loaded: Promise<SqlService> | null = null
  return () => {
    loaded ??= load(db).catch((error: unknown) => {
      loaded = null
      throw error
    })
    return loaded
  }
}

const wallClock = (): bigint => BigInt(Date.now()) * 1_000_000n

/** The tokens of a database, for an app with these options. */
export function createTokenStore(
  db: ServedDatabase,
  { token, trusted, now = wallClock }: Pick<AppOptions, 'token' | 'trusted' | 'now'>,
): TokenStore {
  return new TokenStore(databaseTokenRows(db), {
    now,
    hasAdmin: Boolean(token) || trusted === true,
  })
}

/** Arrival times that never repeat: points without a time of two requests must not be one point. */
function createClock(now: () => bigint): () => bigint {
  let latest = 0n
  return () => {
    const time = now()
    latest = time > latest ? time : latest + 1n
    return latest
  }
}
