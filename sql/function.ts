// What functions, operators, casts and aggregates are to the binder and to the executor: a name, the
// types they take, and code over vectors. The tables of them are in functions/.

import type { SqlVector } from './batch.ts'
import type { CatalogSnapshot } from './catalogs/snapshot.ts'
import type { DataType } from './type.ts'
import type { NameOf } from './value-text.ts'

/** What evaluation may ask of the session it runs in. */
export interface Surroundings {
  /** Nanoseconds; the same for the whole statement, as `now()` is. */
  readonly now: bigint
  /** IANA name. */
  readonly timeZone: string
  readonly database: string
  readonly user: string
  /** A run-time parameter, as SHOW has it; null if there is none. */
  setting(name: string): string | null
  /**
   * Asks for a rest of so many milliseconds, then until a time (milliseconds since 1970), before the
   * rows go on. Absent where nothing can wait.
   */
  readonly sleep?: ((milliseconds: number, until?: number) => void) | undefined
  /** What functions of the catalogs look in; absent where there is no database. */
  readonly catalog?: CatalogSnapshot | undefined
  /** What types like regclass print, by `catalog`. */
  readonly nameOf?: NameOf | undefined
}

/**
 * Evaluates `rowCount` rows. A vector of one row stands for a constant where `isConstant[i]` is true.
 * Of strict functions the executor has made rows with a null argument null before and masks them
 * afterwards, so they may be computed or not, but must not throw: `valid` says which rows count.
 */
export type Evaluate = (
  arguments_: readonly SqlVector[],
  rowCount: number,
  valid: Uint8Array | null,
  surroundings: Surroundings,
) => SqlVector

/** As `Evaluate`, for functions of more than one list of types. */
export type EvaluateCall = (...given: [...Parameters<Evaluate>, types: CallTypes]) => SqlVector

/** Types of one call: what polymorphic ones stand for there. */
export interface CallTypes {
  readonly arguments: readonly DataType[]
  readonly result: DataType
}

export interface ScalarFunction {
  /** In lower case, as `pg_proc` has it; of operators the symbol: `+`, `~~`. */
  readonly name: string
  /**
   * `any` takes every type; `anyelement` and `anyarray` of a list agree exactly, `anycompatible` and
   * `anycompatiblearray` after casts to their common type, as in PostgreSQL.
   */
  readonly arguments: readonly DataType[]
  /** Whether the last argument may come any number of times. */
  readonly isVariadic: boolean
  /** A function of the arguments' types for polymorphic ones. */
  readonly result: DataType | ((given: readonly DataType[]) => DataType)
  /** Null if any argument is null. */
  readonly isStrict: boolean
  /** `immutable` folds with constants, `stable` within a statement, `volatile` never. */
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly evaluate: EvaluateCall
}

/** State of one aggregate over all groups: groups are dense numbers from 0. */
export interface Accumulator {
  /** Row i of the arguments belongs to `groups[i]`; rows with `wanted[i]` 0 are left out (FILTER). */
  add(
    arguments_: readonly SqlVector[],
    groups: Uint32Array,
    rowCount: number,
    wanted: Uint8Array | null,
  ): void
  /** Bytes that it holds, about. */
  readonly bytes: number
  /** The results of groups 0 to count. */
  finish(count: number): SqlVector
}

export interface AggregateFunction {
  readonly name: string
  readonly arguments: readonly DataType[]
  readonly isVariadic: boolean
  readonly result: DataType | ((given: readonly DataType[]) => DataType)
  /** Written `WITHIN GROUP (ORDER BY x)`: the ordered argument is the last of `arguments`. */
  readonly isOrderedSet: boolean
  /** `constants` are the arguments that are constant, by position (a quantile's fraction), else null. */
  accumulate(given: readonly DataType[], constants: readonly unknown[]): Accumulator
}

/** A function that returns rows: generate_series, unnest. */
export interface TableFunction {
  readonly name: string
  readonly arguments: readonly DataType[]
  readonly isVariadic: boolean
  readonly columns: (given: readonly DataType[]) => readonly { name: string; type: DataType }[]
  /** One row of arguments (null = SQL's null) → its rows, in bounded pieces. */
  rows(arguments_: readonly unknown[], surroundings: Surroundings): Iterable<readonly unknown[]>
}

export interface CastFunction {
  readonly source: DataType
  readonly target: DataType
  /** Where it is taken without being written: everywhere, in assignments, never. */
  readonly context: 'implicit' | 'assignment' | 'explicit'
  readonly evaluate: Evaluate
}

/** What the binder looks names up in. */
export interface FunctionTable {
  /**
   * All overloads; empty = there is no such function. Forms without a name in SQL are calls too:
   * `greatest`, `least`, `array_subscript(array, int4)`, `array_slice(array, int4, int4)` (null = to the
   * end), `timezone`, `extract`, `like_escape`, `similar_to_escape`, `current_user`, and modifiers by
   * the type's name with its `atttypmod`: `numeric(numeric, int4)`, `varchar(varchar, int4, bool)`.
   */
  scalars(name: string): readonly ScalarFunction[]
  aggregates(name: string): readonly AggregateFunction[]
  tables(name: string): readonly TableFunction[]
  /** Of an infix or prefix symbol. */
  operators(symbol: string): readonly ScalarFunction[]
  /** Text to every type and back go through its input and output. */
  cast(source: DataType, target: DataType): CastFunction | null
}
