// From the router to an endpoint and back. Each path is one handler of the router that picks by method:
// what Hono does for several (composing them, a promise for each) costs more than many a query. Around
// every answer lies what all have: a request id, its time, a count, and for other paths and methods a
// document that says so.

import { OmenError } from '../engine/error.ts'
import { Course } from './course.ts'
import {
  answerError,
  type Answering,
  type ErrorShape,
  type PathRoutes,
  type Server,
  type ServerContext,
} from './endpoint.ts'
import { NO_GRANT } from './grant.ts'
import { problemResponse } from './problem.ts'

/** Brings all paths to the router; call it after the last route. */
export function addPaths(server: Server): void {
  for (const [path, routes] of server.paths) addPath(server, path, routes)
  const nothing: Answering = async (c) => {
    const message = `${c.req.path.slice(0, 200)}: no such route, see /docs`
    return refuse(server, c, new OmenError('not_found', message), problemResponse)
  }
  server.app.notFound((c: ServerContext) => accompany(server, c, 'unmatched', nothing))
  server.app.onError((error, c) =>
    accompany(server, c, 'unmatched', async () => answerError(server, c, error, problemResponse)),
  )
}

function addPath(server: Server, path: string, { methods, shape }: PathRoutes): void {
  const allowed = [...methods.keys()].join(', ')
  const refuseMethod: Answering = async (c) => {
    const preflight = answerPreflight(server, c, allowed)
    if (preflight !== null) return preflight
    const message = `${c.req.method} is not for ${path}: use ${allowed}`
    const error = new OmenError('method_not_allowed', message)
    const answer = refuse(server, c, error, shape)
    if (answer.status === 405) answer.headers.set('Allow', allowed)
    return answer
  }
  // `/v1/tables/{table}` is `/v1/tables/:table` to the router.
  server.app.all(path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) =>
    accompany(server, c, path, methods.get(c.req.method) ?? refuseMethod),
  )
}

/** The answer to a browser that asks what a page may do here; null for all else. */
function answerPreflight({ access, cors }: Server, c: ServerContext, allowed: string) {
  if (cors === null || c.req.method !== 'OPTIONS') return null
  if (c.req.header('access-control-request-method') === undefined) return null
  try {
    access.identifyOpen(c)
    return cors.preflight(c.req.header('origin'), allowed)
  } catch {
    return null // a host that is not served hears so
  }
}

/** The error, or what access says before it. */
function refuse(server: Server, c: ServerContext, error: OmenError, shape: ErrorShape): Response {
  try {
    server.access.identifyOpen(c)
    return answerError(server, c, error, shape)
  } catch (refused) {
    return answerError(server, c, refused, shape)
  }
}

/** An answer with all that does not depend on the route. */
async function accompany(
  server: Server,
  c: ServerContext,
  route: string,
  answer: Answering,
): Promise<Response> {
  const course = new Course(c, server.requestLog)
  c.set('course', course)
  c.set('grant', NO_GRANT)
  c.set('requestId', requestId(c.req.header('x-request-id')))
  c.set('route', route)
  const response = await answer(c)
  course.status = response.status
  finishAnswer(server, c, response, course.elapsedMs)
  course.answered()
  return response
}

/** The caller's id if it is one that may go into logs and headers. */
function requestId(given: string | undefined): string {
  return given !== undefined && /^[\w-]{1,64}$/.test(given) ? given : crypto.randomUUID()
}

function finishAnswer(
  server: Server,
  c: ServerContext,
  response: Response,
  elapsedMs: number,
): void {
  const { headers, status } = response
  headers.set('X-Request-Id', c.get('requestId'))
  headers.set('Server-Timing', `total;dur=${elapsedMs.toFixed(3)}`)
  headers.set('X-Content-Type-Options', 'nosniff')
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
  server.cors?.mark(headers, c.req.header('origin'))
  const { method } = c.req.raw
  // HEAD runs as GET; what it would have streamed is not wanted, and whoever makes it must know.
  if (method === 'HEAD') void response.body?.cancel()
  const label = KNOWN_METHODS.has(method) ? method : 'other'
  server.metrics.countRequest(c.get('route'), label, status, elapsedMs / 1000)
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
