// Exports: the rows of a query, streamed as CSV, NDJSON or Arrow for as long as the client reads.

import { z } from '@hono/zod-openapi'
import { OmenError } from '../../engine/error.ts'
import type { QueryRequest } from '../../engine/query/query.ts'
import { answerWith } from '../answer.ts'
import { encodeArrow } from '../encode/arrow.ts'
import { encodeCsv, encodeNdjson } from '../encode/rows.ts'
import { piecesBody } from '../encode/stream.ts'
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

const exportAnswers = {
  200: {
    description: 'Rows by series, then time',
    content: {
      'text/csv': { schema: z.string() },
      'application/x-ndjson': { schema: z.string() },
      'application/vnd.apache.arrow.stream': {
        schema: z.string().openapi({ format: 'binary' }),
      },
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
      summary: 'Stream rows as CSV, NDJSON or Arrow by URL',
      group,
      access,
      query: ExportParameters,
      answers: exportAnswers,
    },
    (c, { db, format, ...parameters }) =>
      answerExport(server, c, db, { format, ...fromParameters(parameters) }),
  )
  addEndpoint(
    server,
    {
      method: 'post',
      path,
      operationId: 'export',
      summary: 'Stream rows as CSV, NDJSON or Arrow',
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

const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
}

const ENCODERS = { csv: encodeCsv, ndjson: encodeNdjson, arrow: encodeArrow } as const

async function answerExport(
  server: Server,
  c: ServerContext,
  database: string,
  members: QueryMembers & Presentation & { format?: ExportFormat | null | undefined },
): Promise<Response> {
  const { time, integers, format, ...others } = members
  if (format === 'arrow') refuseTexts({ time, integers })
  const request = others as QueryRequest
  const options = { database, signal: signalOf(server, c) }
  const { columns, tags, chunks } = await server.db.export(request, options)
  const encode = ENCODERS[format ?? 'csv']
  const shown = formatOf({ time, integers }, 'rfc3339')
  const pieces = encode({ columns, tags }, chunks, shown, () => server.db.kernel)
  const body = await piecesBody(pieces, () => server.db.pause())
  return answerWith(server, c, body, { 'Content-Type': CONTENT_TYPES[format ?? 'csv'] })
}

/** Arrow has exact times and integers; a wish for others would be passed over. Throws `bad_request`. */
function refuseTexts({ time, integers }: Presentation): void {
  if ((time ?? 'ns') !== 'ns') {
    const message = `time: ${time} is not for arrow, whose times are timestamps in nanoseconds`
    throw new OmenError('bad_request', message, { pointer: '/time' })
  }
  if (integers === 'string') {
    const message = 'integers: string is not for arrow, whose integers have 64 bits'
    throw new OmenError('bad_request', message, { pointer: '/integers' })
  }
}
