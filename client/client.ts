// The typed client: a call per route, in the shapes of the HTTP API. It keeps no connection of its own;
// `fetch` does, so it runs wherever there is one (Node, browsers, Workers). Calls about one table are in
// table.ts; what an answer's type follows from in typed.ts.

import { dateless, decodeSeries, decodeTime, exactly } from './answer.ts'
import { SERVER_CALLS, deferred } from './deferred.ts'
import { followRows } from './export.ts'
import { encodePoint, joinEntries } from './points.ts'
import type {
  Backup,
  ExportFormat,
  FieldType,
  Health,
  LatestRequest,
  NewToken,
  Points,
  Precision,
  QueryRequest,
  Restored,
  SqlRow,
  SqlRows,
  SqlValue,
  TableSummary,
  TailRequest,
  TimeFormat,
  TokenDescription,
  TokenRequest,
  WriteAnswer,
} from './shapes.ts'
import type { SqlOptions } from './sql.ts'
import { createTable, type Table } from './table.ts'
import { followTail, type TailOptions } from './tail.ts'
import {
  createTransport,
  type CallOptions,
  type Method,
  type Outgoing,
  type Send,
  type TransportOptions,
} from './transport.ts'
import type { Answer, AnswerOf, AnyTable, RowOf, Schema, TableShape, TailEvent } from './typed.ts'
import { createWriter, type Writer, type WriterOptions } from './writer.ts'

export type ClientOptions = TransportOptions

export interface WriteOptions extends CallOptions {
  /** Unit of integer times: line protocol defaults to `ns`, everything else to `ms`. */
  precision?: Precision
  /** Stores the good points of a bad request and lists the others in `errors`. */
  partial?: boolean
  /** `memory` answers before the fsync, which follows within a second. */
  ack?: 'fsync' | 'memory'
}

export interface ImportOptions extends WriteOptions {
  table: string
  /** Default `csv`. */
  format?: 'csv' | 'ndjson'
  /** Column with the time; default `time`. */
  time?: string
  tags?: readonly string[]
  types?: Record<string, FieldType>
}

export interface ExportOptions extends CallOptions {
  /** `arrow`: an IPC stream. */
  format: ExportFormat
}

/** Anything else: members of the URL, and a body (an object is sent as JSON). */
export type RequestOptions = Pick<Outgoing, keyof CallOptions | 'parameters' | 'headers' | 'body'>

export type WriteInput = string | Uint8Array | Points | readonly Points[]

/** Calls reject with `OmenDBError`, or with the reason of an aborted signal. */
export interface Client {
  /** One point, many, columns, or line protocol as text or UTF-8; all or nothing, durable when it resolves. */
  write(input: WriteInput, options?: WriteOptions): Promise<WriteAnswer>
  /**
   * Collects points and sends them in batches, again and again until they are stored. `prepare` makes
   * points of whatever else is added.
   */
  writer<P = Points>(options?: WriterOptions<P>, prepare?: (input: P) => Points): Writer<P>
  /** CSV with a header line, or NDJSON: what `export` hands out. */
  import(input: string | Uint8Array, options: ImportOptions): Promise<WriteAnswer>
  query<const R extends QueryRequest>(
    request: R,
    options?: CallOptions,
  ): Promise<AnswerOf<AnyTable, R>>
  /** All pages of a query, as long as there is a `cursor`. */
  pages<const R extends QueryRequest>(
    request: R,
    options?: CallOptions,
  ): AsyncGenerator<AnswerOf<AnyTable, R>, void>
  /** The newest point of each series, or of each `by` group. */
  latest<const R extends LatestRequest>(
    request: R,
    options?: CallOptions,
  ): Promise<AnswerOf<AnyTable, R>>
  /** The rows of an export as they arrive: any number, in constant memory. */
  rows<const R extends QueryRequest>(
    request: R,
    options?: CallOptions,
  ): AsyncGenerator<RowOf<AnyTable, R>, void>
  /** An export as bytes, streamed; no limit unless asked for. Not tried again once it has begun. */
  export(request: QueryRequest, options: ExportOptions): Promise<ReadableStream<Uint8Array>>
  /** Points as they are written; goes on after a lost connection. Ends with `break` or the signal. */
  tail<const R extends TailRequest>(
    request: R,
    options?: TailOptions,
  ): AsyncGenerator<TailEvent<AnyTable, R>, void>
  /**
   * Runs one statement. As a tag, values between its texts are parameters, never text of the statement:
   * ``await db.sql<{ host: string }>`SELECT host FROM cpu WHERE time > ${since}` ``.
   */
  sql<Row extends object = SqlRow>(
    text: TemplateStringsArray,
    ...values: readonly SqlValue[]
  ): Promise<SqlRows<Row>>
  /** The same of a text with `$1` and on. */
  sql<Row extends object = SqlRow>(
    text: string,
    values?: readonly SqlValue[],
    options?: SqlOptions,
  ): Promise<SqlRows<Row>>
  /** The calls about one table, checked against a type or a schema of it. */
  table<S extends TableShape = AnyTable>(name: string, schema?: Schema<S>): Table<S>
  tables(options?: CallOptions): Promise<TableSummary[]>
  databases(options?: CallOptions): Promise<string[]>
  /** Makes a database, if it is missing. */
  createDatabase(name: string, options?: CallOptions): Promise<void>
  /** Drops a database with its tables. */
  dropDatabase(name: string, options?: CallOptions): Promise<void>
  tokens(options?: CallOptions): Promise<TokenDescription[]>
  /** The answer has the secret, once. Sent only once: two requests would be two tokens. */
  createToken(request: TokenRequest, options?: CallOptions): Promise<NewToken>
  token(id: string, options?: CallOptions): Promise<TokenDescription>
  revokeToken(id: string, options?: CallOptions): Promise<void>
  /** All databases as a tar archive; `since`, the id of an earlier one, leaves out what that has. */
  backup(options?: CallOptions & { since?: string }): Promise<Backup>
  /** Restores backups, one behind the other, into an empty server. */
  restore(archive: BodyInit, options?: CallOptions): Promise<Restored>
  /** Also when it is not well: `fail` is an answer here, not an error. */
  health(options?: CallOptions): Promise<Health>
  /** False while it recovers. */
  ready(options?: CallOptions): Promise<boolean>
  /** Counters of the server in the text format of Prometheus. */
  metrics(options?: CallOptions): Promise<string>
  /** Any route, answered with its JSON as it is, or null. */
  request<T = unknown>(method: Method, path: string, options?: RequestOptions): Promise<T>
}

/** Makes a client; contacts nobody before the first call. A wrong `url` is a TypeError. */
export function createClient(options: ClientOptions): Client {
  const send = createTransport(options)
  const core = { send, dateless, decodeTime }
  const client: Client = {
    request: send,
    ...writes(send),
    ...reads(send),
    ...deferred(SERVER_CALLS, ({ serverCalls }) => serverCalls(core)),
    rows: (asked, call) => followRows(send, asked, call),
    tail: (asked, call) => followTail(send, asked, call),
    table: (name, schema) => createTable(client, core, name, schema),
  }
  return client
}

function writes(send: Send): Pick<Client, 'write' | 'writer' | 'import'> {
  const post = (
    path: string,
    type: string,
    body: string | Uint8Array,
    { precision, partial, ack, ...call }: WriteOptions,
    parameters?: object,
  ): Promise<WriteAnswer> =>
    send('POST', `/v1/${path}`, {
      ...call,
      parameters: { ...parameters, precision, partial, ack },
      headers: { 'Content-Type': type },
      body,
    })
  const points = (body: string, options: WriteOptions): Promise<WriteAnswer> =>
    post('points', 'application/json', body, options)
  return {
    async write(input, options = {}) {
      if (typeof input === 'string' || input instanceof Uint8Array) {
        return post('write', 'text/plain; charset=utf-8', input, options)
      }
      const list = Array.isArray(input) ? (input as Points[]) : [input as Points]
      return points(joinEntries(list.map(encodePoint)).body, options)
    },
    writer(options = {}, prepare = (input) => input as never) {
      const retry = options.retry !== false && { ...ENDURING, ...options.retry }
      const given = { ...options, retry } as WriteOptions
      return createWriter((body) => points(body, given), options, prepare)
    },
    import(input, { table, format, time, tags, types, ...options }) {
      const declared = types && Object.entries(types).map(([name, type]) => `${name}:${type}`)
      const type = format === 'ndjson' ? 'application/x-ndjson' : 'text/csv'
      return post('import', type, input, options, { table, time, tags, types: declared })
    },
  }
}

/** A writer outlives the restart of a server. */
const ENDURING = { attempts: Infinity, withinMs: 180_000 }

function reads(send: Send): Pick<Client, 'query' | 'pages' | 'latest' | 'export'> {
  const decoded = async <A>(
    sent: Promise<Answer>,
    { time }: { time?: TimeFormat | null },
  ): Promise<A> => {
    const answer = await sent
    return decodeSeries(answer, answer.columns, time) as A
  }
  const query: Client['query'] = (asked, call) =>
    decoded(send('POST', '/v1/query', { ...call, body: exactly(asked) }), asked)
  return {
    query,
    async *pages(asked, call) {
      let { cursor = null } = asked
      do {
        const answer = await query({ ...asked, cursor }, call)
        yield answer as never
        cursor = answer.cursor
      } while (cursor !== null)
    },
    latest: (asked, call) =>
      decoded(send('GET', '/v1/latest', { ...call, parameters: exactly(asked) }), asked),
    async export(asked, { format, ...call }) {
      const body = { ...dateless(asked), format }
      const response: Response = await send('POST', '/v1/export', {
        ...call,
        body,
        isStream: true,
      })
      return response.body!
    },
  }
}
