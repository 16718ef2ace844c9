// Points and buckets as they come, as server-sent events. A reader who does not take them in time is
// dropped by name, and comes back to where he was.

import * as z from 'zod'
import { OmenError } from '../../engine/error.ts'
import type { TailEvent, TailRequest } from '../../engine/tail/tail.ts'
import { answerWith } from '../answer.ts'
import { EventRoom } from '../encode/event-room.ts'
import { EventBody } from '../encode/events.ts'
import { addEndpoint, signalOf, type Server } from '../endpoint.ts'
import { TAIL_COMMENT_MS, TAIL_EVENT_BYTES, TAIL_STALL_MS } from '../limits.ts'
import { describeProblem, toOmenError } from '../problem.ts'
import { FAILURE } from '../schema/problem.ts'
import { TailParameters } from '../schema/tail.ts'
import { formatOf, fromParameters } from './query.ts'

const DESCRIPTION =
  'Server-sent events. `event: points` has the points of one write, as they were sent: fields that it ' +
  'did not name are null; `event: buckets` (with `every`) the buckets that changed, as whole as a query ' +
  'answers them now. `id` says how far the tail has come; `data` has `series` in the shape of a query, and ' +
  '`columns` with their types in the first event of a connection and whenever they changed. ' +
  'What is sent is durable and visible. `Last-Event-ID` goes on behind an event; where that is not ' +
  'possible (older than what is kept, of another database or an earlier life of one in memory) `event: gap` says so, with ' +
  '`{"reason":"missed"}`: ask `/v1/query` for what lies between. With `every`, deletes and dropped ' +
  'fields are told by a gap with `{"reason":"deleted"}`; tails of points do not tell of them. `event: ' +
  'error` (a problem) ends the stream, as when the table is dropped. A comment comes after 15 s of ' +
  'silence. A reader who does not keep up is disconnected, and goes on with `Last-Event-ID`.'

/** Adds GET /v1/tail. */
export function addTailRoute(server: Server): void {
  const room = new EventRoom(TAIL_EVENT_BYTES, TAIL_STALL_MS)
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tail',
      operationId: 'tail',
      summary: 'Follow points or buckets live',
      description: DESCRIPTION,
      group: 'Query',
      access: 'read',
      query: TailParameters,
      answers: {
        200: {
          description: 'Events, until somebody leaves',
          content: { 'text/event-stream': { schema: z.string() } },
        },
        ...FAILURE,
      },
    },
    async (c, { db: database, time, integers, ...parameters }) => {
      const request = fromParameters(parameters) as TailRequest
      const { table } = request
      const requestId = c.get('requestId')
      const problem = (error: unknown): string =>
        JSON.stringify(describeProblem(toOmenError(error), requestId))
      let body: EventBody | null = null
      const drop = (): void => {
        server.metrics.countDroppedTail()
        server.log(`tail ${requestId} of table '${table}': dropped, its reader does not keep up`)
        body?.fail(
          new OmenError('timeout', `tail of table '${table}': its reader does not keep up`),
        )
        server.bodyHost?.breakOff(c.env)
      }
      const behind = (): void => {
        if (body !== null && body.stalledAt !== null) drop()
      }
      const admit = async (event: TailEvent): Promise<void> => body?.admit(event)
      const lastEventId = c.req.header('last-event-id') || undefined
      const signal = signalOf(server, c)
      const following = { database, lastEventId, signal, behind, admit, shares: true }
      const tail = await server.db.tail(request, following)
      const format = formatOf({ time, integers }, 'ms')
      const kernel = () => server.db.kernel
      const options = { format, kernel, commentMs: TAIL_COMMENT_MS, problem, room, drop }
      body = new EventBody(tail, options)
      return answerWith(server, c, body, {
        'Content-Type': 'text/event-stream',
        'X-Accel-Buffering': 'no',
      })
    },
  )
}
