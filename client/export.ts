// The rows of an export one by one, as they arrive. NDJSON has no types, so the columns are asked for
// beside it (by the same request over no time at all): 64-bit integers are bigints also here.

import { decodeInteger, decodeTime, integersOf, sentTime, type PlainRow } from './answer.ts'
import { linesOf } from './lines.ts'
import type { AnswerColumn, QueryRequest, TailRequest } from './shapes.ts'
import { readJson, readStream, type CallOptions, type Send } from './transport.ts'
import type { AnyTable, RowOf } from './typed.ts'

/** The columns of the answer to a request, without running it. */
export async function columnsOf(
  send: Send,
  { table, select, every, by }: QueryRequest | TailRequest,
  call?: CallOptions,
): Promise<AnswerColumn[]> {
  const body = { table, select, every, by, start: 0, end: 0 }
  const answer = await send({ ...call, method: 'POST', path: '/v1/query', body }, readJson)
  return (answer as { columns: AnswerColumn[] }).columns
}

export async function* followRows<R extends QueryRequest>(
  send: Send,
  asked: R,
  call?: CallOptions,
): AsyncGenerator<RowOf<AnyTable, R>, void> {
  const integers = integersOf(await columnsOf(send, asked, call))
  const time = sentTime(asked.time) ?? 'ms'
  const body = { ...asked, time, integers: 'string', format: 'ndjson' }
  const outgoing = { ...call, method: 'POST', path: '/v1/export', body } as const
  for await (const line of linesOf(await send(outgoing, readStream, true))) {
    const row = JSON.parse(line) as PlainRow
    row.time = decodeTime(row.time, asked.time)
    for (const name of integers) row[name] = decodeInteger(row[name]!)
    yield row as object as RowOf<AnyTable, R>
  }
}
