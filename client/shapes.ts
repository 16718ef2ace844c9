// Names for what is sent and answered. They are the generated types of openapi.json (api.ts), but
// for what JSON Schema cannot say: which inputs become a JSON value, and that the times of an answer
// are numbers or strings by what the request asked for.

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

/** Points of one series as columns of equal length: the fast form. Without `time` it is now. */
export type ColumnPoints = Override<
  Schemas['ColumnPoints'],
  { time?: ArrayOf<TimeInput>; fields: Record<string, ArrayOf<FieldInput>> }
>

/** One point of a table. Without `time` it is the request's arrival: a retry is then a new point. */
export type PointRow = Override<
  Schemas['RowPoints']['rows'][number],
  { time?: TimeInput; fields: Record<string, FieldInput> }
>

/** Points one by one, of any series of a table. */
export type RowPoints = Override<Schemas['RowPoints'], { rows: readonly PointRow[] }>
export type Points = ColumnPoints | RowPoints

export type WriteAnswer = Schemas['WriteAnswer']
/** One refused line, row or member of a request; positions count from 1. */
export type RefusedInput = Schemas['ListedError']
export type Problem = Schemas['Problem']

// --- queries

/** `ms`, `s` and `us` are numbers, `ns` and `rfc3339` strings. */
export type TimeFormat = NonNullable<Schemas['QueryRequest']['time']>
export type AnswerTime = Schemas['Answer']['series'][number]['time'][number]
/** Integers beyond 2^53 are digit strings (`"encoding":"string"` in the column). */
export type FieldValue = Schemas['Answer']['series'][number]['fields'][string][number]

type Scalar = FieldValue | bigint
export type WhereOperator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'like' | 'match'
/** `{ host: ['a', 'b'], rack: null, usage: { gt: 0.2 } }`: members and operators are ANDed. */
export type WhereObject = {
  readonly [column: string]: Scalar | readonly Scalar[] | { [operator in WhereOperator]?: Scalar }
}
export type Where = string | WhereObject | null

type Request = Schemas['QueryRequest']

/** What to read of which table; half-open in time. */
export type QueryRequest = Override<
  Request,
  {
    start?: TimeInput | null
    end?: TimeInput | null
    origin?: TimeInput | null
    where?: Where
    select?: Lists<Exclude<Request['select'], undefined>>
    by?: Lists<Exclude<Request['by'], undefined>>
  }
>

export type LatestRequest = Pick<
  QueryRequest,
  'table' | 'where' | 'by' | 'select' | 'start' | 'precision' | 'time' | 'integers'
>

export type AnswerColumn = Schemas['AnswerColumn']
export type QueryStats = Schemas['QueryStats']
export type AnswerSeries<T extends AnswerTime = AnswerTime> = Override<
  Schemas['Answer']['series'][number],
  { time: T[] }
>
/** Columns of values, by series or group. */
export type Answer<T extends AnswerTime = AnswerTime> = Override<
  Schemas['Answer'],
  { series: AnswerSeries<T>[] }
>

/** Type of the times in the answer to a request. */
export type TimeOf<R> = R extends { time: 'ns' | 'rfc3339' }
  ? string
  : R extends { time: 'ms' | 'us' | 's' | null | undefined }
    ? number
    : 'time' extends keyof R
      ? AnswerTime
      : number

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
export type TableDescription = Schemas['Table']
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
