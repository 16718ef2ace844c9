// A bound statement: names are columns, every expression has its type, every overload is chosen and
// every cast is written. The binder makes it, lowering rewrites it, the executor runs it.

import type { AggregateFunction, CastFunction, ScalarFunction, TableFunction } from './function.ts'
import type { Relation } from './relation.ts'
import type { DataType } from './type.ts'

/** An expression over one row of a node's input. `position`: 1-based in the statement, 0 = unknown. */
export type Bound =
  | {
      readonly kind: 'constant'
      readonly type: DataType
      readonly value: unknown /* null = SQL's null */
    }
  | { readonly kind: 'parameter'; readonly type: DataType; readonly index: number /* from 0 */ }
  | { readonly kind: 'input'; readonly type: DataType; readonly index: number }
  /** A column of the row of an enclosing query: `depth` 1 is the next one out. */
  | {
      readonly kind: 'outer'
      readonly type: DataType
      readonly depth: number
      readonly index: number
    }
  | {
      readonly kind: 'call'
      readonly type: DataType
      readonly function: ScalarFunction
      readonly arguments: readonly Bound[]
      readonly position: number
    }
  | {
      readonly kind: 'cast'
      readonly type: DataType
      readonly cast: CastFunction | null /* null: the same bits */
      readonly operand: Bound
      readonly position: number
    }
  | { readonly kind: 'and' | 'or'; readonly type: DataType; readonly operands: readonly Bound[] }
  | { readonly kind: 'not'; readonly type: DataType; readonly operand: Bound }
  | {
      readonly kind: 'is'
      readonly type: DataType
      readonly operand: Bound
      readonly test: 'null' | 'true' | 'false'
      readonly negated: boolean
    }
  | {
      readonly kind: 'distinct'
      readonly type: DataType
      readonly equal: ScalarFunction
      readonly left: Bound
      readonly right: Bound
      readonly negated: boolean
    }
  | {
      readonly kind: 'case'
      readonly type: DataType
      readonly branches: readonly { readonly when: Bound; readonly result: Bound }[]
      readonly otherwise: Bound
    }
  | { readonly kind: 'coalesce'; readonly type: DataType; readonly operands: readonly Bound[] }
  | { readonly kind: 'array'; readonly type: DataType; readonly elements: readonly Bound[] }
  /** `left operator ANY | ALL (array)`; IN lists are `= ANY`, NOT IN `<> ALL`. */
  | {
      readonly kind: 'quantified'
      readonly type: DataType
      readonly quantifier: 'any' | 'all'
      readonly operator: ScalarFunction
      readonly left: Bound
      readonly array: Bound
      readonly position: number
    }
  | {
      readonly kind: 'subquery'
      readonly type: DataType
      readonly test: SubqueryTest
      readonly query: Node
      readonly isCorrelated: boolean
      readonly position: number
    }

export type SubqueryTest =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'array' }
  /** `left operator ANY | ALL (SELECT …)`. */
  | {
      readonly kind: 'quantified'
      readonly quantifier: 'any' | 'all'
      readonly operator: ScalarFunction
      readonly left: Bound
    }

export interface Named {
  readonly name: string
  readonly type: DataType
}

export interface SortKey {
  readonly expression: Bound
  readonly isDescending: boolean
  readonly nullsFirst: boolean
}

export interface AggregateCall {
  readonly function: AggregateFunction
  readonly type: DataType
  /** Over the aggregate node's input. Empty: `count(*)`. */
  readonly arguments: readonly Bound[]
  readonly isDistinct: boolean
  readonly order: readonly SortKey[]
  readonly filter: Bound | null
  readonly position: number
}

export interface WindowCall {
  /** An aggregate, or one of the functions that only windows have. */
  readonly function: AggregateFunction | { readonly window: WindowFunctionName }
  readonly type: DataType
  readonly arguments: readonly Bound[]
  readonly filter: Bound | null
  readonly partition: readonly Bound[]
  readonly order: readonly SortKey[]
  readonly frame: Frame
  readonly position: number
}

export type WindowFunctionName =
  | 'row_number'
  | 'rank'
  | 'dense_rank'
  | 'percent_rank'
  | 'cume_dist'
  | 'ntile'
  | 'lag'
  | 'lead'
  | 'first_value'
  | 'last_value'
  | 'nth_value'

export interface Frame {
  readonly unit: 'rows' | 'range' | 'groups'
  readonly start: FrameBound
  readonly end: FrameBound
  readonly exclude: 'none' | 'current' | 'group' | 'ties'
}

export type FrameBound =
  | { readonly kind: 'unboundedPreceding' | 'currentRow' | 'unboundedFollowing' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Bound }

/** Rows from rows. `columns` are its output. Expressions index the columns of `input` (of joins: left, then right). */
export type Node =
  | {
      readonly kind: 'scan'
      readonly relation: Relation
      readonly alias: string
      /** Columns that are read, ascending, but for those of a filter right above; absent: all. */
      readonly reads?: readonly number[]
      readonly columns: readonly Named[]
    }
  | {
      readonly kind: 'values'
      readonly rows: readonly (readonly Bound[])[]
      readonly columns: readonly Named[]
    }
  | {
      readonly kind: 'tableFunction'
      readonly function: TableFunction
      readonly arguments: readonly Bound[]
      readonly hasOrdinality: boolean
      readonly columns: readonly Named[]
    }
  | {
      readonly kind: 'filter'
      readonly input: Node
      readonly condition: Bound
      readonly columns: readonly Named[]
    }
  /** `instead`: has the same rows, if the engine will not answer what the input asks of it (maxBuckets). */
  | {
      readonly kind: 'project'
      readonly input: Node
      readonly expressions: readonly Bound[]
      readonly instead?: Node
      readonly columns: readonly Named[]
    }
  /**
   * Output: the groups, the aggregates, then `groupings`. No groups: one row. `sets`: indexes of
   * groups, of GROUPING SETS. `groupings`: of GROUPING(…), an int4 with a bit for each of these groups,
   * the first the highest, 1 where the row's set lacks it.
   */
  | {
      readonly kind: 'aggregate'
      readonly input: Node
      readonly groups: readonly Bound[]
      readonly sets: readonly (readonly number[])[] | null
      readonly aggregates: readonly AggregateCall[]
      readonly groupings?: readonly (readonly number[])[]
      readonly gapfill: Gapfill | null
      readonly columns: readonly Named[]
    }
  /** Output: the input's columns, then the calls. */
  | {
      readonly kind: 'window'
      readonly input: Node
      readonly calls: readonly WindowCall[]
      readonly columns: readonly Named[]
    }
  | {
      readonly kind: 'sort'
      readonly input: Node
      readonly keys: readonly SortKey[]
      readonly columns: readonly Named[]
    }
  /** Null: no limit. Expressions have no input columns. */
  | {
      readonly kind: 'limit'
      readonly input: Node
      readonly count: Bound | null
      readonly offset: Bound | null
      readonly withTies: boolean
      readonly columns: readonly Named[]
    }
  /** `on` null: all columns; else the first row of each, in the input's order. */
  | {
      readonly kind: 'distinct'
      readonly input: Node
      readonly on: readonly Bound[] | null
      readonly columns: readonly Named[]
    }
  /** `isLateral`: the right side reads the left row as `outer` of depth 1. */
  | {
      readonly kind: 'join'
      readonly join: 'inner' | 'left' | 'right' | 'full' | 'cross'
      readonly left: Node
      readonly right: Node
      readonly condition: Bound | null
      readonly isLateral: boolean
      readonly columns: readonly Named[]
    }
  | {
      readonly kind: 'set'
      readonly operation: 'union' | 'intersect' | 'except'
      readonly isAll: boolean
      readonly left: Node
      readonly right: Node
      readonly columns: readonly Named[]
    }
  /** Runs `query` once for all of its references in `input`; recursive ones read what the last round added. */
  | {
      readonly kind: 'with'
      readonly ctes: readonly Cte[]
      readonly input: Node
      readonly columns: readonly Named[]
    }
  | { readonly kind: 'cte'; readonly cte: number /* Cte.id */; readonly columns: readonly Named[] }

export interface Cte {
  /** Unique in the statement. */
  readonly id: number
  readonly name: string
  readonly query: Node
  /** The part of UNION [ALL] that refers to itself; null: not recursive. */
  readonly recursive: { readonly step: Node; readonly isAll: boolean } | null
}

/** `time_bucket_gapfill`: which group is the bucket, its range, and what fills each aggregate column. */
export interface Gapfill {
  readonly group: number
  /** Null: taken from the conditions on time, else from the rows. */
  readonly start: Bound | null
  readonly finish: Bound | null
  /** By aggregate. */
  readonly fills: readonly Fill[]
  /** The same groups without the gaps, where something else than the aggregate gives them. */
  readonly plain?: Node
}

/** How gaps of an aggregate's column are filled. Expressions read the aggregate's own row: its groups. */
export type Fill =
  | { readonly kind: 'null' }
  | {
      readonly kind: 'locf'
      /** Where a group begins with a gap. */
      readonly before: Bound | null
      /** A boolean: whether nulls are gaps too. */
      readonly ignoresNulls: Bound | null
    }
  /** Rows of a time of the bucket's type and a number, where a group begins and ends with a gap. */
  | { readonly kind: 'interpolate'; readonly before: Bound | null; readonly after: Bound | null }

/** A statement that has no rows of its own to compute, but does something. */
export type Command =
  | {
      readonly kind: 'insert'
      readonly relation: Relation
      readonly targets: readonly number[]
      readonly source: Node
      readonly conflict: Conflict
      readonly returning: readonly Bound[] | null
    }
  | {
      readonly kind: 'delete'
      readonly relation: Relation
      readonly condition: Bound | null
      readonly returning: readonly Bound[] | null
    }
  | {
      readonly kind: 'copyFrom'
      readonly relation: Relation
      readonly targets: readonly number[]
      readonly options: CopyOptions
    }
  | { readonly kind: 'copyTo'; readonly source: Node; readonly options: CopyOptions }
  | {
      readonly kind: 'createTable'
      readonly schema: string | null
      readonly name: string
      readonly columns: readonly TableColumn[]
      readonly settings: ReadonlyMap<string, string>
      readonly ifNotExists: boolean
      readonly position: number
    }
  | {
      readonly kind: 'addColumn'
      readonly relation: Relation
      readonly column: TableColumn
      readonly ifNotExists: boolean
    }
  | {
      readonly kind: 'dropColumn'
      readonly relation: Relation
      readonly name: string
      readonly ifExists: boolean
      readonly position: number
    }
  /** `ALTER TABLE … SET (name = value)`, RESET (name): null. */
  | {
      readonly kind: 'setTable'
      readonly relation: Relation
      readonly settings: ReadonlyMap<string, string | null>
    }
  /** Several of these at once, drops first, then columns that are added. */
  | {
      readonly kind: 'alterTable'
      readonly relation: Relation
      readonly changes: readonly TableChange[]
    }
  | {
      readonly kind: 'dropTable'
      readonly names: readonly { schema: string | null; name: string; position: number }[]
      readonly ifExists: boolean
    }
  | {
      readonly kind: 'createDatabase' | 'dropDatabase'
      readonly name: string
      readonly ifExists: boolean
    }
  | { readonly kind: 'truncate'; readonly relations: readonly Relation[] }
  | {
      readonly kind: 'explain'
      readonly statement: BoundStatement
      readonly analyze: boolean
      readonly format: 'text' | 'json'
    }
  | {
      readonly kind: 'set'
      readonly name: string
      readonly value: string | null /* default */
      readonly isLocal: boolean
    }
  | { readonly kind: 'show'; readonly name: string }
  | { readonly kind: 'begin'; readonly isReadOnly: boolean }
  | { readonly kind: 'commit' | 'rollback' | 'discard' | 'nothing' }
  | { readonly kind: 'savepoint' | 'release' | 'rollbackTo'; readonly name: string }
  | {
      readonly kind: 'declare'
      readonly name: string
      readonly query: Node
      readonly isHold: boolean
    }
  | {
      readonly kind: 'fetch'
      readonly name: string
      readonly count: number /* Infinity = all */
      readonly isMove: boolean
    }
  | { readonly kind: 'closeCursor' | 'deallocate'; readonly name: string | null /* all */ }
  | {
      readonly kind: 'prepare'
      readonly name: string
      readonly text: string
      readonly types: readonly DataType[]
    }
  | { readonly kind: 'execute'; readonly name: string; readonly arguments: readonly Bound[] }

/** One change of ALTER TABLE. */
export type TableChange = Extract<Command, { kind: 'addColumn' | 'dropColumn' | 'setTable' }>

export type Conflict =
  | { readonly kind: 'upsert' }
  | { readonly kind: 'nothing' }
  /** Columns of the relation that take the new value; others keep the stored one. */
  | { readonly kind: 'update'; readonly columns: readonly number[] }

export interface CopyOptions {
  readonly format: 'text' | 'csv' | 'binary'
  readonly delimiter: string
  readonly nullText: string
  readonly hasHeader: boolean
  readonly quote: string
  readonly escape: string
}

export interface TableColumn {
  readonly name: string
  readonly type: DataType
  readonly isNotNull: boolean
  readonly isPrimaryKey: boolean
  readonly position: number
}

export interface BoundStatement {
  /** Of `$1` and on, as given or inferred. */
  readonly parameters: readonly DataType[]
  readonly body: { readonly query: Node } | { readonly command: Command }
  /** What it answers; null: no rows. */
  readonly columns: readonly Named[] | null
  /** First word of the command tag: SELECT, INSERT, CREATE TABLE … */
  readonly tag: string
}
