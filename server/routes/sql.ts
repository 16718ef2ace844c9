// SQL over HTTP: `/v1/sql`, the seed's `/query`, and `/sql` as @neondatabase/serverless speaks it. The
// sessions and their grammar come with the first request (sql/service.ts).

import type * as z from 'zod'
import { OmenError } from '../../engine/error.ts'
import { answerWith } from '../answer.ts'
import { piecesBody } from '../encode/stream.ts'
import {
  addEndpoint,
  readQuestion,
  signalOf,
  type ErrorShape,
  type Server,
  type ServerContext,
} from '../endpoint.ts'
import { parseJson } from '../json.ts'
import { QUERY_BYTES_MAX } from '../limits.ts'
import { neonDatabase } from '../neon.ts'
import { checkShape } from '../parameters.ts'
import { ANSWERED, errorResponse, problemResponse, problemWith, toOmenError } from '../problem.ts'
import { DatabaseQuery } from '../schema/database.ts'
import { jsonAnswers, jsonBody } from '../schema/problem.ts'
import {
  NeonAnswer,
  NeonBody,
  NeonError,
  SeedAnswer,
  SeedBody,
  SqlAnswer,
  SqlBody,
  SqlParameters,
} from '../schema/sql.ts'
import type { SqlError } from '../../sql/sql-error.ts'
import type { NeonPresentation, SqlAsker, SqlQuery, SqlService } from '../sql/service.ts'
import { readJson } from './query.ts'

const group = 'SQL'
const access = 'read'

const RIGHTS =
  'A token needs `read` of the database for every statement, `write` for INSERT, DELETE and COPY, ' +
  '`admin` for tables and databases.'

export function addSqlRoutes(server: Server): void {
  addSqlUrl(server)
  addSql(server)
  addSeedQuery(server)
  addNeon(server)
}

/** The service, loaded once. */
async function serviceOf({ sql }: Server): Promise<SqlService> {
  if (sql === null) throw new Error('routes of SQL on a server without it')
  return sql()
}

/** Who asks, with what the token may do in the database. */
function askerOf(server: Server, c: ServerContext, database: string): SqlAsker {
  const grant = c.get('grant')
  const scopes = (['read', 'write', 'admin'] as const).filter((scope) =>
    grant.allows(scope, database),
  )
  return {
    database,
    user: grant.holder?.name ?? 'omendb',
    access: new Set(scopes),
    signal: signalOf(server, c),
  }
}

async function send(
  server: Server,
  c: ServerContext,
  pieces: AsyncGenerator<string>,
): Promise<Response> {
  const body = await piecesBody(pieces, () => server.db.pause())
  return answerWith(server, c, body, { 'Content-Type': 'application/json' })
}

/** What a GET may not do, POST may: a 405 says so. */
const urlShape: ErrorShape = (thrown, requestId) => {
  const isMethod = thrown instanceof OmenError && thrown.code === 'method_not_allowed'
  if (!isMethod) return problemResponse(thrown, requestId)
  return problemWith(thrown, requestId, { Allow: 'POST' })
}

function addSqlUrl(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/sql',
      operationId: 'sqlUrl',
      summary: 'Run one SQL statement that reads, by URL',
      description: 'As `POST /v1/sql`; a statement that does more than read is a 405.',
      group,
      access,
      query: SqlParameters,
      answers: jsonAnswers('Rows', SqlAnswer),
      shape: urlShape,
    },
    async (c, { db, q, params, time = 'ms', integers = 'auto' }) => {
      const service = await serviceOf(server)
      const query = { sql: q, parameters: listOf(params) }
      const asker = askerOf(server, c, db)
      return send(server, c, service.answer(asker, query, { time, integers }, true))
    },
  )
}

/** Parameters in a URL are a JSON list. */
function listOf(text: string | undefined): readonly unknown[] {
  if (text === undefined) return []
  const list = parseJson(text, 'parameter "params"')
  if (Array.isArray(list)) return list
  throw new OmenError('bad_request', 'parameter "params" is no JSON list', { pointer: '/params' })
}

function addSql(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/sql',
      operationId: 'sql',
      summary: 'Run one SQL statement',
      description:
        'PostgreSQL’s grammar over tables whose tags, time and fields are columns (docs/sql.md). ' +
        'Rows are streamed; an error has `sqlstate` and the `position` in the statement. ' +
        RIGHTS,
      group,
      access,
      query: DatabaseQuery,
      body: jsonBody(SqlBody),
      answers: jsonAnswers('Rows', SqlAnswer),
    },
    async (c, { db }) => {
      const { sql, params, time, integers } = await readJson(server, c, SqlBody)
      const service = await serviceOf(server)
      const presentation = { time: time ?? 'ms', integers: integers ?? 'auto' } as const
      const query = { sql, parameters: params ?? [] }
      return send(server, c, service.answer(askerOf(server, c, db), query, presentation, false))
    },
  )
}

function addSeedQuery(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/query',
      operationId: 'seedQuery',
      summary: 'Run one SQL statement, answered as OmenDB 0.1 did',
      description: `Columns are names, rows lists, times milliseconds. ${RIGHTS}`,
      group,
      access,
      query: DatabaseQuery,
      body: jsonBody(SeedBody),
      answers: jsonAnswers('Rows', SeedAnswer),
    },
    async (c, { db }) => {
      const { sql } = await readJson(server, c, SeedBody)
      const service = await serviceOf(server)
      return send(server, c, service.seedAnswer(askerOf(server, c, db), { sql, parameters: [] }))
    },
  )
}

/** Neon's driver reads a JSON error of a 400, and prints what comes with other statuses. */
const neonShape: ErrorShape = (thrown, requestId) => {
  const { message, code, details } = toOmenError(thrown)
  const { status } = ANSWERED[code]
  const sqlstate = details.sqlstate ?? NEON_STATES[code]
  const { position } = details
  // Of a SqlError behind it: what the message would else have in one text.
  const { message: bare = message, detail = null, hint = null } = sqlErrorBehind(details.cause)
  const error = {
    message: bare,
    code: sqlstate ?? 'XX000',
    severity: 'ERROR',
    position: position === undefined ? null : String(position),
    detail,
    hint,
    requestId,
  }
  return errorResponse(error, sqlstate === undefined ? status : 400, {})
}

const sqlErrorBehind = (cause: unknown): Partial<SqlError> =>
  cause instanceof Error && cause.name === 'SqlError' ? (cause as SqlError) : {}

/** Of errors before there is a statement. */
const NEON_STATES: Readonly<Record<string, string>> = {
  unauthorized: '28P01',
  forbidden: '42501',
  bad_request: '08P01',
  not_found: '3D000',
  busy: '53300',
}

function addNeon(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/sql',
      operationId: 'neonSql',
      summary: 'Run SQL as @neondatabase/serverless sends it',
      description:
        'For `neon()` of @neondatabase/serverless and what is built on it (drizzle, kysely): set ' +
        '`neonConfig.fetchEndpoint` to this path. The token is the password of the connection string, ' +
        'or a Bearer; the database is its path. `queries` run in one transaction: its reads see one ' +
        'state, its writes are stored one by one. ' +
        RIGHTS,
      group,
      access,
      credentials: 'neon',
      database: ({ db }, c) => neonDatabase(c.req.header('neon-connection-string')) ?? db,
      query: DatabaseQuery,
      body: jsonBody(NeonBody),
      answers: {
        ...jsonAnswers('Rows, or of `queries` the results of each', NeonAnswer),
        default: {
          description: 'Error; the driver reads those of a 400',
          content: { 'application/json': { schema: NeonError } },
        },
      },
      shape: neonShape,
    },
    async (c) => {
      const body = parseJson(await readQuestion(server, c, QUERY_BYTES_MAX), 'body')
      return answerNeon(server, c, checkShape(NeonBody, body, 'member'))
    },
  )
}

async function answerNeon(
  server: Server,
  c: ServerContext,
  body: z.output<typeof NeonBody>,
): Promise<Response> {
  const service = await serviceOf(server)
  const asker = askerOf(server, c, c.get('database') ?? 'default')
  const isSet = (name: string): boolean => c.req.header(name)?.toLowerCase() === 'true'
  const presentation: NeonPresentation = {
    isRawText: isSet('neon-raw-text-output'),
    isArrayMode: isSet('neon-array-mode'),
  }
  if ('query' in body) {
    return send(server, c, service.neonAnswer(asker, queryOf(body), presentation))
  }
  const batch = { queries: body.queries.map(queryOf), isReadOnly: isSet('neon-batch-read-only') }
  const text = await service.neonBatch(asker, batch, presentation)
  return answerWith(server, c, text, { 'Content-Type': 'application/json' })
}

const queryOf = ({
  query,
  params,
}: {
  query: string
  params?: unknown[] | null | undefined
}): SqlQuery => ({ sql: query, parameters: params ?? [] })
