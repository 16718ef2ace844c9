// The calls about one table. A table that is typed (`db.table<Cpu>('cpu')`, `db.table('cpu', schema)`)
// refuses wrong names when it is compiled; a schema also checks each point before it is sent.

import type { Core } from './administration.ts'
import type { Client, ExportOptions, WriteOptions } from './client.ts'
import { TABLE_CALLS, deferred } from './deferred.ts'
import { checkPoint } from './schema.ts'
import type {
  DeleteAnswer,
  DeleteRequest,
  ListRequest,
  Points,
  SeriesPage,
  TableDescription,
  TableSettings,
  TableStats,
  TimeFormat,
  ValuePage,
  WriteAnswer,
} from './shapes.ts'
import type { CallOptions } from './transport.ts'
import type {
  AnswerOf,
  AnyTable,
  Checked,
  ColumnsOf,
  LatestOn,
  PointOf,
  QueryOn,
  RowOf,
  Schema,
  TableShape,
  TagName,
  FieldName,
  TailEvent,
  TailOn,
} from './typed.ts'
import type { TailOptions } from './tail.ts'
import type { Writer, WriterOptions } from './writer.ts'

export interface DescribeOptions<T extends TimeFormat = 'ms'> extends CallOptions {
  /** How `firstTime` and `lastTime` come; default `ms`. */
  time?: T
}

type Described<T extends TimeFormat> = Promise<
  TableDescription<
    T extends 'ns' ? bigint : T extends 'rfc3339' ? string : T extends 'date' ? Date : number
  >
>

/** One table; it need not exist before the first write. */
export interface Table<S extends TableShape> {
  readonly name: string
  write(
    points: PointOf<S> | ColumnsOf<S> | readonly (PointOf<S> | ColumnsOf<S>)[],
    options?: WriteOptions,
  ): Promise<WriteAnswer>
  writer(options?: WriterOptions<PointOf<S> | ColumnsOf<S>>): Writer<PointOf<S> | ColumnsOf<S>>
  query<const R extends QueryOn<S>>(
    request?: R & Checked<S, R, QueryOn<S>>,
    options?: CallOptions,
  ): Promise<AnswerOf<S, R>>
  pages<const R extends QueryOn<S>>(
    request?: R & Checked<S, R, QueryOn<S>>,
    options?: CallOptions,
  ): AsyncGenerator<AnswerOf<S, R>, void>
  latest<const R extends LatestOn<S>>(
    request?: R & Checked<S, R, LatestOn<S>>,
    options?: CallOptions,
  ): Promise<AnswerOf<S, R>>
  rows<const R extends QueryOn<S>>(
    request?: R & Checked<S, R, QueryOn<S>>,
    options?: CallOptions,
  ): AsyncGenerator<RowOf<S, R>, void>
  export<const R extends QueryOn<S>>(
    request: R & Checked<S, R, QueryOn<S>>,
    options: ExportOptions,
  ): Promise<ReadableStream<Uint8Array>>
  tail<const R extends TailOn<S>>(
    request?: R & Checked<S, R, TailOn<S>>,
    options?: TailOptions,
  ): AsyncGenerator<TailEvent<S, R>, void>
  /** Tags, fields and their types, settings, how much there is and from when to when. */
  describe<T extends TimeFormat = 'ms'>(options?: DescribeOptions<T>): Described<T>
  stats(options?: CallOptions): Promise<TableStats>
  /** Makes the table, or sets what `settings` name: retention, rollups, tags, fields. */
  set<T extends TimeFormat = 'ms'>(
    settings?: TableSettings,
    options?: DescribeOptions<T>,
  ): Described<T>
  /** One page of the series; `cursor` leads to the next. */
  series(request?: ListRequest, options?: CallOptions): Promise<SeriesPage>
  tags(options?: CallOptions): Promise<string[]>
  tagValues(key: TagName<S>, request?: ListRequest, options?: CallOptions): Promise<ValuePage>
  /**
   * Deletes the points in [`start`, `end`) that meet `where`, one of which must be given; durable when
   * it resolves. With `dryRun` it only counts them.
   */
  deleteRows(request: DeleteRequest, options?: CallOptions): Promise<DeleteAnswer>
  /** Drops a field with its values, which frees its name and type. */
  dropColumn(column: FieldName<S>, options?: CallOptions): Promise<void>
  /** Drops the table with all of its points. */
  drop(options?: CallOptions): Promise<void>
}

/** A table of a client. */
export function createTable<S extends TableShape>(
  client: Client,
  core: Core,
  name: string,
  schema: Schema<S> | undefined,
): Table<S> {
  const point = (given: object): Points => ({ ...checkPoint(schema, given), table: name }) as Points
  const table = {
    ...asking(client, name),
    name,
    write: async (points: object, options?: WriteOptions) =>
      client.write(Array.isArray(points) ? points.map(point) : point(points), options),
    writer: (options?: WriterOptions<object>) => client.writer(options, point),
    ...deferred(TABLE_CALLS, ({ tableCalls }) => tableCalls(core, name)),
  } satisfies Omit<Table<AnyTable>, Asking> & object
  return table as unknown as Table<S>
}

type Asking = 'query' | 'pages' | 'latest' | 'rows' | 'export' | 'tail'
type Ask = (request?: object, options?: never) => never

/** Calls that take a request with a table. */
function asking(client: Client, table: string): Record<string, Ask> {
  const of = (kind: Asking): [Asking, Ask] => {
    const ask = client[kind] as Ask
    return [kind, (request, options) => ask({ ...request, table }, options)]
  }
  return Object.fromEntries(
    (['query', 'pages', 'latest', 'rows', 'export', 'tail'] as const).map(of),
  )
}
