// `omendb/client`: the typed client over HTTP. No dependency; Node 20, browsers and Workers.
//
//   const db = createClient({ url: 'http://127.0.0.1:8080', token })
//   await db.write({ table: 'cpu', tags: { host: 'a' }, fields: { usage: 0.5 } })
//   const answer = await db.query({ table: 'cpu', start: '-1h', select: { mean: 'mean(usage)' } })
//   for (const { time, mean } of answer.rows()) console.log(time, mean)

export { createClient } from './client.ts'
export type {
  Client,
  ClientOptions,
  ExportOptions,
  ImportOptions,
  RequestOptions,
  WriteInput,
  WriteOptions,
} from './client.ts'
export { OmenDBError } from './error.ts'
export type { RetryOptions } from './backoff.ts'
export type { SqlOptions } from './sql.ts'
export type { DescribeOptions, Table } from './table.ts'
export type { TailOptions } from './tail.ts'
export type { CallOptions } from './transport.ts'
export type { Writer, WriterOptions } from './writer.ts'
export type * from './shapes.ts'
export type * from './typed.ts'
