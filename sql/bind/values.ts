// VALUES: rows written out, each column of the type that its values agree on.
// Source: PostgreSQL 15, src/backend/parser/analyze.c, transformValuesClause.

import type { SelectStmt, Node as Tree } from 'libpg-query'
import type { Bound, Node } from '../tree.ts'
import { unify } from './coercion.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import { bindLimit, bindOutputOrder } from './order.ts'
import type { Query } from './recursion.ts'
import { type Environment, NO_FROM, openScope } from './scope.ts'
import { clause } from './site.ts'

export function bindValues(context: Context, select: SelectStmt, environment: Environment): Query {
  const rows = bindRows(context, select, environment)
  const width = rows[0]!.length
  const cast = rows.map((): Bound[] => [])
  for (let column = 0; column < width; column += 1) {
    const values = unify(
      context,
      rows.map((row) => row[column]!),
      'VALUES',
    )
    values.forEach((value, row) => cast[row]!.push(value))
  }
  const columns = cast[0]!.map(({ type }, index) => ({ name: `column${index + 1}`, type }))
  const node: Node = { kind: 'values', rows: cast, columns }
  const trees = rows[0]!.map((bound) => context.treeOf(bound))
  const ordered = bindOutputOrder(context, select, environment, { node, columns, trees }, 'VALUES')
  return bindLimit(context, select, environment, ordered)
}

/** The rows as they are written. Throws 42601 where one is shorter or longer than the first. */
export function bindRows(
  context: Context,
  { valuesLists = [] }: SelectStmt,
  environment: Environment,
): Bound[][] {
  // No row of its own: `VALUES` in FROM is no subquery of an expression.
  const scope = openScope(environment, NO_FROM)
  const site = { context, scope, clause: clause('VALUES'), block: null }
  return rowsOf(context, valuesLists).map((row) => row.map((one) => bindExpression(site, one)))
}

/** The trees of the rows. Throws 42601. */
export function rowsOf(context: Context, lists: readonly Tree[]): Tree[][] {
  const rows = lists.map((list) => (list as { List: { items?: Tree[] } }).List.items ?? [])
  const width = rows[0]?.length
  const odd = rows.find((row) => row.length !== width)
  if (odd !== undefined) {
    const start = odd[0] === undefined ? -1 : context.startOf(odd[0])
    context.fail('42601', 'VALUES lists must all be the same length', start)
  }
  return rows
}
