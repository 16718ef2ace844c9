// Deletes of points: which ones is said as in a query.

import type { WhereObject } from '../../engine/query/query.ts'
import { answerJson } from '../answer.ts'
import { addEndpoint, pathParameter, type Server } from '../endpoint.ts'
import { objectOrText } from '../parameters.ts'
import { jsonAnswers } from '../schema/problem.ts'
import { DeleteAnswer, DeleteQuery, TableParameter } from '../schema/table.ts'

export function addDeletionRoutes(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'delete',
      path: '/v1/tables/{table}/rows',
      operationId: 'deleteRows',
      summary: 'Delete points by time range and condition',
      description:
        'Deletes the points in [`start`, `end`) that meet `where`; one of the three must be there. ' +
        'They are those that were acknowledged before; later writes live, also of the same series and ' +
        'times. Durable when answered; an error leaves all of them or none. `deleted` counts points ' +
        '(series and time) exactly, also with `dryRun=true`, which deletes nothing. A condition on ' +
        'fields may select up to 1,000,000 separate runs of points, else 422. Buckets of rollups are ' +
        'worked out anew; one whose points have expired goes if the range holds all of it and no ' +
        'condition on fields is asked, and else stays as it is.',
      group: 'Tables',
      access: 'admin',
      parameters: TableParameter,
      query: DeleteQuery,
      answers: jsonAnswers(
        'How many points were, or with `dryRun` would be, deleted',
        DeleteAnswer,
      ),
    },
    async (c, { db: database, where, start, end, precision, dryRun }) => {
      const condition = where === undefined ? undefined : objectOrText(where, 'where')
      const { signal } = c.req.raw
      const options = { database, start, end, precision, dryRun, signal }
      return answerJson(
        server,
        c,
        await server.db.deleteRows(pathParameter(c, 'table'), {
          ...options,
          where: condition as string | WhereObject | undefined,
        }),
      )
    },
  )
}
