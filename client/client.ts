// The typed client: one function per route, in the shapes of the HTTP API. It keeps no state and no
// connection of its own; `fetch` does, so it runs wherever there is one (Node, browsers, Workers).

import { encodePoints } from './points.ts'
import type {
  Answer,
  FieldType,
  LatestRequest,
  ListRequest,
  Points,
  Precision,
  QueryRequest,
  SeriesPage,
  TableDescription,
  TableSettings,
  TableStats,
  DeleteAnswer,
  DeleteRequest,
  TableSummary,
  TimeFormat,
  TimeOf,
  ValuePage,
  WriteAnswer,
} from './shapes.ts'
import { createTransport, type Outgoing, type TransportOptions } from './transport.ts'

export interface ClientOptions extends TransportOptions {
  /** Database of every call that names no other; the server's default is `default`. */
  database?: string | undefined
}

export interface CallOptions {
  database?: string | undefined
  /** Ends the call, also while it waits to try again; the call rejects with its reason. */
  signal?: AbortSignal | undefined
}

export interface TableOptions extends CallOptions {
  /** How `firstTime` and `lastTime` come; default `ms`. */
  time?: TimeFormat
}

export interface WriteOptions extends CallOptions {
  /** Unit of integer times: line protocol defaults to `ns`, everything else to `ms`. */
  precision?: Precision
  /** Stores the good lines of a bad request and lists the others in `errors`. */
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
  format: 'csv' | 'ndjson' | 'lp' | 'arrow' | 'parquet'
}

/** Calls reject with `OmenDBError`, or with the reason of an aborted signal. */
export interface Client {
  /** Line protocol as text or UTF-8 bytes, or points; all or nothing, durable when it resolves. */
  write(
    input: string | Uint8Array | Points | readonly Points[],
    options?: WriteOptions,
  ): Promise<WriteAnswer>
  points(points: Points | readonly Points[], options?: WriteOptions): Promise<WriteAnswer>
  /** CSV with a header line, or NDJSON: what `export` hands out. */
  import(input: string | Uint8Array, options: ImportOptions): Promise<WriteAnswer>
  query<const R extends QueryRequest>(request: R, options?: CallOptions): Promise<Answer<TimeOf<R>>>
  /** All pages of a query, as long as there is a `cursor`. */
  pages<const R extends QueryRequest>(
    request: R,
    options?: CallOptions,
  ): AsyncGenerator<Answer<TimeOf<R>>, void>
  /** The newest point of each series, or of each `by` group. */
  latest<const R extends LatestRequest>(
    request: R,
    options?: CallOptions,
  ): Promise<Answer<TimeOf<R>>>
  /** Rows as text or Arrow, streamed; no limit unless asked for. Not tried again once it has begun. */
  export(request: QueryRequest, options: ExportOptions): Promise<ReadableStream<Uint8Array>>
  tables(options?: CallOptions): Promise<TableSummary[]>
  table(name: string, options?: TableOptions): Promise<TableDescription>
  tableStats(name: string, options?: CallOptions): Promise<TableStats>
  /** One page of the series of a table; `cursor` leads to the next. */
  series(table: string, request?: ListRequest, options?: CallOptions): Promise<SeriesPage>
  tagKeys(table: string, options?: CallOptions): Promise<string[]>
  tagValues(
    table: string,
    key: string,
    request?: ListRequest,
    options?: CallOptions,
  ): Promise<ValuePage>
  /** Makes a table, or sets what `settings` name: retention, tags, fields. */
  putTable(
    name: string,
    settings?: TableSettings,
    options?: TableOptions,
  ): Promise<TableDescription>
  /** Drops a field with its values, which frees its name and type. */
  dropColumn(table: string, column: string, options?: CallOptions): Promise<void>
  /**
   * Deletes the points in [`start`, `end`) that meet `where`, one of which must be given; durable when
   * it resolves. With `dryRun` it only counts them.
   */
  deleteRows(table: string, request: DeleteRequest, options?: CallOptions): Promise<DeleteAnswer>
  databases(options?: CallOptions): Promise<string[]>
  /** Makes a database, if it is missing. */
  createDatabase(name: string, options?: CallOptions): Promise<void>
  /** Drops a database with its tables. */
  dropDatabase(name: string, options?: CallOptions): Promise<void>
  /** Drops a table with all of its points. */
  dropTable(name: string, options?: CallOptions): Promise<void>
}

/** Makes a client; contacts nobody before the first call. A wrong `url` is a TypeError. */
export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options)
  const send = <T>(call: CallOptions | undefined, request: Omit<Outgoing, 'signal'>): Promise<T> =>
    transport.json(addressed(options, call, request)) as Promise<T>
  return {
    ...writes(send),
    ...reads(options, transport, send),
    ...tables(send),
    ...databases(send),
  }
}

type Send = <T>(call: CallOptions | undefined, request: Omit<Outgoing, 'signal'>) => Promise<T>

function addressed(
  client: ClientOptions,
  call: CallOptions | undefined,
  request: Omit<Outgoing, 'signal'>,
): Outgoing {
  const db = call?.database ?? client.database
  return { ...request, parameters: { db, ...request.parameters }, signal: call?.signal }
}

function writes(send: Send): Pick<Client, 'write' | 'points' | 'import'> {
  const unit = ({ precision, partial, ack }: WriteOptions): Outgoing['parameters'] => {
    return { precision, partial, ack }
  }
  const points: Client['points'] = (input, options = {}) =>
    send(options, {
      method: 'POST',
      path: '/v1/points',
      parameters: unit(options),
      contentType: 'application/json',
      body: encodePoints(input),
    })
  return {
    points,
    write(input, options = {}) {
      if (typeof input !== 'string' && !(input instanceof Uint8Array)) return points(input, options)
      return send(options, {
        method: 'POST',
        path: '/v1/write',
        parameters: unit(options),
        contentType: 'text/plain; charset=utf-8',
        body: input,
      })
    },
    import(input, options) {
      const { table, time, tags, types, format } = options
      const declared = types && Object.entries(types).map(([name, type]) => `${name}:${type}`)
      return send(options, {
        method: 'POST',
        path: '/v1/import',
        parameters: {
          table,
          time,
          tags: tags?.join(','),
          types: declared?.join(','),
          ...unit(options),
        },
        contentType: format === 'ndjson' ? 'application/x-ndjson' : 'text/csv',
        body: input,
      })
    },
  }
}

type Reads = Pick<Client, 'query' | 'pages' | 'latest' | 'export'>

function reads(
  client: ClientOptions,
  transport: ReturnType<typeof createTransport>,
  send: Send,
): Reads {
  const query: Client['query'] = (request, call) =>
    send(call, { method: 'POST', path: '/v1/query', ...jsonBody(request) })
  return {
    query,
    async *pages(request, call) {
      let cursor: string | null | undefined = request.cursor
      do {
        const answer = await query({ ...request, cursor: cursor ?? null }, call)
        yield answer as Answer<TimeOf<typeof request>>
        cursor = answer.cursor
      } while (cursor !== null)
    },
    latest: (request, call) =>
      send(call, { method: 'GET', path: '/v1/latest', parameters: urlParameters(request) }),
    export(request, options) {
      const { format } = options
      const body = jsonBody({ ...request, format })
      return transport.stream(
        addressed(client, options, { method: 'POST', path: '/v1/export', ...body }),
      )
    },
  }
}

function jsonBody(value: object): { contentType: string; body: string } {
  const body = JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'bigint' ? member.toString() : member,
  )
  return { contentType: 'application/json', body }
}

/** Members of a request as URL parameters: lists with commas, objects as JSON text. */
function urlParameters(request: object): Record<string, string | undefined> {
  const entries = Object.entries(request).filter(
    ([, value]) => value !== undefined && value !== null,
  )
  return Object.fromEntries(entries.map(([name, value]) => [name, urlText(value)]))
}

function urlText(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.join(',')
  if (typeof value === 'object') return jsonBody(value!).body
  return String(value as string | number | bigint | boolean)
}

type Tables = Pick<
  Client,
  | 'tables'
  | 'table'
  | 'tableStats'
  | 'series'
  | 'tagKeys'
  | 'tagValues'
  | 'putTable'
  | 'dropTable'
  | 'dropColumn'
  | 'deleteRows'
>

function tables(send: Send): Tables {
  const pathOf = (table: string, rest = ''): string =>
    `/v1/tables/${encodeURIComponent(table)}${rest}`
  const get = <T>(call: CallOptions | undefined, path: string, request: object = {}): Promise<T> =>
    send<T>(call, { method: 'GET', path, parameters: urlParameters(request) })
  return {
    tables: async (call) => (await get<{ tables: TableSummary[] }>(call, '/v1/tables')).tables,
    table: (name, call) => get(call, pathOf(name), { time: call?.time }),
    tableStats: (name, call) => get(call, pathOf(name, '/stats')),
    series: (table, request, call) => get(call, pathOf(table, '/series'), request),
    tagKeys: async (table, call) =>
      (await get<{ tags: string[] }>(call, pathOf(table, '/tags'))).tags,
    tagValues: (table, key, request, call) =>
      get(call, pathOf(table, `/tags/${encodeURIComponent(key)}/values`), request),
    putTable: (name, settings = {}, call) =>
      send(call, {
        method: 'PUT',
        path: pathOf(name),
        parameters: { time: call?.time },
        ...jsonBody(settings),
      }),
    async dropTable(name, call) {
      await send(call, { method: 'DELETE', path: pathOf(name) })
    },
    async dropColumn(table, column, call) {
      const path = pathOf(table, `/columns/${encodeURIComponent(column)}`)
      await send(call, { method: 'DELETE', path })
    },
    deleteRows: (table, request, call) =>
      send(call, {
        method: 'DELETE',
        path: pathOf(table, '/rows'),
        parameters: urlParameters(request),
      }),
  }
}

function databases(send: Send): Pick<Client, 'databases' | 'createDatabase' | 'dropDatabase'> {
  const pathOf = (name: string): string => `/v1/databases/${encodeURIComponent(name)}`
  // These are about the whole server: they take no `db`.
  const parameters = { db: undefined }
  return {
    async databases(call) {
      const request = { method: 'GET', path: '/v1/databases', parameters } as const
      const found = await send<{ databases: { name: string }[] }>(call, request)
      return found.databases.map(({ name }) => name)
    },
    async createDatabase(name, call) {
      await send(call, { method: 'PUT', path: pathOf(name), parameters })
    },
    async dropDatabase(name, call) {
      await send(call, { method: 'DELETE', path: pathOf(name), parameters })
    },
  }
}
