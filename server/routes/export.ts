// Exports: the rows of a query, streamed as CSV or NDJSON for as long as the client reads.

import { z } from '@hono/zod-openapi'
import type { QueryRequest } from '../../engine/query/query.ts'
import { answerWith } from '../answer.ts'
import { encodeCsv, encodeNdjson } from '../encode/rows.ts'
import { piecesBody } from '../encode/stream.ts'
import { addEndpoint, signalOf, type Server, type ServerContext } from '../endpoint.ts'
import { DatabaseQuery, ExportBody, ExportParameters, FAILURE, jsonBody } from '../schema.ts'
import {
  formatOf,
  fromParameters,
  readJson,
  type Presentation,
  type QueryMembers,
} from './query.ts'

const group = 'Query'
const access = 'token'

const exportAnswers = {
  200: {
    description: 'Rows by series, then time',
    content: {
      'text/csv': { schema: z.string() },
      'application/x-ndjson': { schema: z.string() },
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
      summary: 'Stream rows as CSV or NDJSON by URL',
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
      summary: 'Stream rows as CSV or NDJSON',
      group,
      access,
      query: DatabaseQuery,
      body: jsonBody(ExportBody),
      answers: exportAnswers,
    },
    async (c, { db }) => answerExport(server, c, db, await readJson(server, c, ExportBody)),
  )
}

async function answerExport(
  server: Server,
  c: ServerContext,
  database: string,
  members: QueryMembers & Presentation & { format?: 'csv' | 'ndjson' | null | undefined },
): Promise<Response> {
  const { time, integers, format, ...others } = members
  const request = others as QueryRequest
  const options = { database, signal: signalOf(server, c) }
  const { columns, tags, chunks } = await server.db.export(request, options)
  const encode = format === 'ndjson' ? encodeNdjson : encodeCsv
  const pieces = encode(
    { columns, tags },
    chunks,
    formatOf({ time, integers }, 'rfc3339'),
    () => server.db.kernel,
  )
  const type = format === 'ndjson' ? 'application/x-ndjson' : 'text/csv; charset=utf-8'
  const body = await piecesBody(pieces, () => server.db.pause())
  return answerWith(server, c, body, { 'Content-Type': type })
}
