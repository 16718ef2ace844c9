// The native ways in: line protocol, JSON points, and CSV or NDJSON import. All feed one batch of
// the engine, that stores nothing before it is committed; all answer in the same shape.

import type { Batch, WriteResult } from '../../engine/ingest/batch.ts'
import { OmenError, type LineError } from '../../engine/error.ts'
import { fieldTypeOf, type FieldType } from '../../engine/field.ts'
import type { Precision } from '../../engine/query/query.ts'
import { answerWith } from '../answer.ts'
import { mediaType } from '../body.ts'
import { addEndpoint, type Server, type ServerContext } from '../endpoint.ts'
import { readColumnEntries, sinkEntries } from '../ingest/json-columns.ts'
import { NdjsonReader, type FlatSpec } from '../ingest/ndjson.ts'
import { readPoints, type PointSink } from '../ingest/points.ts'
import { refuseAll, Refusals, type Place } from '../ingest/refusal.ts'
import { parseJsonSteps } from '../json-steps.ts'
import { LISTED_ERRORS_MAX } from '../limits.ts'
import { splitList } from '../parameters.ts'
import { listErrors } from '../problem.ts'
import { ImportQuery, PointsBody, WriteAnswer, WriteQuery } from '../schema/points.ts'
import { jsonAnswers, jsonBody } from '../schema/problem.ts'
import { inTurns, textOf, uploadBytes, uploadChunks } from '../upload.ts'
import * as z from 'zod'

interface WriteOptions {
  db: string
  precision?: Precision | undefined
  partial: boolean
  ack?: 'fsync' | 'memory' | undefined
}

const answers = jsonAnswers('The points were stored', WriteAnswer)

/** What a request gave to its batch beyond the engine's view of it. */
interface Intake {
  readonly refusals: Refusals
  /** Places of the batch's own errors, where the engine cannot know them. */
  readonly places: Map<LineError, Place>
}

export function addWriteRoutes(server: Server): void {
  addLineProtocol(server)
  addPoints(server)
  addImport(server)
}

function addLineProtocol(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/write',
      operationId: 'write',
      summary: 'Write line protocol',
      description:
        'InfluxDB line protocol; `precision` is `ns` unless given. gzip and zstd are understood.',
      group: 'Write',
      access: 'write',
      query: WriteQuery,
      body: textBody('text/plain', 'cpu,host=a usage=0.5 1790000000000000000'),
      answers,
    },
    (c, query) => {
      mediaType(c.req.raw, ['text/plain'])
      return writeAnswer(server, c, query, 'ns', async (batch) => {
        for await (const chunk of uploadChunks(server, c, batch)) batch.lineProtocol(chunk)
      })
    },
  )
}

function addPoints(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/points',
      operationId: 'writePoints',
      summary: 'Write points as JSON',
      description: 'Columns or rows, one entry or a list; `precision` is `ms` unless given.',
      group: 'Write',
      access: 'write',
      query: WriteQuery,
      body: jsonBody(PointsBody),
      answers,
    },
    (c, query) => {
      mediaType(c.req.raw, ['application/json'])
      return writeAnswer(server, c, query, 'ms', async (batch, intake, context) => {
        const bytes = await uploadBytes(server, c, batch)
        const sink = sinkInto(batch, intake)
        const columns = readColumnEntries(bytes, context, () => server.db.kernel)
        const entries = await inTurns(server, c, columns)
        if (entries !== null) return await inTurns(server, c, sinkEntries(entries, sink))
        const text = await textOf(server, bytes)
        const body = await inTurns(server, c, parseJsonSteps(text, 'body'))
        await inTurns(server, c, readPoints(body, context, intake.refusals, sink))
      })
    },
  )
}

const IMPORT_TYPES = ['text/csv', 'application/x-ndjson'] as const

function addImport(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/import',
      operationId: 'importRows',
      summary: 'Import CSV or NDJSON',
      description:
        'Reads what export writes. A column is float, boolean or string by its first value unless `types` or the table says otherwise; `precision` is `ms` unless given.',
      group: 'Write',
      access: 'write',
      query: ImportQuery,
      body: {
        required: true,
        content: {
          'text/csv': { schema: z.string() },
          'application/x-ndjson': { schema: z.string() },
        },
      },
      answers,
    },
    (c, query) => {
      const type = mediaType(c.req.raw, IMPORT_TYPES)
      const spec = {
        table: query.table,
        // Named also when it is the default: a CSV whose times are in another column would else be
        // stored at one time, its rows overwriting each other.
        time: query.time ?? 'time',
        tags: splitList(query.tags ?? ''),
        types: parseTypes(query.types ?? ''),
      }
      return writeAnswer(server, c, query, 'ms', async (batch, intake, context) => {
        const chunks = uploadChunks(server, c, batch)
        if (type === 'text/csv') {
          const csv = { ...spec, types: Object.fromEntries(spec.types) }
          for await (const chunk of chunks) batch.csv(chunk, csv)
          return
        }
        const flat = {
          ...spec,
          timeRequired: query.time !== undefined,
          types: await knownTypes(server, query.db, spec),
        }
        const reader = new NdjsonReader(flat, context, intake.refusals, sinkInto(batch, intake))
        for await (const chunk of chunks) reader.push(chunk)
        reader.end()
      })
    },
  )
}

function textBody(type: string, example: string) {
  return { required: true, content: { [type]: { schema: z.string(), example } } }
}

type Fill = (
  batch: Batch,
  intake: Intake,
  context: { precision: Precision; arrival: bigint },
) => Promise<void>

async function writeAnswer(
  server: Server,
  c: ServerContext,
  options: WriteOptions,
  defaultPrecision: Precision,
  fill: Fill,
): Promise<Response> {
  const { db: database, partial, ack } = options
  const context = { precision: options.precision ?? defaultPrecision, arrival: server.now() }
  const batch = server.db.batch({ database, partial, ...context })
  const intake: Intake = { refusals: new Refusals(), places: new Map() }
  try {
    await fill(batch, intake, context)
    const result = await commit(batch, intake, partial, ack)
    countResult(server, database, result)
    const { written, rejected } = result
    const answer = { written, rejected, ack: result.ack, errors: listErrors(result.errors) }
    return answerWith(server, c, JSON.stringify(answer), { 'Content-Type': 'application/json' })
  } catch (error) {
    if (error instanceof OmenError) countRefused(server, error)
    throw error
  } finally {
    batch.discard()
  }
}

/** Commits what is good; throws if anything is bad and `partial` is not asked for. */
async function commit(
  batch: Batch,
  intake: Intake,
  partial: boolean,
  ack: 'fsync' | 'memory' | undefined,
): Promise<WriteResult> {
  const { refusals } = intake
  if (refusals.count > 0 && !partial) {
    const errors = [...refusals.errors, ...placeErrors(batch.errors, intake)]
    throw refuseAll(errors.slice(0, LISTED_ERRORS_MAX), refusals.count + batch.errors.length)
  }
  const result = await commitPlaced(batch, intake, ack)
  const errors = [...refusals.errors, ...placeErrors(result.errors, intake)]
  return {
    ...result,
    rejected: result.rejected + refusals.count,
    errors: errors.slice(0, LISTED_ERRORS_MAX),
  }
}

async function commitPlaced(batch: Batch, intake: Intake, ack: 'fsync' | 'memory' | undefined) {
  try {
    return await batch.commit(ack)
  } catch (error) {
    if (!(error instanceof OmenError) || intake.places.size === 0) throw error
    const errors = placeErrors(error.details.errors ?? [], intake)
    throw errors.length === 0 ? error : refuseAll(errors, errors.length)
  }
}

/** The engine's errors with the places that only the reader of the request knows. */
function placeErrors(errors: readonly LineError[], { places }: Intake): LineError[] {
  return errors.map((error) => ({ ...error, ...places.get(error) }))
}

/** Hands points to the batch and notes where the rows stood that it refuses. */
function sinkInto(batch: Batch, { places }: Intake): PointSink {
  return (points, placeOf) => {
    const before = batch.errors.length
    batch.points(points)
    for (const error of batch.errors.slice(before)) {
      const { row, field } = refusedCell(error)
      places.set(error, placeOf(row, field))
    }
  }
}

/** The engine points into the columns it was given: `/fields/usage/3`, `/time/3`, or nowhere. */
function refusedCell({ pointer }: LineError): { row: number | null; field: string | null } {
  if (!pointer) return { row: null, field: null }
  const [, member, ...steps] = pointer.split('/')
  const row = Number(steps.pop())
  if (member !== 'fields') return { row, field: null }
  return { row, field: steps.join('/').replaceAll('~1', '/').replaceAll('~0', '~') }
}

function countResult({ metrics }: Server, database: string, result: WriteResult): void {
  metrics.countWritten(database, result.written)
  if (result.rejected > 0)
    metrics.countRejected(result.errors[0]?.code ?? 'bad_request', result.rejected)
}

function countRefused({ metrics }: Server, { code, details }: OmenError): void {
  metrics.countRejected(code, Math.max(1, details.errors?.length ?? 1))
}

/** `n:integer,ok:boolean` → types by name. */
function parseTypes(text: string): Map<string, FieldType> {
  const types = new Map<string, FieldType>()
  for (const entry of splitList(text)) {
    const colon = entry.lastIndexOf(':')
    const type = colon === -1 ? null : fieldTypeOf(entry.slice(colon + 1))
    if (type === null) {
      const message = `parameter "types": "${entry}" is not name:type (float, integer, unsigned, boolean, string)`
      throw new OmenError('bad_request', message, { pointer: '/types' })
    }
    types.set(entry.slice(0, colon), type)
  }
  return types
}

/** Types that need no guess: those asked for, else those the table's fields have. */
async function knownTypes(
  { db }: Server,
  database: string,
  { table, types }: Pick<FlatSpec, 'table' | 'types'>,
): Promise<Map<string, FieldType>> {
  const known = new Map<string, FieldType>()
  try {
    const { fields } = await db.table(table, { database })
    for (const [name, type] of Object.entries(fields)) known.set(name, fieldTypeOf(type)!)
  } catch (error) {
    if (!(error instanceof OmenError) || error.code !== 'not_found') throw error
  }
  for (const [name, type] of types) known.set(name, type)
  return known
}
