// One route: what it takes and answers as zod schemas (the OpenAPI document is made of them), who
// may call it, and its handler. Adding one registers it with the router and the document, so no
// route can exist that the document does not know.

import type { RouteConfig } from '@asteasolutions/zod-to-openapi'
import type { Context, Hono } from 'hono'
import type * as z from 'zod'
import type { Database } from '../engine/database.ts'
import type { CancelSignal } from '../engine/query/cancel.ts'
import type { Versions } from '../engine/query/version.ts'
import { OmenError } from '../engine/error.ts'
import type { Access } from './access.ts'
import {
  bodyChunks,
  pacedChunks,
  readText,
  shortText,
  type BodyHost,
  type Encoding,
} from './body.ts'
import type { Cors } from './cors.ts'
import type { Course, RequestLog } from './course.ts'
import type { Failed } from './encode/stream.ts'
import { permit, type AccessRule, type Grant } from './grant.ts'
import type { BodyLimits } from './limits.ts'
import type { TailOptions, TailRequest, TailStream } from '../engine/tail/tail.ts'
import type { ServerMetrics } from './metrics.ts'
import { checkShape, readParameters } from './parameters.ts'
import { problemResponse } from './problem.ts'
import type { SqlService } from './sql/service.ts'
import type { TokenStore } from './token-store.ts'
import type { Throttle } from './throttle.ts'
import type { Credentials } from './tokens.ts'

type Eventually<T> = T | Promise<T>

/** Texts that differ whenever an answer may (engine/query/version.ts). Several shards are asked for theirs. */
export interface AnswerVersions {
  query(...given: Parameters<Versions['query']>): Eventually<string | null>
  latest(...given: Parameters<Versions['latest']>): Eventually<string | null>
  list(...given: Parameters<Versions['list']>): Eventually<string>
}

/** What the server uses of a database. */
export type ServedDatabase = Pick<
  Database,
  | 'batch'
  | 'query'
  | 'kernel'
  | 'latest'
  | 'export'
  | 'tables'
  | 'table'
  | 'columns'
  | 'series'
  | 'tagKeys'
  | 'tagValues'
  | 'tableStats'
  | 'putTable'
  | 'dropTable'
  | 'backup'
  | 'restore'
  | 'dropColumn'
  | 'deleteRows'
  | 'databases'
  | 'createDatabase'
  | 'dropDatabase'
  | 'health'
  | 'pause'
  | 'metrics'
> & {
  readonly versions: AnswerVersions
  tail(request: TailRequest, options?: TailOptions): Promise<TailStream>
}

/** What every handler can rely on in its context. */
export interface ServerEnv {
  Variables: {
    requestId: string
    /** Pattern of the route, for metrics. */
    route: string
    /** What whoever asks may do. */
    grant: Grant
    /** The database of the request, once that is known. */
    database: string | undefined
    course: Course
  }
}

export type ServerContext = Context<ServerEnv>

/** Answers whatever was thrown, in the shape of the route. */
export type ErrorShape = (thrown: unknown, requestId: string, request: Request) => Response

/** One server: its router and what the routes share. */
export interface Server {
  readonly app: Hono<ServerEnv>
  /** All routes, for the document. */
  readonly endpoints: Endpoint<z.ZodObject>[]
  readonly db: ServedDatabase
  readonly access: Access
  readonly tokens: TokenStore
  readonly throttle: Throttle
  readonly cors: Cors | null
  /** Is told of every request when it is over; null: nobody wants to know. */
  readonly requestLog: RequestLog | null
  readonly metrics: ServerMetrics
  readonly limits: BodyLimits
  readonly bodyHost: BodyHost | null
  /** Nanoseconds since 1970: when a request arrived. */
  readonly now: () => bigint
  /** What its paths answer, as OpenAPI writes them. */
  readonly paths: Map<string, PathRoutes>
  /** SQL, loaded when it is first asked for; null: this server has none. */
  readonly sql: (() => Promise<SqlService>) | null
  /** Is told of errors that are ours. */
  readonly log: (message: string) => void
}

/** Answers one request; never throws. */
export type Answering = (c: ServerContext) => Promise<Response>

/** A path: what its methods do, and the shape of errors for others. */
export interface PathRoutes {
  readonly methods: Map<string, Answering>
  readonly shape: ErrorShape
}

export interface Endpoint<Query extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'delete'
  /** As OpenAPI writes it: `/v1/tables/{table}`. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly group: string
  readonly access: AccessRule
  /** Where its token may be; `bearer` unless given. */
  readonly credentials?: Credentials
  /** The database that `access` is about; the parameter `db` unless given. */
  readonly database?: (query: z.output<Query>, c: ServerContext) => string
  readonly query: Query
  readonly parameters?: z.ZodObject
  readonly body?: NonNullable<RouteConfig['request']>['body']
  readonly answers: RouteConfig['responses']
  /** The peer's shape on peers' routes; problem documents without it. */
  readonly shape?: ErrorShape
}

type Handler<Query extends z.ZodType> = (
  c: ServerContext,
  query: z.output<Query>,
) => Response | Promise<Response>

/** Adds a route to its path (dispatch.ts brings those to the router) and to the document. */
export function addEndpoint<Query extends z.ZodObject>(
  server: Server,
  endpoint: Endpoint<Query>,
  handle: Handler<Query>,
): void {
  const { method, path, query, shape = problemResponse } = endpoint
  server.endpoints.push(endpoint as Endpoint<z.ZodObject>)
  const known = server.paths.get(path) ?? { methods: new Map<string, Answering>(), shape }
  const parametersOf = createReader(query)
  const answer: Answering = async (c) => {
    try {
      const grant = identify(server, endpoint, c)
      c.set('grant', grant instanceof Promise ? await grant : grant)
      if (endpoint.access !== 'open') takeShare(server, c)
      checkPath(c.req.url)
      const parameters = parametersOf(c.req.url)
      checkScope(endpoint, c, parameters)
      if (!endpoint.body && !server.bodyHost?.isEmpty(c.env)) await refuseBody(server, c)
      return await handle(c, parameters)
    } catch (error) {
      return answerError(server, c, error, shape)
    }
  }
  for (const name of method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]) {
    known.methods.set(name, answer)
  }
  server.paths.set(path, known)
}

function identify<Query extends z.ZodObject>(
  server: Server,
  endpoint: Endpoint<Query>,
  c: ServerContext,
): Grant | Promise<Grant> {
  const { access } = server
  if (endpoint.access === 'open') return access.identifyOpen(c)
  const found = access.identify(c, endpoint.credentials ?? 'bearer')
  if (!(found instanceof Promise)) return found
  return found.catch((error: unknown) => {
    takeShare(server, c) // who guesses tokens has the share of an address
    throw error
  })
}

/** Counts the request as its caller's until it is over. Throws `busy` where that has too many. */
function takeShare({ throttle, bodyHost }: Server, c: ServerContext): void {
  const { holder } = c.get('grant')
  const course = c.get('course')
  if (holder !== null) {
    course.leave = throttle.enter(`token ${holder.id}`, `token '${holder.name}'`)
    return
  }
  // Only Workers have no host of ours before them, and there nobody else sets this header.
  const address = bodyHost?.address(c.env) ?? c.req.header('cf-connecting-ip') ?? 'unknown'
  course.leave = throttle.enter(`address ${address}`, `address ${address}`)
}

/** Throws `forbidden` unless whoever asks may do this in the database of the request. */
function checkScope<Query extends z.ZodObject>(
  { access, database }: Endpoint<Query>,
  c: ServerContext,
  parameters: z.output<Query>,
): void {
  const name = database?.(parameters, c) ?? (parameters as { db?: string }).db
  c.set('database', name)
  permit(c.get('grant'), access, name)
}

/**
 * Reads and checks the parameters of a URL. What passed last most likely comes again (a writer has one
 * URL), and is not looked at twice: to check three parameters costs as much as to parse fifty lines.
 */
function createReader<Query extends z.ZodObject>(query: Query): (url: string) => z.output<Query> {
  let passed: { text: string; parameters: z.output<Query> } | null = null
  return (url) => {
    const start = url.indexOf('?')
    const text = start === -1 ? '' : url.slice(start)
    if (text === passed?.text) return passed.parameters
    const parameters = checkShape(query, readParameters(text), 'parameter')
    passed = { text, parameters: Object.freeze(parameters) as z.output<Query> }
    return parameters
  }
}

/** The router leaves `%FF` as it is: two paths would name one thing. Throws `bad_request`. */
function checkPath(url: string): void {
  if (!url.includes('%')) return
  try {
    decodeURIComponent(new URL(url).pathname)
  } catch {
    throw new OmenError('bad_request', 'path: its % escapes are not valid UTF-8')
  }
}

/**
 * A body that no route reads is a wish that would be passed over: a delete with its `where` there
 * would delete too much. Throws `bad_request` at its first byte.
 */
async function refuseBody(server: Server, c: ServerContext): Promise<void> {
  for await (const chunk of readBody(server, c)) {
    if (chunk.length === 0) continue
    const message = `body: ${c.req.method} ${c.get('route')} takes none; use parameters of the URL`
    throw new OmenError('bad_request', message)
  }
}

/** The answer to an error; what is a bug of ours goes to the log with its request id. */
export function answerError(
  { log }: Server,
  c: ServerContext,
  thrown: unknown,
  shape: ErrorShape,
): Response {
  const requestId = c.get('requestId')
  if (!(thrown instanceof OmenError) || thrown.code === 'internal' || thrown.code === 'corrupt') {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    log(`${c.req.method} ${c.req.path} ${requestId}: ${text}`)
  }
  const answer = shape(thrown, requestId, c.req.raw)
  c.get('course').bytes = Number(answer.headers.get('Content-Length') ?? 0)
  return answer
}

/** For answers that fail after they began: logs why, unless the client has left, and breaks the connection. */
export function breakAnswer(server: Server, c: ServerContext): Failed {
  const { method, path } = c.req
  return (error) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    if (!signalOf(server, c).aborted) {
      server.log(`${method} ${path} ${c.get('requestId')}: the answer broke off: ${text}`)
    }
    server.bodyHost?.breakOff(c.env)
  }
}

/**
 * The chunks of this request's body, inflated and counted: the server's limits, or less. `encoding`: if
 * the route knows better than the header.
 */
export function readBody(
  { db, limits, bodyHost }: Server,
  c: ServerContext,
  bytesMax = Infinity,
  encoding?: Encoding,
): AsyncIterable<Uint8Array> {
  const wireBytesMax = Math.min(limits.wireBytesMax, bytesMax)
  const inflatedBytesMax = Math.min(limits.inflatedBytesMax, bytesMax)
  const limited = { wireBytesMax, inflatedBytesMax }
  const chunks = bodyChunks(c.req.raw, c.env, limited, bodyHost, encoding)
  return pacedChunks(chunks, () => db.pause())
}

/** The text of a body that asks a question, up to `bytesMax`; bytes that are not UTF-8 are a 400. */
export async function readQuestion(
  server: Server,
  c: ServerContext,
  bytesMax: number,
): Promise<string> {
  const { limits, bodyHost } = server
  return (
    (await shortText(c.req.raw, c.env, limits, bodyHost)) ??
    (await readText(readBody(server, c, bytesMax)))
  )
}

/** Says when the client has gone. */
export function signalOf({ bodyHost }: Server, c: ServerContext): CancelSignal {
  return bodyHost?.signal(c.req.raw, c.env) ?? c.req.raw.signal
}

/** A path parameter, decoded. */
export function pathParameter(c: ServerContext, name: string): string {
  const value = c.req.param(name)
  if (value === undefined) throw new Error(`no path parameter ${name}`)
  return value
}
