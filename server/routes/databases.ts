// Databases: what there is, and the ways to make and drop one.

import { answerJson, answerNothing } from '../answer.ts'
import { addEndpoint, pathParameter, type Server, type ServerContext } from '../endpoint.ts'
import { sees } from '../grant.ts'
import { DatabaseAnswer, DatabaseParameter, DatabasesAnswer } from '../schema/database.ts'
import { NoQuery } from '../schema/parameter.ts'
import { FAILURE, jsonAnswers } from '../schema/problem.ts'

const group = 'Databases'
/** The database is in the path. */
const inPath = {
  access: 'admin',
  database: (_query: object, c: ServerContext) => pathParameter(c, 'db'),
} as const

export function addDatabaseRoutes(server: Server): void {
  addDatabases(server)
  addPutDatabase(server)
  addDropDatabase(server)
}

function addDatabases(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/databases',
      operationId: 'databases',
      summary: 'Databases that the token may use, by name',
      description: '`default` exists always. A token sees the databases that it has a scope for.',
      group,
      access: 'listing',
      query: NoQuery,
      answers: jsonAnswers('Databases', DatabasesAnswer),
    },
    (c) => {
      const names = server.db.databases().filter((name) => sees(c.get('grant'), name))
      return answerJson(server, c, { databases: names.map((name) => ({ name })) })
    },
  )
}

function addPutDatabase(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'put',
      path: '/v1/databases/{db}',
      operationId: 'createDatabase',
      summary: 'Make a database, if it is missing',
      description: 'Makes it if it is not there; a write that names a database does the same.',
      group,
      ...inPath,
      parameters: DatabaseParameter,
      query: NoQuery,
      answers: jsonAnswers('Database', DatabaseAnswer),
    },
    async (c) => {
      const name = pathParameter(c, 'db')
      await server.db.createDatabase(name)
      return answerJson(server, c, { name })
    },
  )
}

function addDropDatabase(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'delete',
      path: '/v1/databases/{db}',
      operationId: 'dropDatabase',
      summary: 'Drop a database with its tables and points',
      description: '`default` is there always: dropping it empties it.',
      group,
      ...inPath,
      parameters: DatabaseParameter,
      query: NoQuery,
      answers: { 204: { description: 'The database is gone' }, ...FAILURE },
    },
    async (c) => {
      await server.db.dropDatabase(pathParameter(c, 'db'))
      return answerNothing(server, c)
    },
  )
}
