// The server's app over any database and on any host: Node (node.ts), Workers (worker.ts) and tests
// call the same thing. Around the routes lies only what every answer has: a request id, its time,
// a count, and for whatever goes wrong a document that says what.

import { OpenAPIHono } from '@hono/zod-openapi'
import { OmenError } from '../engine/error.ts'
import { createAccess, type AccessOptions } from './access.ts'
import type { BodyHost } from './body.ts'
import {
  answerError,
  refuseOtherMethods,
  type ServedDatabase,
  type Server,
  type ServerContext,
  type ServerEnv,
} from './endpoint.ts'
import { BODY_LIMITS, type BodyLimits } from './limits.ts'
import { ServerMetrics } from './metrics.ts'
import { problemResponse } from './problem.ts'
import { addBackupRoutes } from './routes/backup.ts'
import { addExportRoutes } from './routes/export.ts'
import { addInfluxRoutes } from './routes/influx.ts'
import { addQueryRoutes } from './routes/query.ts'
import { addServiceRoutes } from './routes/service.ts'
import { addDatabaseRoutes } from './routes/databases.ts'
import { addTableRoutes } from './routes/tables.ts'
import { addWriteRoutes } from './routes/write.ts'

export interface AppOptions extends AccessOptions {
  readonly limits?: BodyLimits
  /** What the host does better than web streams. */
  readonly bodyHost?: BodyHost
  /** Nanoseconds since 1970; the platform's clock without it. */
  readonly now?: () => bigint
  /** Gets one text per error that is ours; stderr without it. */
  readonly log?: (message: string) => void
}

/** The app of one database. It holds nothing that has to be closed. */
export function createApp(db: ServedDatabase, options: AppOptions = {}): OpenAPIHono<ServerEnv> {
  const server: Server = {
    app: new OpenAPIHono<ServerEnv>(),
    db,
    access: createAccess(options),
    metrics: new ServerMetrics(),
    limits: options.limits ?? BODY_LIMITS,
    bodyHost: options.bodyHost ?? null,
    now: createClock(options.now ?? (() => BigInt(Date.now()) * 1_000_000n)),
    paths: new Map(),
    log: options.log ?? ((message) => console.error(message)),
  }
  server.app.use(async (c, next) => {
    const startedAt = performance.now()
    c.set('requestId', requestId(c.req.header('x-request-id')))
    c.set('route', 'unmatched')
    await next()
    finishAnswer(server, c, performance.now() - startedAt)
  })
  addWriteRoutes(server)
  addQueryRoutes(server)
  addExportRoutes(server)
  addTableRoutes(server)
  addBackupRoutes(server)
  addDatabaseRoutes(server)
  addInfluxRoutes(server)
  addServiceRoutes(server)
  refuseOtherMethods(server)
  refuseOtherPaths(server)
  return server.app
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

/** The caller's id if it is one that may go into logs and headers. */
function requestId(given: string | undefined): string {
  return given !== undefined && /^[\w-]{1,64}$/.test(given) ? given : crypto.randomUUID()
}

function finishAnswer(server: Server, c: ServerContext, elapsedMs: number): void {
  const { res } = c
  res.headers.set('X-Request-Id', c.get('requestId'))
  res.headers.set('Server-Timing', `total;dur=${elapsedMs.toFixed(3)}`)
  res.headers.set('X-Content-Type-Options', 'nosniff')
  if (!res.headers.has('Cache-Control')) res.headers.set('Cache-Control', 'no-store')
  const { method } = c.req.raw
  // HEAD runs as GET; what it would have streamed is not wanted, and whoever makes it must know.
  if (method === 'HEAD') void res.body?.cancel()
  const label = KNOWN_METHODS.has(method) ? method : 'other'
  server.metrics.countRequest(c.get('route'), label, res.status, elapsedMs / 1000)
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])

function refuseOtherPaths(server: Server): void {
  server.app.notFound(async (c: ServerContext) => {
    try {
      await server.access.check(c, 'open')
      throw new OmenError('not_found', `${c.req.path.slice(0, 200)}: no such route, see /docs`)
    } catch (error) {
      return answerError(server, c, error, problemResponse)
    }
  })
  server.app.onError((error, c) => answerError(server, c, error, problemResponse))
}
