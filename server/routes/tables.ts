// What there is: tables, their columns, series and tags, and what they take on disk; and the way
// to drop one.

import { z } from '@hono/zod-openapi'
import type { WhereObject } from '../../engine/query/query.ts'
import { formatTime, formatTimeText } from '../../engine/time.ts'
import type { TimeFormat } from '../encode/time.ts'
import { addEndpoint, pathParameter, type Server } from '../endpoint.ts'
import { objectOrText } from '../parameters.ts'
import {
  DatabaseQuery,
  FAILURE,
  jsonAnswers,
  ListQuery,
  SeriesAnswer,
  TableAnswer,
  TableParameter,
  TableQuery,
  TablesAnswer,
  TagParameter,
  TagsAnswer,
  ValuesAnswer,
} from '../schema.ts'

const group = 'Tables'
const access = 'token'

export function addTableRoutes(server: Server): void {
  addTables(server)
  addTable(server)
  addDropTable(server)
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
      group,
      access,
      query: DatabaseQuery,
      answers: jsonAnswers('Tables', TablesAnswer),
    },
    async (c, { db }) => c.json({ tables: await server.db.tables(db) }),
  )
}

/** A time outside of any column, or null. */
function timeValue(time: bigint | null, format: TimeFormat): number | string | null {
  if (time === null) return null
  if (format === 'ns' || format === 'rfc3339') return formatTimeText(time, format)
  return formatTime(time, format)
}

function addTable(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}',
      operationId: 'table',
      summary: 'A table: its tags, fields and extent',
      group,
      access,
      parameters: TableParameter,
      query: TableQuery,
      answers: jsonAnswers('Table', TableAnswer),
    },
    async (c, { db: database, time = 'ms' }) => {
      const table = await server.db.table(pathParameter(c, 'table'), { database })
      const firstTime = timeValue(table.firstTime, time)
      const lastTime = timeValue(table.lastTime, time)
      return c.json({ ...table, firstTime, lastTime })
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
      group,
      access,
      parameters: TableParameter,
      query: DatabaseQuery,
      answers: { 204: { description: 'The table is gone' }, ...FAILURE },
    },
    async (c, { db: database }) => {
      await server.db.dropTable(pathParameter(c, 'table'), { database })
      return c.body(null, 204)
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

function addSeries(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tables/{table}/series',
      operationId: 'series',
      summary: 'Series of a table',
      group,
      access,
      parameters: TableParameter,
      query: ListQuery,
      answers: jsonAnswers('Series, in byte order', SeriesAnswer),
    },
    async (c, query) =>
      c.json(await server.db.series(pathParameter(c, 'table'), listOptions(query))),
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
      group,
      access,
      parameters: TableParameter,
      query: DatabaseQuery,
      answers: jsonAnswers('Tag keys, in byte order', TagsAnswer),
    },
    async (c, { db: database }) =>
      c.json({ tags: await server.db.tagKeys(pathParameter(c, 'table'), { database }) }),
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
      group,
      access,
      parameters: TagParameter,
      query: ListQuery,
      answers: jsonAnswers('Values, in byte order', ValuesAnswer),
    },
    async (c, query) => {
      const table = pathParameter(c, 'table')
      const key = pathParameter(c, 'key')
      return c.json(await server.db.tagValues(table, key, listOptions(query)))
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
      group,
      access,
      parameters: TableParameter,
      query: DatabaseQuery,
      answers: jsonAnswers('Statistics', z.record(z.string(), z.unknown()).openapi('TableStats')),
    },
    async (c, { db: database }) => {
      const stats = await server.db.tableStats(pathParameter(c, 'table'), { database })
      return c.body(JSON.stringify(stats, plainNumbers), 200, {
        'Content-Type': 'application/json',
      })
    },
  )
}

/** 64-bit counts as numbers where they are exact, else as digits. */
function plainNumbers(_name: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}
