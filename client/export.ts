// The rows of an export one by one, as they arrive. NDJSON has no types, so the columns are asked for
// beside it (by the same request over no time at all): 64-bit integers are bigints also here.

import { decodeInteger, decodeTime, exactly, integersOf, type PlainRow } from './answer.ts'
import { linesOf } from './lines.ts'
import type { QueryRequest } from './shapes.ts'
import type { CallOptions, Send } from './transport.ts'
import type { Answer, AnyTable, RowOf } from './typed.ts'

export async function* followRows<R extends QueryRequest>(
  send: Send,
  asked: R,
  call?: CallOptions,
): AsyncGenerator<RowOf<AnyTable, R>, void> {
  const { table, select, every, by } = asked
  const nothing = { table, select, every, by, start: 0, end: 0 }
  const answer: Answer = await send('POST', '/v1/query', { ...call, body: nothing })
  const integers = integersOf(answer.columns)
  const body = { ...exactly(asked, 'ms'), format: 'ndjson' }
  const outgoing = { ...call, body, isStream: true }
  for await (const line of linesOf(await send('POST', '/v1/export', outgoing))) {
    const row = JSON.parse(line) as PlainRow
    row.time = decodeTime(row.time, asked.time)
    for (const name of integers) row[name] = decodeInteger(row[name]!)
    yield row as object as RowOf<AnyTable, R>
  }
}
