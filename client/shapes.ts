// Names for what is sent and answered. They are the generated types of openapi.json (api.ts), but
// for what JSON Schema cannot say: which inputs become a JSON value, and that 64-bit integers and
// nanoseconds are bigints here. What follows from a request or a table's type is in typed.ts.

import type { components, operations } from './api.ts'

type Schemas = components['schemas']
type Override<T, U> = Omit<T, keyof U> & U
/** Lists in requests may be readonly. */
type Lists<T> = T extends readonly (infer E)[] ? readonly E[] : T

// --- points

export type FieldType = NonNullable<Schemas['ColumnPoints']['types']>[string]
export type Precision = NonNullable<Schemas['QueryRequest']['precision']>

/** A time: integer in `precision` units (default ms), exact bigint, RFC 3339, `now-1h`, a Date. */
export type TimeInput = number | bigint | string | Date

/** null, undefined and NaN (which JSON does not have) name nothing. A bigint is an integer. */
export type FieldInput = number | bigint | string | boolean | null | undefined

export type ArrayOf<T> = ArrayLike<T> & Iterable<T>
type TagsInput = { readonly [key: string]: string | null | undefined }

/** One point. Without `time` it is now, by the client's clock: so a repeated request is the same point. */
export interface Point {
  readonly table: string
  readonly tags?: TagsInput
  readonly time?: TimeInput | undefined
  readonly fields: { readonly [name: string]: FieldInput }
  /** Types that JavaScript cannot say: `{ n: 'unsigned' }`. */
  readonly types?: { readonly [name: string]: FieldType }
}

/** Points of one series as columns of equal length: the fast form. */
export type ColumnPoints = Omit<Point, 'time' | 'fields'> & {
  readonly time?: ArrayOf<TimeInput> | undefined
  readonly fields: { readonly [name: string]: ArrayOf<FieldInput> }
}

export type Points = Point | ColumnPoints

export type WriteAnswer = Schemas['WriteAnswer']
/** One refused line, row or member of a request; positions count from 1. */
export type RefusedInput = Schemas['ListedError']
export type Problem = Schemas['Problem']

// --- queries

/** `ms`, `s` and `us` are numbers, `ns` bigints, `rfc3339` strings, `date` Dates (to the millisecond). */
export type TimeFormat = NonNullable<Schemas['QueryRequest']['time']> | 'date'
export type AnswerTime = number | bigint | string | Date
/** Columns of type integer and unsigned are bigints. */
export type FieldValue = number | bigint | string | boolean

export type WhereOperator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'like' | 'match'
type Operand = FieldValue | null
/** What a column must be: a value, null (it has none), one of several, or `{ gt: 0.2, lte: 1 }`. */
export type Condition = Operand | readonly Operand[] | { readonly [O in WhereOperator]?: Operand }
/** `{ host: ['a', 'b'], rack: null, usage: { gt: 0.2 } }`: members and operators are ANDed. */
export type WhereObject = { readonly [column: string]: Condition }
export type Where = string | WhereObject | null

type Request = Schemas['QueryRequest']

/** What to read of which table; half-open in time. */
export type QueryRequest = Override<
  Omit<Request, 'integers'>,
  {
    start?: TimeInput | null
    end?: TimeInput | null
    origin?: TimeInput | null
    where?: Where
    select?: Lists<Exclude<Request['select'], undefined>>
    by?: Lists<Exclude<Request['by'], undefined>>
    time?: TimeFormat | null
  }
>

export type LatestRequest = Pick<
  QueryRequest,
  'table' | 'where' | 'by' | 'select' | 'start' | 'precision' | 'time'
>

/** What to follow: points as they are written, or with `every` the buckets that they change. */
export type TailRequest = Pick<QueryRequest, 'table' | 'where' | 'by' | 'select' | 'every' | 'time'>

export type AnswerColumn = Schemas['AnswerColumn']
export type QueryStats = Schemas['QueryStats']
export type ExportFormat = NonNullable<Schemas['ExportRequest']['format']>

// --- tables

/** Which points to delete: one of `start`, `end` and `where` must be given. */
export interface DeleteRequest {
  readonly start?: TimeInput
  readonly end?: TimeInput
  readonly where?: Where
  readonly precision?: Precision
  /** Only count them. */
  readonly dryRun?: boolean
}
export type DeleteAnswer = Schemas['DeleteAnswer']
export type TableSummary = Schemas['Tables']['tables'][number]
export type TableDescription<Time = AnswerTime> = Override<
  Schemas['Table'],
  { firstTime: Time | null; lastTime: Time | null }
>
export type TableSettings = Schemas['TableSettings']
export type SeriesPage = Schemas['SeriesList']
export type ValuePage = Schemas['TagValues']

type ListParameters = NonNullable<operations['series']['parameters']['query']>
export type ListRequest = Override<Omit<ListParameters, 'db'>, { where?: Where }>

/** What the flushed points of a table take on disk, by column and codec. */
export interface TableStats {
  name: string
  segments: number
  parts: number
  rows: number
  bytes: number
  columns: ColumnStats[]
}

export interface ColumnStats {
  name: string
  type: string
  codecs: CodecStats[]
}

export interface CodecStats {
  codec: string
  blocks: number
  values: number
  bytes: number
  bitsPerValue: number
}

// --- the whole server

export type Scope = 'read' | 'write' | 'admin'
export interface TokenRequest {
  readonly name: string
  /** Scopes by database; `*` = all. */
  readonly scopes: { readonly [database: string]: readonly Scope[] }
  /** Milliseconds, RFC 3339, `now+90d` or a Date; null = never. */
  readonly expiresAt?: number | string | Date | null
}

/** A token without its secret. */
export interface TokenDescription {
  id: string
  name: string
  scopes: Record<string, Scope[]>
  /** Milliseconds since 1970; null = never. */
  expiresAt: number | null
  createdAt: number
}

/** The only answer that has the secret. */
export interface NewToken extends TokenDescription {
  token: string
}

export type Health = Schemas['Health']
export type Restored = Schemas['Restored']

/** A tar archive, and the id by which a later increment names it. */
export interface Backup {
  id: string
  body: ReadableStream<Uint8Array>
}

// --- SQL

/** What `$1` and on may be; times are Dates, or milliseconds since 1970, or text. */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | readonly SqlValue[]
  /** For `json`. */
  | { readonly [name: string]: unknown }

/** A row of which nothing is known. */
export type SqlRow = Record<string, unknown>

export interface SqlColumn {
  name: string
  /** `timestamp` `float` `integer` `boolean` `string`, or PostgreSQL's name. */
  type: string
  /** Of a `timestamp`. */
  unit?: TimeFormat
}

/** The rows of a statement, and what came with them. A name that comes twice is the last one's. */
export interface SqlRows<Row> extends Array<Row> {
  columns: SqlColumn[]
  /** First words of PostgreSQL's tag: `SELECT`, `INSERT`, `CREATE TABLE`. */
  command: string
  /** Rows, or rows that a command changed. */
  rowCount: number
  stats: { elapsedMs: number }
}
