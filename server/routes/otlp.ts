// OpenTelemetry's metrics over HTTP (OTLP 1, opentelemetry.io/docs/specs/otlp): protobuf is decoded in the
// kernel, JSON translated to it. Answers are OTLP's own, in the encoding of the request.

import * as z from 'zod'
import { named, noted } from '../schema/documented.ts'
import type { WriteResult } from '../../engine/ingest/batch.ts'
import { answerWith } from '../answer.ts'
import { mediaType } from '../body.ts'
import { addEndpoint, type Server, type ServerContext } from '../endpoint.ts'
import { firstReason, storeMessage } from '../ingest/message.ts'
import { encodeOtlpJson } from '../ingest/otlp-json.ts'
import { MessageWriter } from '../ingest/protobuf.ts'
import { parseJsonSteps } from '../json-steps.ts'
import { ANSWERED, errorHeaders, toOmenError } from '../problem.ts'
import { databaseParameter } from '../schema/parameter.ts'
import { inTurns, textOf, uploadBytes } from '../upload.ts'

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

const description =
  'An ExportMetricsServiceRequest of OTLP/HTTP, protobuf or JSON, also gzip or zstd. A number is the field `value` of the table of its metric, integer if it is sent `asInt`; a histogram is the tables `NAME_bucket` (tag `le`, cumulative, `+Inf` is all), `NAME_count`, `NAME_sum`, `NAME_min` and `NAME_max`, an exponential one too, with the bounds of its buckets; a summary is `NAME` (tag `quantile`), `NAME_count` and `NAME_sum`. Tags are the attributes of the point, over those of the scope (and `otel.scope.name`, `otel.scope.version`), over those of the resource. Points without a recorded value are dropped. A point that its table does not take is refused as a whole and counted in `partialSuccess`, the others are stored; a body that is no such message stores nothing (400). Send again after 429 and 503.'

const partialSuccess = named(
  'OtlpMetricsAnswer',
  z.object({
    partialSuccess: z
      .object({ rejectedDataPoints: z.string(), errorMessage: z.string() })
      .optional(),
  }),
)

const status = named('OtlpStatus', z.object({ code: z.number().int(), message: z.string() }))
const binary = { schema: noted(z.string(), { format: 'binary' }) }

const example = {
  resourceMetrics: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeMetrics: [
        {
          scope: { name: 'meter' },
          metrics: [
            {
              name: 'queue.length',
              gauge: { dataPoints: [{ timeUnixNano: '1790000000000000000', asInt: '42' }] },
            },
          ],
        },
      ],
    },
  ],
}

export function addOtlpRoutes(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/metrics',
      operationId: 'otlpMetrics',
      summary: "OpenTelemetry's metrics",
      description,
      group: 'Peers',
      access: 'write',
      shape: otlpError,
      query: z.looseObject({ db: databaseParameter }),
      body: {
        required: true,
        content: {
          [PROTOBUF]: binary,
          [JSON_TYPE]: { schema: z.record(z.string(), z.unknown()), example },
        },
      },
      answers: {
        200: {
          description: 'ExportMetricsServiceResponse: empty if all points were stored',
          content: { [PROTOBUF]: binary, [JSON_TYPE]: { schema: partialSuccess } },
        },
        default: {
          description: 'A Status of google.rpc',
          content: { [PROTOBUF]: binary, [JSON_TYPE]: { schema: status } },
        },
      },
    },
    async (c, query) => {
      const type = mediaType(c.req.raw, [PROTOBUF, JSON_TYPE])
      const result = await storeMessage(server, c, {
        database: query.db,
        kind: 'otlp',
        isSnappy: false,
        read: async (batch) => {
          const bytes = await uploadBytes(server, c, batch)
          return type === PROTOBUF ? bytes : await translate(server, c, bytes)
        },
      })
      const body = type === PROTOBUF ? protobufAnswer(result) : jsonAnswer(result)
      return answerWith(server, c, body, { 'Content-Type': type })
    },
  )
}

async function translate(server: Server, c: ServerContext, bytes: Uint8Array): Promise<Uint8Array> {
  const text = await textOf(server, bytes)
  const json = await inTurns(server, c, parseJsonSteps(text, 'body'))
  return await inTurns(server, c, encodeOtlpJson(json))
}

function jsonAnswer(result: WriteResult): string {
  if (result.rejected === 0) return '{}'
  // 64-bit integers are strings in the JSON of protobuf.
  const rejectedDataPoints = String(result.rejected)
  return JSON.stringify({
    partialSuccess: { rejectedDataPoints, errorMessage: firstReason(result) },
  })
}

function protobufAnswer(result: WriteResult): Uint8Array<ArrayBuffer> {
  const writer = new MessageWriter()
  if (result.rejected === 0) return writer.finish()
  const start = writer.begin(1)
  writer.varint(1, BigInt(result.rejected))
  writer.text(2, firstReason(result))
  writer.end(start)
  return writer.finish()
}

/** Codes of google.rpc by HTTP status. */
const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  408: 4,
  409: 10,
  413: 8,
  415: 3,
  429: 8,
  500: 13,
  503: 14,
}

/** Its clients send again after 429, 502, 503 and 504 only. */
function otlpStatus(answered: number): number {
  if (answered === 422) return 400
  return answered === 507 ? 503 : answered
}

function otlpError(thrown: unknown, _requestId: string, request: Request): Response {
  const error = toOmenError(thrown)
  const answered = otlpStatus(ANSWERED[error.code].status)
  const code = RPC_CODES[answered] ?? 2
  const isProtobuf = request.headers.get('content-type')?.includes('protobuf') === true
  const headers: Record<string, string> = {
    'Content-Type': isProtobuf ? PROTOBUF : JSON_TYPE,
    ...errorHeaders(error),
  }
  if (answered === 503) headers['Retry-After'] ??= '1'
  if (answered === 401) headers['WWW-Authenticate'] = 'Bearer'
  const init = { status: answered, headers }
  if (!isProtobuf) return Response.json({ code, message: error.message }, init)
  const writer = new MessageWriter()
  writer.varint(1, BigInt(code))
  writer.text(2, error.message)
  return new Response(writer.finish(), init)
}
