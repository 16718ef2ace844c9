// What a command runs with: the database it changes, the limits of its run, and how queries are run.

import type { Batches } from '../batch.ts'
import type { Scope } from '../execute/scope.ts'
import type { RunContext } from '../relation.ts'
import type { SqlEngine } from '../tables/engine.ts'
import type { Named, Node } from '../tree.ts'

export interface CommandContext {
  readonly engine: SqlEngine
  readonly database: string
  readonly run: RunContext
  /** Values lie as in a vector of their type, booleans as booleans. */
  readonly parameters: readonly unknown[]
  /** What the statement answers (BoundStatement.columns): of RETURNING; null: no rows. */
  readonly columns: readonly Named[] | null
  /** Runs a query of the command, as `execute` does. */
  query(node: Node): Batches
}

/** The scope of expressions of the command itself. */
export function scopeOf({ run, parameters }: CommandContext): Scope {
  return { run, parameters, outer: [], ctes: new Map(), answers: new Map() }
}
