// What there is: tables, their columns, series and tags, and what they take on disk; and the ways
// to make, set and drop them.

import * as z from 'zod'
import { named } from '../schema/documented.ts'
import type { WhereObject } from '../../engine/query/query.ts'
import { answerJson, answerNothing, answerWith } from '../answer.ts'
import { shownTime, type TimeFormat } from '../encode/time.ts'
import type { TableDescription } from '../../engine/database-types.ts'
import type { TableSettings } from '../../engine/lifecycle/settings.ts'
import { mediaType, readText } from '../body.ts'
import { answerVersion, UNCHANGED } from '../caching.ts'
import {
  addEndpoint,
  pathParameter,
  readBody,
  type Server,
  type ServerContext,
} from '../endpoint.ts'
import { parseJson } from '../json.ts'
import { checkShape, objectOrText } from '../parameters.ts'
import { addDeletionRoutes } from './deletion.ts'
import { DatabaseQuery } from '../schema/database.ts'
import { FAILURE, jsonAnswers, jsonBody } from '../schema/problem.ts'
import {
  ColumnParameter,
  ListQuery,
  SeriesAnswer,
  TableAnswer,
  TableBody,
  TableParameter,
  TableQuery,
  TablesAnswer,
  TagParameter,
  TagsAnswer,
  ValuesAnswer,
} from '../schema/table.ts'

const group = 'Tables'
const access = 'read'

export function addTableRoutes(server: Server): void {
  addTables(server)
  addTable(server)
  addPutTable(server)
  addDropTable(server)
  addDropColumn(server)
  addDeletionRoutes(server)
  addSeries(server)
  addTags(server)
  addTagValues(server)
  addStats(server)
}

function addTables(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables',
      operationId: 'tables',
      summary: 'Tables of a database, by name',
      description: 'All tables of a database by name, with exact counts of points and series.',
      group,
      access,
      query: DatabaseQuery,
      answers: jsonAnswers('Tables', TablesAnswer),
    },
    async (c, { db }) => answerJson(server, c, { tables: await server.db.tables(db) }),
  )
}

function addTable(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}',
      operationId: 'table',
      summary: 'A table: its tags, fields and extent',
      description:
        'Tags, fields with their types, settings and sizes of one table. `time` says how its ' +
        'first and last time come out.',
      group,
      access,
      parameters: TableParameter,
      query: TableQuery,
      answers: jsonAnswers('Table', TableAnswer),
    },
    async (c, { db: database, time = 'ms' }) => {
      const table = await server.db.table(pathParameter(c, 'table'), { database })
      return answerJson(server, c, described(table, time))
    },
  )
}

function described(table: TableDescription, time: TimeFormat) {
  const firstTime = shownTime(table.firstTime, time)
  const lastTime = shownTime(table.lastTime, time)
  // The declaration is SQL's own.
  return { ...table, declaration: undefined, firstTime, lastTime }
}

function addPutTable(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'put',
      path: '/v1/tables/{table}',
      operationId: 'putTable',
      summary: 'Make a table, or set what the body names',
      description:
        'Tags and fields are added, never taken away; another type than the table has is a 422. ' +
        'Points older than the retention are refused, hidden and removed, from this answer on.',
      group,
      access: 'admin',
      parameters: TableParameter,
      query: TableQuery,
      body: { ...jsonBody(TableBody), required: false },
      answers: jsonAnswers('Table', TableAnswer),
    },
    async (c, { db: database, time = 'ms' }) => {
      mediaType(c.req.raw, ['application/json'])
      const text = await readText(readBody(server, c))
      const body = text === '' ? {} : parseJson(text, 'body')
      checkShape(TableBody, body, 'member')
      const name = pathParameter(c, 'table')
      // What was sent, not the schema's copy of it: that leaves out columns named `__proto__`.
      const table = await server.db.putTable(name, body as TableSettings, { database })
      return answerJson(server, c, described(table, time))
    },
  )
}

function addDropTable(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'delete',
      path: '/v1/tables/{table}',
      operationId: 'dropTable',
      summary: 'Drop a table and its points',
      description:
        'Drops the table with all points, series, columns and settings. Durable when ' +
        'answered.',
      group,
      access: 'admin',
      parameters: TableParameter,
      query: DatabaseQuery,
      answers: { 204: { description: 'The table is gone' }, ...FAILURE },
    },
    async (c, { db: database }) => {
      await server.db.dropTable(pathParameter(c, 'table'), { database })
      return answerNothing(server, c)
    },
  )
}

function addDropColumn(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'delete',
      path: '/v1/tables/{table}/columns/{column}',
      operationId: 'dropColumn',
      summary: 'Drop a field and its values',
      description: 'Frees its name and type. Points stay, without it. Tags cannot be dropped.',
      group,
      access: 'admin',
      parameters: ColumnParameter,
      query: DatabaseQuery,
      answers: { 204: { description: 'The field is gone' }, ...FAILURE },
    },
    async (c, { db: database }) => {
      const column = pathParameter(c, 'column')
      await server.db.dropColumn(pathParameter(c, 'table'), column, { database })
      return answerNothing(server, c)
    },
  )
}

interface ListParameters {
  db: string
  where?: string | undefined
  limit?: number | undefined
  cursor?: string | undefined
}

function listOptions({ db: database, where, limit, cursor }: ListParameters) {
  const condition = where === undefined ? undefined : objectOrText(where, 'where')
  return { database, where: condition as string | WhereObject | undefined, limit, cursor }
}

/** A list of a table's series or tags, or a 304. */
async function answerList(
  server: Server,
  c: ServerContext,
  { db: database, where, limit, cursor }: ListParameters,
  list: () => Promise<object>,
): Promise<Response> {
  const asked = [c.req.path, where, limit, cursor]
  const version = await server.db.versions.list(pathParameter(c, 'table'), asked, { database })
  return answerVersion(server, c, version, async (headers) => {
    const body = JSON.stringify(await list())
    return answerWith(server, c, body, { 'Content-Type': 'application/json', ...headers })
  })
}

function addSeries(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}/series',
      operationId: 'series',
      summary: 'Series of a table',
      description:
        'The tag sets of a table that meet `where`, 10,000 unless `limit` says less; `cursor` ' +
        'of the answer asks for the next page, null = that was all.',
      group,
      access,
      parameters: TableParameter,
      query: ListQuery,
      answers: { ...jsonAnswers('Series, in byte order', SeriesAnswer), ...UNCHANGED },
    },
    async (c, query) => {
      const table = pathParameter(c, 'table')
      return answerList(server, c, query, () => server.db.series(table, listOptions(query)))
    },
  )
}

function addTags(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}/tags',
      operationId: 'tags',
      summary: 'Tag keys of a table',
      description: 'Tag keys by name.',
      group,
      access,
      parameters: TableParameter,
      query: DatabaseQuery,
      answers: { ...jsonAnswers('Tag keys, in byte order', TagsAnswer), ...UNCHANGED },
    },
    async (c, query) => {
      const table = pathParameter(c, 'table')
      return answerList(server, c, query, async () => ({
        tags: await server.db.tagKeys(table, { database: query.db }),
      }))
    },
  )
}

function addTagValues(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}/tags/{key}/values',
      operationId: 'tagValues',
      summary: 'Values of a tag',
      description:
        'The values that a tag has in the series that meet `where`, 10,000 unless `limit` ' +
        'says less, with a cursor as series have.',
      group,
      access,
      parameters: TagParameter,
      query: ListQuery,
      answers: { ...jsonAnswers('Values, in byte order', ValuesAnswer), ...UNCHANGED },
    },
    async (c, query) => {
      const table = pathParameter(c, 'table')
      const key = pathParameter(c, 'key')
      return answerList(server, c, query, () => server.db.tagValues(table, key, listOptions(query)))
    },
  )
}

function addStats(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}/stats',
      operationId: 'tableStats',
      summary: 'Segments, blocks, bytes and bits per value of a table',
      description:
        'What lies in its segment files: rows that are still in memory and in the log are not ' +
        'counted, overwritten and deleted ones are until a merge takes them. `points` of ' +
        '`GET /v1/tables/{table}` is what queries see.',
      group,
      access,
      parameters: TableParameter,
      query: DatabaseQuery,
      answers: jsonAnswers('Statistics', named('TableStats', z.record(z.string(), z.unknown()))),
    },
    async (c, { db: database }) => {
      const stats = await server.db.tableStats(pathParameter(c, 'table'), { database })
      const headers = { 'Content-Type': 'application/json' }
      return answerWith(server, c, JSON.stringify(stats, plainNumbers), headers)
    },
  )
}

/** 64-bit counts as numbers where they are exact, else as digits. */
function plainNumbers(_name: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}
