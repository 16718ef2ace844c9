// What may be asked of a table and what comes back: the request as users write it (the members of
// POST /v1/query), the checked `Query` that the planner takes, and the columnar answer.
// request.ts turns the first into the second.

import type { Expression, Selection } from './expression/tree.ts'

/** Unit of integer times in a request: `s`, `ms`, `us` or `ns`. */
export type Precision = 'ns' | 'us' | 'ms' | 's'

/**
 * A time as users write it: a safe integer in the request's precision, a digit string, a bigint,
 * RFC 3339, a date, `now`, `now-1h`, `-1h`.
 */
export type TimeInput = number | bigint | string

/** `{"host":["a","b"],"rack":null,"usage":{"gt":0.2}}`: members and operators are ANDed. */
export type WhereObject = { readonly [column: string]: WhereValue }
export type WhereScalar = string | number | bigint | boolean | null
export type WhereValue =
  | WhereScalar
  | readonly WhereScalar[]
  | { readonly [operator in WhereOperator]?: WhereScalar }
export type WhereOperator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'like' | 'match'

export interface FillObject {
  readonly kind: 'none' | 'null' | 'previous' | 'linear' | number | null
  readonly maxGap?: string | null
  readonly lookback?: string | null
}

/** The members of POST /v1/query. A member that is null counts as absent, but `fill`. */
export interface QueryRequest {
  readonly table: string
  readonly start?: TimeInput | null
  readonly end?: TimeInput | null
  readonly where?: string | WhereObject | null
  readonly select?: string | readonly string[] | { readonly [name: string]: string } | null
  readonly by?: string | readonly string[] | null
  readonly every?: string | null
  readonly origin?: TimeInput | null
  readonly tz?: string | null
  readonly fill?: string | number | null | FillObject
  readonly order?: 'asc' | 'desc' | null
  readonly limit?: number | null
  readonly cursor?: string | null
  readonly precision?: Precision | null
  readonly points?: number | null
  readonly method?: SamplingMethod | null
}

/** How points for a chart are chosen (assembly/sampling.ts). */
export type SamplingMethod = 'lttb' | 'm4' | 'minmax'

export interface Sampling {
  /** Most points of a series. */
  readonly points: number
  readonly method: SamplingMethod
}

/** The members of GET /v1/latest. */
export interface LatestRequest {
  readonly table: string
  readonly where?: string | WhereObject | null
  readonly by?: string | readonly string[] | null
  readonly select?: string | readonly string[] | { readonly [name: string]: string } | null
  readonly start?: TimeInput | null
  readonly precision?: Precision | null
}

export type DurationUnit = 'ns' | 'us' | 'ms' | 's' | 'm' | 'h' | 'd' | 'w' | 'mo' | 'y'

/** A length of time: `count` of `unit`, more than zero. */
export interface Duration {
  readonly count: bigint
  readonly unit: DurationUnit
  /** Nanoseconds (a day has 24 hours, a week 7 days); null for `mo` and `y`, which have no fixed length. */
  readonly width: bigint | null
  /** Calendar months; 0 for all other units. */
  readonly months: bigint
}

export interface Fill {
  readonly kind: 'null' | 'previous' | 'linear' | 'value'
  /** Of kind `value`. */
  readonly value: number
  /** Nanoseconds that `previous` and `linear` may bridge, from bucket start to bucket start; null = any. */
  readonly maxGap: bigint | null
  /** Nanoseconds before `start` whose points `previous` and `linear` may use; 0 = none. */
  readonly lookback: bigint
}

export interface QueryLimits {
  /** Points that one query may scan. */
  readonly maxPoints: number
  /** Buckets × groups that one answer may have, filled ones included. */
  readonly maxBuckets: number
  /** Bytes that it may hold, its answer included. */
  readonly queryBytes: number
  readonly timeoutMs: number
}

/** The last row of the page before. The next page starts after it, in the answer's order. */
export interface Cursor {
  /** `now` of the first page. */
  readonly now: bigint
  /** Time of that row (of an aggregate: the name of its bucket). */
  readonly time: bigint
  /** Tags of its series or group, absent ones left out, sorted by key bytes. */
  readonly tags: readonly (readonly [string, string])[]
}

/** A checked request, times absolute. Names are not resolved yet: that is the planner's. */
export interface Query {
  /** `latest`: the newest point of each series or `by` group, with a value in any selected field. */
  readonly kind: 'range' | 'latest'
  readonly database: string
  readonly table: string
  /** Nanoseconds, inclusive; null = unbounded. start ≥ end is an empty range, not an error. */
  readonly start: bigint | null
  /** Nanoseconds, exclusive; null = unbounded. */
  readonly end: bigint | null
  readonly now: bigint
  readonly where: Expression | null
  /** null = all fields, by name. Empty only with `keepsEmpty`. */
  readonly select: readonly Selection[] | null
  /** Of raw points: also those without a value in any selected field. Absent: they are left out. */
  readonly keepsEmpty?: boolean
  /** `*` = every tag of the table. Empty and absent are null. */
  readonly by: readonly string[] | '*' | null
  readonly every: Duration | null
  /** Start of some bucket: what was asked for, else the epoch, or Monday 1970-01-05 for weeks. */
  readonly origin: bigint
  /** Whose clock buckets of days and longer follow; `UTC` of shorter ones and without buckets. */
  readonly timeZone: string
  /** null = `none`. Only with `every`. */
  readonly fill: Fill | null
  /** Of raw points; null: all of them. */
  readonly sampling: Sampling | null
  readonly order: 'asc' | 'desc'
  /** Rows of the answer; Infinity for exports without one. */
  readonly limit: number
  readonly cursor: Cursor | null
  readonly limits: QueryLimits
}

export type ValueType = 'float' | 'integer' | 'unsigned' | 'boolean' | 'string'

export interface AnswerColumn {
  readonly name: string
  readonly type: 'timestamp' | ValueType
}

/** Values of one column of one series. The value behind an invalid row is unspecified. */
export interface Vector {
  readonly values: Float64Array | BigInt64Array | BigUint64Array | Uint8Array | string[]
  /** 1 = has a value; null = all have. */
  readonly valid: Uint8Array | null
}

/** One series of a raw answer, or one group of an aggregate. */
export interface AnswerSeries {
  /** In byte order of the keys; null where an aggregate's group lacks the key. */
  readonly tags: Map<string, string | null>
  /** Nanoseconds, in the request's order. */
  readonly time: BigInt64Array
  /** In the order of `columns.slice(1)`. */
  readonly fields: Vector[]
}

export interface Answer {
  readonly table: string
  /** The first is `time`. */
  readonly columns: AnswerColumn[]
  /** In `compareTags` order (tags.ts), none without rows. */
  readonly series: AnswerSeries[]
  readonly rowCount: number
  /** Send it with the same request for the next page; null = there is none. */
  readonly cursor: string | null
  readonly stats: QueryStats
}

/** A time that the model of a part's times was asked for: rows of the part. */
export interface IndexSeek {
  readonly predicted: number
  /** How far from there the row may be. */
  readonly bound: number
  readonly found: number
}

/** What the learned index did for this query. */
export interface QueryStats {
  elapsedMs: number
  series: number
  blocks: number
  blocksSkipped: number
  blocksFromSummary: number
  blocksDecoded: number
  bytesRead: number
  index: {
    pieces: number
    maxError: number
    /** The first of the rows that models were asked for. */
    seeks?: readonly IndexSeek[]
  }
  /** The rollup that answered where it could; null = points answered. */
  rollup: string | null
}
