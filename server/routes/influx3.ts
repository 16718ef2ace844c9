// The write route of InfluxDB 3, in its shapes: good lines of a bad batch are stored unless the request
// says that they must not be, and the answer lists the bad ones.

import * as z from 'zod'
import { named } from '../schema/documented.ts'
import type { TextPrecision, WriteResult } from '../../engine/ingest/batch.ts'
import { OmenError, type LineError } from '../../engine/error.ts'
import { answerNothing } from '../answer.ts'
import { addEndpoint, type Server } from '../endpoint.ts'
import { ANSWERED, errorHeaders, errorResponse, toOmenError } from '../problem.ts'
import {
  feed,
  influxHeaders,
  lineProtocol,
  optional,
  readDatabase,
  readPrecision,
} from './influx.ts'

const precisions = new Map<string, TextPrecision>([
  ['auto', 'auto'],
  ['ns', 'ns'],
  ['us', 'us'],
  ['ms', 'ms'],
  ['s', 's'],
  ['n', 'ns'],
  ['u', 'us'],
  ['nanosecond', 'ns'],
  ['microsecond', 'us'],
  ['millisecond', 'ms'],
  ['second', 's'],
])

const refusedLine = z.object({
  original_line: z.string(),
  line_number: z.number().int(),
  error_message: z.string(),
})

const errorBody = named(
  'Influx3Error',
  z.object({
    error: z.string(),
    data: z.union([refusedLine, z.array(refusedLine)]).optional(),
  }),
  {
    example: {
      error: 'partial write of line protocol occurred',
      data: [
        { original_line: 'home temp=hi', line_number: 2, error_message: "'hi' is not a value" },
      ],
    },
  },
)

export function addInflux3Routes(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/api/v3/write_lp',
      operationId: 'influx3Write',
      summary: 'Write line protocol as to InfluxDB 3',
      description:
        'Good lines of a bad batch are stored, and a 400 lists the bad ones (`data` is a list); with `accept_partial=false` one bad line refuses all (`data` is the first of them).',
      group: 'InfluxDB',
      access: 'write',
      credentials: 'influx1',
      database: ({ db }) => readDatabase(db),
      shape: influx3Error,
      query: z.looseObject({
        db: optional('Database (`default`)'),
        precision: optional(
          '`auto` (default: each time by its size), `nanosecond`, `microsecond`, `millisecond`, `second`, or `ns`, `us`, `ms`, `s`',
        ),
        accept_partial: optional('`true` (default) or `false`'),
        no_sync: optional('`true`: answered before it is on disk, as `ack=memory`'),
      }),
      body: lineProtocol,
      answers: {
        204: { description: 'All points were stored' },
        default: {
          description: 'Error',
          content: { 'application/json': { schema: errorBody } },
        },
      },
    },
    async (c, query) => {
      const precision = readPrecision(precisions, query.precision, 'auto')
      const isPartial = readFlag('accept_partial', query.accept_partial, true)
      const ack = readFlag('no_sync', query.no_sync, false) ? 'memory' : 'fsync'
      const result = await feed(server, c, readDatabase(query.db), precision, isPartial, ack)
      if (result.rejected > 0) throw partialWrite(result)
      return influxHeaders(answerNothing(server, c))
    },
  )
}

function readFlag(name: string, given: string | undefined, absent: boolean): boolean {
  if (given === undefined || given === '') return absent
  if (given === 'true' || given === 'false') return given === 'true'
  throw new OmenError('bad_request', `invalid ${name} "${given}": use true or false`)
}

const PARTIAL = 'partial write of line protocol occurred'

function partialWrite({ errors }: WriteResult): OmenError {
  return new OmenError('line_protocol', PARTIAL, { errors: [...errors] })
}

function listLine({ line, input, message }: LineError): z.infer<typeof refusedLine> {
  return { original_line: input ?? '', line_number: line ?? 0, error_message: message }
}

function influx3Error(thrown: unknown): Response {
  const error = toOmenError(thrown)
  const { status } = ANSWERED[error.code]
  const headers = errorHeaders(error)
  if (error.code === 'unauthorized') headers['WWW-Authenticate'] = 'Bearer'
  const lines = (error.details.errors ?? []).filter(({ line }) => line !== null).map(listLine)
  // Whatever is wrong with points is a 400 to its clients.
  const answered = status === 422 ? 400 : status
  return influxHeaders(errorResponse(errorOf(error, lines), answered, headers))
}

function errorOf({ message }: OmenError, lines: z.infer<typeof refusedLine>[]): object {
  if (message === PARTIAL) return { error: message, data: lines }
  if (lines.length === 0) return { error: message }
  return { error: 'parsing failed for write_lp endpoint', data: lines[0] }
}
