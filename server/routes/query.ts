// Reading points: queries and the newest points (exports: export.ts). A URL's parameters become the very object
// that a POST carries; the engine checks it, and its columnar answer is encoded once.

import type * as z from 'zod'
import type { Answer, LatestRequest, QueryRequest } from '../../engine/query/query.ts'
import { answerWith } from '../answer.ts'
import { mediaType } from '../body.ts'
import { answerVersion, shapeText, UNCHANGED } from '../caching.ts'
import { encodeAnswer, type JsonFormat } from '../encode/json.ts'
import { piecesBody } from '../encode/stream.ts'
import type { TimeFormat } from '../encode/time.ts'
import {
  addEndpoint,
  readQuestion,
  signalOf,
  type Server,
  type ServerContext,
} from '../endpoint.ts'
import { parseJson } from '../json.ts'
import { QUERY_BYTES_MAX } from '../limits.ts'
import { checkShape, fillParameter, objectOrText } from '../parameters.ts'
import { DatabaseQuery } from '../schema/database.ts'
import { jsonAnswers, jsonBody } from '../schema/problem.ts'
import { AnswerBody, LatestParameters, QueryBody, QueryParameters } from '../schema/query.ts'

const answers = jsonAnswers('Columnar answer', AnswerBody)
const group = 'Query'
const access = 'read'

const CACHING =
  'Without times that move with the clock (`now`, `-1h`) the answer has a weak `ETag`, which changes ' +
  'with every write, delete, setting or expiry that touches what is read. Send it as `If-None-Match`: ' +
  'as long as it holds, the answer is a 304, and nothing is read.'

export function addQueryRoutes(server: Server): void {
  addQuery(server)
  addLatest(server)
}

function addQuery(server: Server): void {
  const path = '/v1/query'
  addEndpoint(
    server,
    {
      method: 'get',
      path,
      operationId: 'queryUrl',
      summary: 'Query points, aggregates or buckets by URL',
      description:
        'The members of `POST /v1/query` as parameters: lists are comma-separated (not at ' +
        'commas inside parentheses or quotes), objects are JSON text. For reads that fit a ' +
        'URL. ' +
        CACHING,
      group,
      access,
      query: QueryParameters,
      answers: { ...answers, ...UNCHANGED },
    },
    async (c, { db: database, ...parameters }) => {
      const { time, integers, ...request } = fromParameters(parameters)
      const version = await server.db.versions.query(
        request as QueryRequest,
        shapeText(time, integers),
        {
          database,
        },
      )
      return answerVersion(server, c, version, (headers) =>
        answerQuery(server, c, database, { time, integers, ...request }, headers),
      )
    },
  )
  addEndpoint(
    server,
    {
      method: 'post',
      path,
      operationId: 'query',
      summary: 'Query points, aggregates or buckets',
      description:
        'Raw points without an aggregate in `select` (one entry a series), else one entry for ' +
        'each combination of `by`. `every` cuts the range into buckets named by their start, ' +
        '`fill` makes those without points. The first `limit` rows (1,000,000 at most and ' +
        'unless given) in time order come first; `cursor` asks for those after them. A query ' +
        'that scans, makes or takes too much is a 422 `limit_exceeded` that names the limit.',
      group,
      access,
      query: DatabaseQuery,
      body: jsonBody(QueryBody),
      answers,
    },
    async (c, { db }) => answerQuery(server, c, db, await readJson(server, c, QueryBody)),
  )
}

function addLatest(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/latest',
      operationId: 'latest',
      summary: 'Newest point of each series or group',
      description:
        'The newest value of each field of `select` (all without it) of every series, or of ' +
        "each group of `by`, in the shape of a query's answer. " +
        CACHING,
      group,
      access,
      query: LatestParameters,
      answers: { ...answers, ...UNCHANGED },
    },
    async (c, { db: database, time, integers, ...parameters }) => {
      const request: LatestRequest = withObjects(parameters)
      const version = await server.db.versions.latest(request, shapeText(time, integers), {
        database,
      })
      return answerVersion(server, c, version, async (headers) => {
        const answer = await server.db.latest(request, { database, signal: signalOf(server, c) })
        return sendJson(server, c, answer, formatOf({ time, integers }, 'ms'), headers)
      })
    },
  )
}

/** Reads and checks a JSON body of a schema without defaults and transforms. */
export async function readJson<T extends z.ZodType>(
  server: Server,
  c: ServerContext,
  schema: T,
): Promise<z.output<T>> {
  mediaType(c.req.raw, ['application/json'])
  const body = parseJson(await readQuestion(server, c, QUERY_BYTES_MAX), 'body')
  checkShape(schema, body, 'member')
  // What was sent, not the schema's copy of it: that leaves out columns named `__proto__`.
  return body as z.output<T>
}

interface UrlObjects {
  where?: string | undefined
  select?: string | undefined
}

/** Objects are JSON text in a URL; lists stay text, the engine splits them where their grammar does. */
function withObjects<T extends UrlObjects>({ where, select, ...others }: T) {
  return {
    ...others,
    ...(where === undefined ? {} : { where: objectOrText(where, 'where') as Where }),
    ...(select === undefined ? {} : { select: objectOrText(select, 'select') as Select }),
  }
}

type Where = QueryRequest['where']
type Select = QueryRequest['select']

/** The object that a POST would carry. */
export function fromParameters<T extends UrlObjects & { fill?: string | undefined }>(
  parameters: T,
) {
  const { fill, ...others } = parameters
  const filled = fill === undefined ? {} : { fill: fillParameter(fill) as QueryRequest['fill'] }
  return { ...withObjects(others), ...filled }
}

/** How an answer is to look; the engine does not see it. */
export interface Presentation {
  time?: TimeFormat | null | undefined
  integers?: 'auto' | 'string' | null | undefined
}

/** `ms` numbers unless asked for otherwise; exports have their own default. */
export function formatOf({ time, integers }: Presentation, defaultTime: TimeFormat): JsonFormat {
  return { time: time ?? defaultTime, integers: integers ?? 'auto' }
}

async function answerQuery(
  server: Server,
  c: ServerContext,
  database: string,
  { time, integers, ...members }: QueryMembers & Presentation,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const request = members as QueryRequest
  const answer = await server.db.query(request, { database, signal: signalOf(server, c) })
  return sendJson(server, c, answer, formatOf({ time, integers }, 'ms'), headers)
}

/** What a checked body or URL has; the engine checks the values. */
export type QueryMembers = { table: string }

async function sendJson(
  server: Server,
  c: ServerContext,
  answer: Answer,
  format: JsonFormat,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const pieces = encodeAnswer(answer, format, () => server.db.kernel)
  const body = await piecesBody(pieces, () => server.db.pause())
  return answerWith(server, c, body, { 'Content-Type': 'application/json', ...headers })
}
