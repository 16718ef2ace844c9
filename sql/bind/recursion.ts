// Expressions hold queries, queries hold expressions: where the two reach each other, so that no file
// of this folder imports one that imports it.

import type { SelectStmt, Node as Tree } from 'libpg-query'
import { partsOf } from '../syntax/location.ts'
import type { Bound, Named, Node } from '../tree.ts'
import type { Context } from './context.ts'
import type { Environment } from './scope.ts'
import type { Site } from './site.ts'

export interface Query {
  readonly node: Node
  readonly columns: readonly Named[]
  /** Where each column is written, for errors about its type. */
  readonly trees: readonly (Tree | undefined)[]
}

export interface QueryOptions {
  /** Untyped literals of the select list stay so: what is around the query decides their types. */
  readonly keepsUnknown?: boolean
}

interface Forms {
  expression(site: Site, tree: Tree): Bound
  query(context: Context, select: SelectStmt, around: Environment, options: QueryOptions): Query
}

let forms: Forms | null = null

/** Called once, by the file that knows all forms. */
export function provideForms(all: Forms): void {
  forms = all
}

/** An expression of the tree, bound where it stands. Throws SqlError with its place. */
export function bindExpression(site: Site, tree: Tree): Bound {
  return forms!.expression(site, tree)
}

/** A SELECT, VALUES or set operation. Throws SqlError with its place. */
export function bindSelectStatement(
  context: Context,
  select: SelectStmt,
  environment: Environment,
  options: QueryOptions = {},
): Query {
  return forms!.query(context, select, environment, options)
}

/** A query of the tree. Throws SqlError with its place, 0A000 for a statement that writes. */
export function bindQuery(
  context: Context,
  tree: Tree,
  environment: Environment,
  options: QueryOptions = {},
): Query {
  if (!('SelectStmt' in tree)) {
    const [kind, parts] = partsOf(tree)
    const hint = 'A statement that writes stands by itself.'
    const words = kind.replace(/Stmt$/, '').toUpperCase()
    return context.refuse(`${words} inside a query`, parts['location'] as number | undefined, hint)
  }
  return bindSelectStatement(context, tree.SelectStmt, environment, options)
}
