// What the compiler knows of a table and of an answer: from a type or a schema of the table which names
// there are, from the text of `select` how the answer's columns are called and what they hold.
// Types only; nothing here is left at run time.

import type {
  AnswerColumn,
  AnswerTime,
  ArrayOf,
  Condition,
  FieldInput,
  FieldValue,
  LatestRequest,
  QueryRequest,
  QueryStats,
  TailRequest,
  TimeInput,
} from './shapes.ts'

/** What a table has: `{ tags: { host: string }, fields: { usage: number, count: bigint } }`. */
export interface TableShape {
  tags?: object
  fields: object
}

/** A table of which nothing is known. */
export interface AnyTable {
  tags: Record<string, string>
  fields: Record<string, FieldValue>
}

/** zod, valibot, arktype …: whatever implements Standard Schema (https://standardschema.dev). */
export interface Schema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

// --- names and values of a table

type Text<T> = T & string
export type TagName<S extends TableShape> = Text<keyof NonNullable<S['tags']>>
export type FieldName<S extends TableShape> = Text<keyof S['fields']>
type Value<V> = Exclude<V, null | undefined>
type Fields<S extends TableShape> = {
  [N in FieldName<S>]: Value<S['fields'][N & keyof S['fields']]>
}

/** A point of a table, as it is written; what is left out or null is not written. */
export interface PointOf<S extends TableShape> {
  readonly time?: TimeInput | undefined
  readonly tags?: S['tags'] | undefined
  readonly fields: { readonly [N in FieldName<S>]?: Fields<S>[N] | null }
}

/** Points of one series of a table, as columns. */
export interface ColumnsOf<S extends TableShape> {
  readonly time?: ArrayOf<TimeInput> | undefined
  readonly tags?: S['tags'] | undefined
  readonly fields: {
    readonly [N in FieldName<S>]?: ArrayOf<Extract<Fields<S>[N], FieldInput> | null>
  }
}

// --- requests on a table

type Named<S extends TableShape> = TagName<S> | FieldName<S>

interface Narrowed<S extends TableShape> {
  where?: string | null | { readonly [N in Named<S>]?: Condition }
  by?: '*' | TagName<S> | readonly TagName<S>[] | null
}

type On<S extends TableShape, R> = Omit<R, 'table' | 'where' | 'by'> & Narrowed<S>
export type QueryOn<S extends TableShape> = On<S, QueryRequest>
export type LatestOn<S extends TableShape> = On<S, LatestRequest>
export type TailOn<S extends TableShape> = On<S, TailRequest>

/** Refuses what TypeScript lets pass in a generic argument: members and names that do not exist. */
export type Checked<S extends TableShape, R, Allowed> = {
  readonly [M in Exclude<keyof R, keyof Allowed>]: never
} & (R extends { select: infer Select } ? { readonly select: CheckedSelect<S, Select> } : unknown) &
  (R extends { where: infer W extends object }
    ? { readonly where: { readonly [N in Exclude<keyof W, Named<S>>]: never } }
    : unknown)

type CheckedSelect<S extends TableShape, Select> = Select extends string
  ? CheckedText<S, Select>
  : { readonly [M in keyof Select]: CheckedText<S, Select[M]> }

/** The expression itself, or a text that says which name is wrong. */
type CheckedText<S extends TableShape, E> = E extends string
  ? E extends `${string},${string},${string}`
    ? E
    : ColumnIn<E> extends infer N extends string
      ? IsField<S, N> extends true
        ? E
        : `'${N}' is no field of the table`
      : E
  : E

/** Whether a name may be a field: what is not a plain name is left to the server. */
type IsField<S extends TableShape, N extends string> = string extends N
  ? true
  : N extends FieldName<S> | '*' | ''
    ? true
    : N extends `${string}${' ' | '"' | '(' | ')' | '+' | '-' | '/' | '*' | ','}${string}`
      ? true
      : false

// --- expressions

type Trim<T extends string> = T extends
  | ` ${infer R}`
  | `\n${infer R}`
  | `${infer R} `
  | `${infer R}\n`
  ? Trim<R>
  : T
type Unquote<T extends string> = T extends `"${infer N}"` ? N : T
type Bare<E extends string> = E extends `${infer X} ${'AS' | 'as'} ${string}` ? Trim<X> : Trim<E>
type NameOf<E extends string> = E extends `${string} ${'AS' | 'as'} ${infer N}`
  ? Unquote<Trim<N>>
  : Unquote<Trim<E>>

/** The column that an expression is about: `usage` of `quantile(usage, 0.95) AS p`. */
type ColumnIn<E extends string> =
  Bare<E> extends `${string}(${infer Arguments})${infer Rest}`
    ? Trim<Rest> extends ''
      ? Unquote<Trim<Arguments extends `${infer First},${string}` ? First : Arguments>>
      : ''
    : Unquote<Bare<E>>

type Counting = 'count' | 'distinct_count'
type Floating =
  | ('mean' | 'stddev' | 'variance' | 'median' | 'quantile' | 'approx_quantile')
  | ('increase' | 'delta' | 'rate' | 'derivative' | 'integral')
  | ('time_weighted_mean' | 'moving_average')

type ValueOf<S extends TableShape, E extends string> =
  Bare<E> extends `${infer F}(${string}`
    ? Lowercase<Trim<F>> extends Counting
      ? bigint
      : Lowercase<Trim<F>> extends Floating
        ? number
        : ColumnValue<S, ColumnIn<E>>
    : ColumnValue<S, ColumnIn<E>>

type ColumnValue<S extends TableShape, N extends string> =
  N extends FieldName<S> ? Fields<S>[N] : FieldValue

type SelectOf<R> = R extends { select: infer Select } ? Select : undefined

/** The columns of the answer to a request, by name. */
export type Columns<S extends TableShape, R> =
  SelectOf<R> extends infer Select
    ? Select extends null | undefined
      ? Fields<S>
      : Select extends string
        ? Listed<S, Select extends `${string},${string}` ? string : Select>
        : Select extends readonly string[]
          ? Listed<S, Select[number]>
          : { -readonly [N in Text<keyof Select>]: ValueOf<S, Text<Select[N & keyof Select]>> }
    : never

/** A text that is not known before may name anything. */
type Listed<S extends TableShape, E extends string> = string extends E
  ? Record<string, FieldValue>
  : { [X in E as NameOf<X>]: ValueOf<S, X> }

/** The tags of a series, or of a group; null where a series lacks the key. */
export type Tags<S extends TableShape, R> = R extends {
  by: infer By extends readonly string[] | string
}
  ? string extends (By extends readonly string[] ? By[number] : By)
    ? Record<string, string | null>
    : '*' extends (By extends readonly string[] ? By[number] : By)
      ? { [K in TagName<S>]: string | null }
      : { [K in By extends readonly string[] ? By[number] : Text<By>]: string | null }
  : { [K in TagName<S>]?: string }

/** Type of the times in the answer to a request. */
export type TimeOf<R> = R extends { time: infer T }
  ? T extends 'ns'
    ? bigint
    : T extends 'rfc3339'
      ? string
      : T extends 'date'
        ? Date
        : number
  : 'time' extends keyof R
    ? AnswerTime
    : number

// --- answers

/** One point or bucket: `time`, the tags of its series, and its fields. */
export type Row<
  Fields = Record<string, FieldValue>,
  Time = number,
  Tags = Record<string, string | null>,
> = { time: Time } & (string extends keyof Fields
  ? Record<string, FieldValue | null>
  : { [N in keyof Fields]: Fields[N] | null } & Tags)

export interface AnswerSeries<Fields, Time, Tags> {
  tags: Tags
  time: Time[]
  fields: { [N in keyof Fields]: (Fields[N] | null)[] }
}

/** Columns of values, by series or group. */
export interface Answer<
  Fields = Record<string, FieldValue>,
  Time = number,
  Tags = Record<string, string | null>,
> {
  table: string
  columns: AnswerColumn[]
  series: AnswerSeries<Fields, Time, Tags>[]
  rowCount: number
  cursor: string | null
  stats: QueryStats
  /** Series by series, each in the answer's order. */
  rows(): Generator<Row<Fields, Time, Tags>, void>
}

/** The answer to a request on a table. */
export type AnswerOf<S extends TableShape, R> = Answer<Columns<S, R>, TimeOf<R>, Tags<S, R>>
export type RowOf<S extends TableShape, R> = Row<Columns<S, R>, TimeOf<R>, Tags<S, R>>

/** Points that came, or buckets that changed, whole. */
export interface TailPoints<S extends TableShape, R> {
  kind: 'points' | 'buckets'
  /** Where to go on: `lastEventId` of a later tail. */
  id: string
  series: AnswerSeries<Columns<S, R>, TimeOf<R>, Tags<S, R>>[]
  rows(): Generator<RowOf<S, R>, void>
}

/** Points were missed, because they are older than what the server keeps for readers: query them. */
export interface TailGap {
  kind: 'gap'
  id: string
  /** What the server says about it. */
  detail: Record<string, unknown>
}

export type TailEvent<S extends TableShape, R> = TailPoints<S, R> | TailGap
