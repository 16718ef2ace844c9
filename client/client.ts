// The typed client: a call per route, in the shapes of the HTTP API. It keeps no connection of its own;
// `fetch` does, so it runs wherever there is one (Node, browsers, Workers). Calls about one table are in
// table.ts; what an answer's type follows from in typed.ts.

import { decodeSeries, sentTime } from './answer.ts'
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
  TableSummary,
  TailRequest,
  TimeFormat,
  TokenDescription,
  TokenRequest,
  WriteAnswer,
} from './shapes.ts'
import { createTable, type Table } from './table.ts'
import { followTail, type TailOptions } from './tail.ts'
import {
  createTransport,
  readJson,
  readStream,
  type CallOptions,
  type Outgoing,
  type Send,
  type TransportOptions,
} from './transport.ts'
import type { Answer, AnswerOf, AnyTable, RowOf, Schema, TableShape, TailEvent } from './typed.ts'
import { createWriter, type Writer, type WriterOptions } from './writer.ts'

export interface ClientOptions extends TransportOptions {
  /** Database of every call that names no other; the server's default is `default`. */
  db?: string | undefined
}

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
export interface RequestOptions extends CallOptions {
  parameters?: object | undefined
  body?: BodyInit | object | undefined
  headers?: Record<string, string> | undefined
}

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
  const transport = createTransport(options)
  /** With the client's database, where the route takes one. */
  const send: Send = (request, read, isStream) => {
    const db = ONE_DATABASE.test(request.path) ? (request.db ?? options.db) : undefined
    return transport({ ...request, db }, read, isStream)
  }
  const request = (method: Method, path: string, call?: RequestOptions): Promise<never> =>
    send({ ...call, method, path }, readJson) as Promise<never>
  const client: Client = {
    request,
    ...writes(send),
    ...reads(send, request),
    ...server(send, request),
    rows: (asked, call) => followRows(send, asked, call),
    tail: (asked, call) => followTail(send, asked, call),
    table: (name, schema) => createTable(client, name, schema),
  }
  return client
}

/** Routes that are about one database. */
const ONE_DATABASE = /^\/v1\/(?!databases|tokens|backup|restore)/

type Method = NonNullable<Outgoing['method']>
type Request = (method: Method, path: string, call?: RequestOptions) => Promise<never>

function writes(send: Send): Pick<Client, 'write' | 'writer' | 'import'> {
  const post = (
    path: string,
    type: string,
    body: string | Uint8Array,
    { precision, partial, ack, ...call }: WriteOptions,
    parameters: object = {},
  ): Promise<WriteAnswer> => {
    const asked = { ...parameters, precision, partial, ack }
    const headers = { 'Content-Type': type }
    return send(
      { ...call, method: 'POST', path, parameters: asked, headers, body },
      readJson,
    ) as Promise<WriteAnswer>
  }
  const points = (body: string, options: WriteOptions): Promise<WriteAnswer> =>
    post('/v1/points', 'application/json', body, options)
  return {
    async write(input, options = {}) {
      if (typeof input === 'string' || input instanceof Uint8Array) {
        return post('/v1/write', 'text/plain; charset=utf-8', input, options)
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
      return post('/v1/import', type, input, options, { table, time, tags, types: declared })
    },
  }
}

/** A writer outlives the restart of a server. */
const ENDURING = { attempts: Infinity, withinMs: 180_000 }

function reads(
  send: Send,
  request: Request,
): Pick<Client, 'query' | 'pages' | 'latest' | 'export'> {
  const prepared = (asked: { time?: TimeFormat | null }): object => {
    return { ...asked, time: sentTime(asked.time), integers: 'string' }
  }
  const decoded = async <A>(
    sent: Promise<Answer>,
    { time }: { time?: TimeFormat | null },
  ): Promise<A> => {
    const answer = await sent
    return decodeSeries(answer, answer.columns, time) as A
  }
  const query: Client['query'] = (asked, call) =>
    decoded(request('POST', '/v1/query', { ...call, body: prepared(asked) }), asked)
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
      decoded(request('GET', '/v1/latest', { ...call, parameters: prepared(asked) }), asked),
    export: (asked, { format, ...call }) => {
      const body = { ...asked, time: sentTime(asked.time), format }
      return send({ ...call, method: 'POST', path: '/v1/export', body }, readStream, true)
    },
  }
}

type Server = Pick<
  Client,
  | ('tables' | 'databases' | 'createDatabase' | 'dropDatabase')
  | ('tokens' | 'createToken' | 'token' | 'revokeToken')
  | ('backup' | 'restore' | 'health' | 'ready' | 'metrics')
>

function server(send: Send, request: Request): Server {
  const list = async (name: string, call?: CallOptions): Promise<never> =>
    (await request('GET', `/v1/${name}`, call))[name]
  const one =
    (method: Method, path: string) =>
    (name: string, call?: CallOptions): Promise<never> =>
      request(method, `/v1/${path}/${encodeURIComponent(name)}`, call)
  return {
    tables: (call) => list('tables', call),
    databases: async (call) => ((await list('databases', call)) as Named[]).map(({ name }) => name),
    createDatabase: one('PUT', 'databases'),
    dropDatabase: one('DELETE', 'databases'),
    tokens: (call) => list('tokens', call),
    createToken: (body, call) => request('POST', '/v1/tokens', { ...call, retry: false, body }),
    token: one('GET', 'tokens'),
    revokeToken: one('DELETE', 'tokens'),
    backup: ({ since, ...call } = {}) =>
      send({ ...call, path: '/v1/backup', parameters: { since } }, readBackup, true),
    restore: (body, call) => {
      const headers = { 'Content-Type': 'application/x-tar' }
      return request('POST', '/v1/restore', { ...call, retry: false, headers, body })
    },
    health: (call) =>
      send({ ...call, path: '/health', anyStatus: true }, readJson) as Promise<never>,
    ready: (call) => send({ ...call, path: '/ready', anyStatus: true }, async ({ ok }) => ok),
    metrics: (call) => send({ ...call, path: '/metrics' }, (response) => response.text()),
  }
}

interface Named {
  name: string
}

async function readBackup(response: Response): Promise<Backup> {
  return { id: response.headers.get('OmenDB-Backup-Id')!, body: await readStream(response) }
}
