// `omendb/client`: the typed client over HTTP. No dependency; Node 20, browsers and Workers.
//
//   const db = createClient({ url: 'http://127.0.0.1:8080', token })
//   await db.write('cpu,host=a usage=0.5')
//   for (const row of rows(await db.query({ table: 'cpu', start: '-1h' }))) console.log(row)

export { createClient } from './client.ts'
export type {
  CallOptions,
  Client,
  ClientOptions,
  ExportOptions,
  ImportOptions,
  TableOptions,
  WriteOptions,
} from './client.ts'
export { OmenDBError } from './error.ts'
export type { RetryOptions } from './backoff.ts'
export { rows } from './rows.ts'
export type { Row } from './rows.ts'
export type * from './shapes.ts'
