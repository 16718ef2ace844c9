// Prometheus' remote write, version 1.0: samples of a WriteRequest, decoded in the kernel. Answers are what
// its senders act on: a 204, a 4xx that they do not send again, a 429 or 5xx that they do.

import * as z from 'zod'
import { noted } from '../schema/documented.ts'
import { OmenError } from '../../engine/error.ts'
import { answerNothing } from '../answer.ts'
import { checkEncoding, givenEncoding, mediaType } from '../body.ts'
import { addEndpoint, type Server } from '../endpoint.ts'
import { firstReason, storeMessage } from '../ingest/message.ts'
import { ANSWERED, errorHeaders, toOmenError } from '../problem.ts'
import { databaseParameter } from '../schema/parameter.ts'
import { uploadBytes } from '../upload.ts'

const description =
  'A WriteRequest of remote write 1.0: the label `__name__` names the table, the other labels are its tags (`time` and `value`, whose names are taken, as `exported_time` and `exported_value`), a sample is its float field `value` at its milliseconds. Stale markers are dropped, other NaN kept; empty labels count as absent; exemplars and metadata are ignored. Native histograms, and what a table does not take (a series without a name, a label twice, a time beyond 1677 to 2262), are refused: the other samples are stored, and the answer is a 400 that says what was not. A body that is no such message stores nothing. `Content-Encoding` is `snappy` (its block format, also without the header); `gzip`, `zstd` and `identity` are understood too. Version 2.0 is a 415.'

const failure = {
  default: {
    description: 'Why, as text. 400: not sent again; 429 and 5xx: sent again',
    content: {
      'text/plain': { schema: z.string(), example: 'body: no valid WriteRequest\n' },
    },
  },
}

export function addPrometheusRoutes(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/api/v1/write',
      operationId: 'prometheusWrite',
      summary: "Prometheus' remote write",
      description,
      group: 'Peers',
      access: 'write',
      credentials: 'influx1',
      shape: prometheusError,
      query: z.looseObject({ db: databaseParameter }),
      body: {
        required: true,
        content: {
          'application/x-protobuf': { schema: noted(z.string(), { format: 'binary' }) },
        },
      },
      answers: { 204: { description: 'All samples were stored' }, ...failure },
    },
    async (c, query) => {
      checkVersion(c.req.raw)
      const given = givenEncoding(c.req.raw)
      const isSnappy = given === 'snappy' || !c.req.raw.headers.has('content-encoding')
      const encoding = isSnappy ? 'identity' : checkEncoding(given)
      const result = await storeMessage(server, c, {
        database: query.db,
        kind: 'prometheus',
        isSnappy,
        read: (batch) => uploadBytes(server, c, batch, encoding),
      })
      if (result.rejected === 0) return answerNothing(server, c)
      const { written, rejected } = result
      const counts = `${rejected} of ${written + rejected} samples were not stored`
      throw new OmenError('bad_request', `partial write: ${counts}: ${firstReason(result)}`)
    },
  )
}

/** Throws `unsupported_media_type` for anything but version 1. */
function checkVersion(request: Request): void {
  mediaType(request, ['application/x-protobuf'])
  const message = /;\s*proto=([^;\s]+)/i.exec(request.headers.get('content-type') ?? '')?.[1]
  if (message === undefined || message === 'prometheus.WriteRequest') return
  throw new OmenError(
    'unsupported_media_type',
    `message ${message}: send version 1.0, prometheus.WriteRequest`,
  )
}

function prometheusError(thrown: unknown): Response {
  const error = toOmenError(thrown)
  const { status } = ANSWERED[error.code]
  const headers: Record<string, string> = { 'Content-Type': 'text/plain; charset=utf-8' }
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer'
  // Whatever is wrong with samples is a 400 to its senders.
  const init = {
    status: status === 422 ? 400 : status,
    headers: { ...headers, ...errorHeaders(error) },
  }
  return new Response(`${error.message}\n`, init)
}
