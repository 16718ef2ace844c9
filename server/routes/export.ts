// Exports: the rows of a query, streamed as CSV, NDJSON, line protocol, Arrow or Parquet for as long as the
// client reads.

import * as z from 'zod'
import { noted } from '../schema/documented.ts'
import { OmenError } from '../../engine/error.ts'
import type { AnswerSeries, QueryRequest } from '../../engine/query/query.ts'
import { answerWith } from '../answer.ts'
import { encodeArrow } from '../encode/arrow.ts'
import type { JsonFormat, KernelSource } from '../encode/json.ts'
import { checkLineTag, encodeLines } from '../encode/lines.ts'
import { encodeParquet } from '../encode/parquet.ts'
import { encodeCsv, encodeNdjson, type RowHead } from '../encode/rows.ts'
import { piecesBody, type Piece } from '../encode/stream.ts'
import { answerVersion, shapeText, UNCHANGED } from '../caching.ts'
import { addEndpoint, signalOf, type Server, type ServerContext } from '../endpoint.ts'
import { DatabaseQuery } from '../schema/database.ts'
import { type EXPORT_FORMATS, ExportBody, ExportParameters } from '../schema/export.ts'
import { FAILURE, jsonBody } from '../schema/problem.ts'
import {
  formatOf,
  fromParameters,
  readJson,
  type Presentation,
  type QueryMembers,
} from './query.ts'

const group = 'Query'
const access = 'read'

const binary = { schema: noted(z.string(), { format: 'binary' }) }

const exportAnswers = {
  200: {
    description: 'Rows by series, then time',
    content: {
      'text/csv': { schema: z.string() },
      'application/x-ndjson': { schema: z.string() },
      'text/plain': { schema: z.string() },
      'application/vnd.apache.arrow.stream': binary,
      'application/vnd.apache.parquet': binary,
    },
  },
  ...FAILURE,
}

/** Adds GET and POST /v1/export. */
export function addExportRoutes(server: Server): void {
  const path = '/v1/export'
  addEndpoint(
    server,
    {
      method: 'get',
      path,
      operationId: 'exportUrl',
      summary: 'Stream rows as CSV, NDJSON, line protocol, Arrow or Parquet by URL',
      description: 'As `POST /v1/export`, with the members as parameters.',
      group,
      access,
      query: ExportParameters,
      answers: { ...exportAnswers, ...UNCHANGED },
    },
    async (c, { db: database, format, ...parameters }) => {
      const { time, integers, ...request } = fromParameters(parameters)
      const shape = shapeText('export', format, time, integers)
      const version = await server.db.versions.query(request as QueryRequest, shape, { database })
      return answerVersion(server, c, version, (headers) =>
        answerExport(server, c, database, { format, time, integers, ...request }, headers),
      )
    },
  )
  addEndpoint(
    server,
    {
      method: 'post',
      path,
      operationId: 'export',
      summary: 'Stream rows as CSV, NDJSON, line protocol, Arrow or Parquet',
      description:
        'Rows by series, then time, without a limit unless given, as fast as the client ' +
        'reads. What is wrong with the request is told before the first byte; a later failure ' +
        'breaks the connection. `time` is `rfc3339` unless given. Columns are `time`, the ' +
        'tags, the fields.',
      group,
      access,
      query: DatabaseQuery,
      body: jsonBody(ExportBody),
      answers: exportAnswers,
    },
    async (c, { db }) => answerExport(server, c, db, await readJson(server, c, ExportBody)),
  )
}

type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** How a format is written. */
interface Format {
  readonly type: string
  readonly encode: (
    head: RowHead & { table: string },
    chunks: AsyncIterable<AnswerSeries>,
    format: JsonFormat,
    kernel: KernelSource,
  ) => AsyncGenerator<Piece>
  /** Times are nanoseconds, integers have 64 bits. */
  readonly isExact: boolean
}

const FORMATS: Readonly<Record<ExportFormat, Format>> = {
  csv: { type: 'text/csv; charset=utf-8', encode: encodeCsv, isExact: false },
  ndjson: { type: 'application/x-ndjson', encode: encodeNdjson, isExact: false },
  lp: { type: 'text/plain; charset=utf-8', encode: encodeLines, isExact: true },
  arrow: { type: 'application/vnd.apache.arrow.stream', encode: encodeArrow, isExact: true },
  parquet: { type: 'application/vnd.apache.parquet', encode: encodeParquet, isExact: true },
}

async function answerExport(
  server: Server,
  c: ServerContext,
  database: string,
  members: QueryMembers & Presentation & { format?: ExportFormat | null | undefined },
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { time, integers, format, ...others } = members
  const name = format ?? 'csv'
  const { type, encode, isExact } = FORMATS[name]
  if (isExact) refuseTexts(name, { time, integers })
  const request = others as QueryRequest
  const options = { database, signal: signalOf(server, c) }
  const checkTag = name === 'lp' ? checkLineTag : undefined
  const { columns, tags, isAggregate, chunks } = await server.db.export(request, {
    ...options,
    checkTag,
  })
  if (name === 'lp' && isAggregate) {
    const message = 'format: lp is for raw points, which can be written again; use another format'
    throw new OmenError('bad_request', message, { pointer: '/format' })
  }
  const shown = formatOf({ time, integers }, 'rfc3339')
  const head = { table: request.table, columns, tags }
  const pieces = encode(head, chunks, shown, () => server.db.kernel)
  const body = await piecesBody(pieces, () => server.db.pause())
  return answerWith(server, c, body, { 'Content-Type': type, ...headers })
}

/** Formats with exact times and integers; a wish for others would be passed over. Throws `bad_request`. */
function refuseTexts(format: ExportFormat, { time, integers }: Presentation): void {
  if ((time ?? 'ns') !== 'ns') {
    const message = `time: ${time} is not for ${format}, whose times are in nanoseconds`
    throw new OmenError('bad_request', message, { pointer: '/time' })
  }
  if (integers === 'string') {
    const message = `integers: string is not for ${format}, whose integers have 64 bits`
    throw new OmenError('bad_request', message, { pointer: '/integers' })
  }
}
