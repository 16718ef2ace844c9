// What one binding carries along: where names and functions are looked up, the parameters' types as
// they become known, where in the text each expression stands, and how deep the statement nests.

import type { Node as Tree } from 'libpg-query'
import type { FunctionTable, Surroundings } from '../function.ts'
import type { Schema } from '../relation.ts'
import { SqlError, type SqlErrorDetails } from '../sql-error.ts'
import { leftmost } from '../syntax/location.ts'
import type { Parsed } from '../syntax/parse.ts'
import type { Bound } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'

/** Expressions and queries inside each other; each level takes several frames of the stack. */
const NESTING_MAX = 500

export interface Place {
  readonly schema: Schema
  readonly functions: FunctionTable
  readonly surroundings: Surroundings
}

/** The hint of what has none of its own. */
const LISTED = 'docs/sql.md says what there is.'

export class Context {
  readonly schema: Schema
  readonly functions: FunctionTable
  readonly surroundings: Surroundings
  readonly parameters: Parameters
  readonly #parsed: Parsed
  readonly #trees = new WeakMap<Bound, Tree>()
  #boundaries: { readonly level: number; isCrossed: boolean }[] = []
  #nesting = 0
  #ids = 0

  constructor(parsed: Parsed, types: readonly (DataType | null)[], place: Place) {
    this.#parsed = parsed
    this.schema = place.schema
    this.functions = place.functions
    this.surroundings = place.surroundings
    this.parameters = new Parameters(types, (code, text, at) => this.fail(code, text, at))
  }

  /** Throws SqlError; `location` is a tree's: bytes, undefined = the start, -1 = none. */
  fail(sqlstate: string, message: string, location?: number, details: SqlErrorDetails = {}): never {
    const position = this.#parsed.position(location)
    throw new SqlError(
      sqlstate,
      message,
      position === undefined ? details : { ...details, position },
    )
  }

  /** `fail` at the leftmost character of an expression. */
  failAt(sqlstate: string, message: string, bound: Bound, details?: SqlErrorDetails): never {
    return this.fail(sqlstate, message, this.start(bound), details)
  }

  /** Not offered, though PostgreSQL has it. */
  refuse(what: string, location: number | undefined, hint = LISTED): never {
    return this.fail('0A000', `${what} is not supported`, location, { hint })
  }

  position(location: number | undefined): number {
    return this.#parsed.position(location) ?? 0
  }

  /** Gives errors that a literal's input throws the place of the literal. */
  at<Value>(location: number | undefined, work: () => Value): Value {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof SqlError) || error.position !== undefined) throw error
      const { detail, hint } = error
      return this.fail(error.sqlstate, error.message, location, { detail, hint, cause: error })
    }
  }

  deeper<Value>(work: () => Value): Value {
    if (this.#nesting >= NESTING_MAX) {
      const hint = `At most ${NESTING_MAX} expressions and queries may stand inside each other.`
      return this.fail('54001', 'stack depth limit exceeded', -1, { hint })
    }
    this.#nesting += 1
    try {
      return work()
    } finally {
      this.#nesting -= 1
    }
  }

  /** Remembers which text an expression came from. */
  placed<Expression extends Bound>(bound: Expression, tree: Tree | undefined): Expression {
    if (tree !== undefined) this.#trees.set(bound, tree)
    return bound
  }

  treeOf(bound: Bound): Tree | undefined {
    return this.#trees.get(bound)
  }

  /** Bytes before the leftmost character of an expression; -1: unknown. */
  start(bound: Bound): number {
    const tree = this.#trees.get(bound)
    return tree === undefined ? -1 : leftmost(tree)
  }

  /** Whether `work` refers to rows of `level` or further out. */
  crossing<Value>(level: number, work: () => Value): { value: Value; isCrossed: boolean } {
    const boundary = { level, isCrossed: false }
    this.#boundaries.push(boundary)
    try {
      const value = work()
      return { value, isCrossed: boundary.isCrossed }
    } finally {
      this.#boundaries.pop()
    }
  }

  /** A row of `level` was referred to from further in. */
  refer(level: number): void {
    for (const boundary of this.#boundaries) {
      if (level <= boundary.level) boundary.isCrossed = true
    }
  }

  /** Bytes before the leftmost character of a tree. */
  startOf(tree: Tree): number {
    return leftmost(tree)
  }

  nextId(): number {
    return this.#ids++
  }
}

/** Types of `$1` and on: given, or what their first use makes of them. */
export class Parameters {
  readonly #types: (DataType | null)[]
  readonly #fail: (sqlstate: string, message: string, location: number | undefined) => never

  constructor(
    types: readonly (DataType | null)[],
    fail: (sqlstate: string, message: string, location: number | undefined) => never,
  ) {
    this.#types = [...types]
    this.#fail = fail
  }

  /** The parameter of a number from 1; `unknown` until something decides. */
  bind(number: number, location: number | undefined): Bound {
    if (number < 1 || number > 65_535) {
      this.#fail('42P02', `there is no parameter $${number}`, location)
    }
    while (this.#types.length < number) this.#types.push(null)
    const type = this.#types[number - 1] ?? typeOf('unknown')
    return { kind: 'parameter', type, index: number - 1 }
  }

  decide(index: number, type: DataType, location: number | undefined): Bound {
    const known = this.#types[index]
    if (known && known !== type) {
      const message = `inconsistent types deduced for parameter $${index + 1}`
      this.#fail('42P08', message, location)
    }
    this.#types[index] = type
    return { kind: 'parameter', type, index }
  }

  /** All of them. Throws 42P18 if one is still open. */
  finish(): readonly DataType[] {
    return this.#types.map(
      (type, index) =>
        type ?? this.#fail('42P18', `could not determine data type of parameter $${index + 1}`, -1),
    )
  }
}
