// The write routes of InfluxDB 1 and 2 and their ping (3: influx3.ts), in the peers' own shapes and status codes,
// so that Telegraf and the client libraries work unchanged. Unknown parameters are ignored, as the
// peers do. What is stored beside an error follows the peer, because its clients drop the batch.

import * as z from 'zod'
import { noted } from '../schema/documented.ts'
import type { Ack, TextPrecision, WriteResult } from '../../engine/ingest/batch.ts'
import { OmenError, type LineError } from '../../engine/error.ts'
import { answerJson, answerNothing } from '../answer.ts'
import { addEndpoint, type Server, type ServerContext } from '../endpoint.ts'
import { ANSWERED, errorHeaders, errorResponse, toOmenError } from '../problem.ts'
import { checkShape } from '../parameters.ts'
import { uploadChunks } from '../upload.ts'
import { databaseParameter } from '../schema/parameter.ts'
import { VERSION } from '../version.ts'

/** Clients look at the major version: 1.8 speaks both write routes. */
const INFLUX_VERSION = `1.8-omendb-${VERSION}`

export function addInfluxRoutes(server: Server): void {
  addWrite1(server)
  addWrite2(server)
  addPing(server)
}

const precisions1 = new Map<string, TextPrecision>([
  ['n', 'ns'],
  ['ns', 'ns'],
  ['u', 'us'],
  ['us', 'us'],
  ['µ', 'us'],
  ['ms', 'ms'],
  ['s', 's'],
  ['m', 'm'],
  ['h', 'h'],
])

const precisions2 = new Map<string, TextPrecision>(
  (['ns', 'us', 'ms', 's'] as const).map((precision) => [precision, precision]),
)

/** The precision of a parameter, of those that a dialect knows. Throws `bad_request`. */
export function readPrecision(
  known: ReadonlyMap<string, TextPrecision>,
  given: string | undefined,
  absent: TextPrecision = 'ns',
): TextPrecision {
  if (!given) return absent
  const precision = known.get(given)
  if (precision) return precision
  const names = [...known.keys()].join(', ')
  throw new OmenError('bad_request', `invalid precision "${given}": use one of ${names}`)
}

/** A text parameter that may be absent. */
export const optional = (description: string) => noted(z.string().optional(), { description })

/** The body of all write routes. */
export const lineProtocol = {
  required: true,
  content: { 'text/plain': { schema: noted(z.string(), { description: 'Line protocol' }) } },
}

/** Streams the body into a batch and commits what `partial` lets stand. */
export async function feed(
  server: Server,
  c: ServerContext,
  database: string,
  precision: TextPrecision,
  partial: boolean | 'types',
  ack?: Ack,
): Promise<WriteResult> {
  const batch = server.db.batch({ database, precision, partial, arrival: server.now() })
  try {
    for await (const chunk of uploadChunks(server, c, batch)) batch.lineProtocol(chunk)
    const result = await batch.commit(ack)
    server.metrics.countWritten(database, result.written)
    if (result.rejected > 0) {
      server.metrics.countRejected(result.errors[0]?.code ?? 'line_protocol', result.rejected)
    }
    return result
  } finally {
    batch.discard()
  }
}

// --- InfluxDB 1

function addWrite1(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/write',
      operationId: 'influx1Write',
      summary: 'Write line protocol as to InfluxDB 1',
      description: 'Good lines of a bad batch are stored; the answer is then a 400 that says so.',
      group: 'InfluxDB',
      access: 'write',
      credentials: 'influx1',
      database: ({ db }) => readDatabase(db),
      shape: influx1Error,
      query: z.looseObject({
        db: optional('Database (`default`)'),
        precision: optional('`ns` (default), `u`, `ms`, `s`, `m`, `h`'),
        u: optional('Ignored'),
        p: optional('Token'),
      }),
      body: lineProtocol,
      answers: {
        204: { description: 'All points were stored' },
        default: {
          description: 'Error',
          content: { 'application/json': { schema: z.object({ error: z.string() }) } },
        },
      },
    },
    async (c, query) => {
      const database = readDatabase(query.db)
      const precision = readPrecision(precisions1, query.precision)
      const result = await feed(server, c, database, precision, true)
      if (result.rejected > 0) throw partialWrite(result)
      return influxHeaders(answerNothing(server, c))
    },
  )
}

/** The database of a parameter, the default one if that is empty. Throws `bad_request`. */
export function readDatabase(name: string | undefined): string {
  return checkShape(z.object({ db: databaseParameter }), { db: name || undefined }, 'parameter').db
}

function partialWrite({ written, rejected, errors }: WriteResult): OmenError {
  const reason = describeLine(errors[0])
  const message = written > 0 ? `partial write: ${reason} dropped=${rejected}` : reason
  return new OmenError('line_protocol', message, { errors })
}

function describeLine(error: LineError | undefined): string {
  if (!error) return 'points were refused'
  const place = error.line === null ? '' : ` (line ${error.line})`
  if (error.code === 'type_conflict') return `field type conflict: ${error.message}${place}`
  return `unable to parse '${error.input ?? ''}': ${error.message}${place}`
}

function influx1Error(thrown: unknown, _requestId: string): Response {
  const error = toOmenError(thrown)
  const { status } = ANSWERED[error.code]
  const headers: Record<string, string> = {
    ...errorHeaders(error),
    'X-Influxdb-Error': headerText(error.message),
  }
  if (error.code === 'unauthorized') headers['WWW-Authenticate'] = 'Basic realm="InfluxDB"'
  // Its clients know 400 for whatever is wrong with points.
  const answered = status === 422 ? 400 : status
  return influxHeaders(errorResponse({ error: error.message }, answered, headers))
}

/** Header values are Latin-1 without line breaks. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 512)
}

/** Says which InfluxDB this passes for. */
export function influxHeaders(response: Response): Response {
  response.headers.set('X-Influxdb-Version', INFLUX_VERSION)
  response.headers.set('X-Influxdb-Build', 'OSS')
  return response
}

// --- InfluxDB 2

const error2 = z.object({
  code: z.string(),
  message: z.string(),
  line: z.number().int().nullable(),
})

function addWrite2(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/api/v2/write',
      operationId: 'influx2Write',
      summary: 'Write line protocol as to InfluxDB 2',
      description:
        'A malformed line stores nothing (400); a type conflict stores the other points (422).',
      group: 'InfluxDB',
      access: 'write',
      credentials: 'influx1',
      database: bucketDatabase,
      shape: influx2Error,
      query: z.looseObject({
        bucket: optional('Database (`default`)'),
        db: optional('Database'),
        org: optional('Ignored'),
        precision: optional('`ns` (default), `us`, `ms`, `s`'),
      }),
      body: lineProtocol,
      answers: {
        204: { description: 'All points were stored' },
        default: {
          description: 'Error',
          content: { 'application/json': { schema: error2 } },
        },
      },
    },
    async (c, query) => {
      const database = bucketDatabase(query)
      const precision = readPrecision(precisions2, query.precision)
      const result = await feed(server, c, database, precision, 'types')
      if (result.rejected > 0) throw dropped(result)
      return influxHeaders(answerNothing(server, c))
    },
  )
}

/** A bucket of InfluxDB 1.8 is `database/retention policy`. */
function bucketDatabase({ db, bucket }: { db?: string | undefined; bucket?: string | undefined }) {
  return readDatabase(db ?? bucket?.split('/')[0])
}

function dropped({ rejected, errors }: WriteResult): OmenError {
  const message = `failure writing points to database: partial write: ${describeLine(errors[0])} dropped=${rejected}`
  return new OmenError(errors[0]?.code ?? 'type_conflict', message, { errors })
}

const CODES_2: Readonly<Record<number, string>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not found',
  405: 'method not allowed',
  408: 'invalid',
  409: 'conflict',
  413: 'request too large',
  415: 'unsupported media type',
  422: 'unprocessable entity',
  429: 'too many requests',
  503: 'unavailable',
}

function influx2Error(thrown: unknown, _requestId: string): Response {
  const error = toOmenError(thrown)
  const { status } = ANSWERED[error.code]
  const headers = errorHeaders(error)
  if (error.code === 'unauthorized') headers['WWW-Authenticate'] = 'Bearer'
  const body = {
    code: CODES_2[status] ?? 'internal error',
    message: error.message,
    line: error.details.errors?.find(({ code }) => code === error.code)?.line ?? null,
  }
  return influxHeaders(errorResponse(body, status, headers))
}

// --- both

function addPing(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/ping',
      operationId: 'ping',
      summary: 'Is somebody there?',
      description:
        'What InfluxDB clients ask first: an empty answer whose headers name a version they ' +
        'know.',
      group: 'InfluxDB',
      access: 'open',
      shape: influx1Error,
      query: z.looseObject({ verbose: optional('`true`: an answer with the version') }),
      answers: {
        200: {
          description: 'Yes, verbosely',
          content: { 'application/json': { schema: z.object({ version: z.string() }) } },
        },
        204: { description: 'Yes' },
      },
    },
    async (c, { verbose }) => {
      if (verbose !== 'true') return influxHeaders(answerNothing(server, c))
      return influxHeaders(answerJson(server, c, { version: INFLUX_VERSION }))
    },
  )
}
