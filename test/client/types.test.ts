// The types of the client: what TypeScript knows about an answer from the request alone.

import { expectTypeOf, test } from 'vitest'
import type { Answer, AnswerTime, Client, QueryRequest, TimeOf } from '../../client/index.ts'

type QueryOf<R extends QueryRequest> = ReturnType<typeof query<R>>
declare const client: Client
const query = <const R extends QueryRequest>(request: R) => client.query(request)

test('times are numbers unless the request asks for strings', () => {
  expectTypeOf<TimeOf<{ table: string }>>().toEqualTypeOf<number>()
  expectTypeOf<TimeOf<{ time: 'ms' }>>().toEqualTypeOf<number>()
  expectTypeOf<TimeOf<{ time: 'ns' }>>().toEqualTypeOf<string>()
  expectTypeOf<TimeOf<{ time: 'rfc3339' }>>().toEqualTypeOf<string>()
  expectTypeOf<TimeOf<QueryRequest>>().toEqualTypeOf<AnswerTime>()
})

test('a query without a time format has numbers, also with other members', () => {
  expectTypeOf<QueryOf<{ table: 'cpu'; start: '-1h' }>>().toEqualTypeOf<Promise<Answer<number>>>()
  expectTypeOf<QueryOf<{ table: 'cpu'; time: 'ns' }>>().toEqualTypeOf<Promise<Answer<string>>>()
})

test('a request with a member that does not exist is refused', () => {
  // @ts-expect-error: the member is `start`
  const request: QueryRequest = { table: 'cpu', from: '-1h' }
  expectTypeOf(request).toEqualTypeOf<QueryRequest>()
})
