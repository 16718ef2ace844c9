// One key of an ORDER BY: what it sorts by, in which direction, and where nulls go.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c, addTargetToSortList.

import type { SortBy } from 'libpg-query'
import { textOf } from '../syntax/name.ts'
import type { Bound, SortKey } from '../tree.ts'
import type { DataType } from '../type.ts'
import { settle } from './coercion.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import { choose } from './overload.ts'
import type { Site } from './site.ts'

/** A key whose expression is bound where it stands: of an aggregate, or of a window. */
export function bindSortKey(site: Site, sort: SortBy): SortKey {
  const expression = settle(site.context, bindExpression(site, sort.node!))
  return makeSortKey(site.context, sort, expression)
}

/** Throws 42883 where the type has no order. */
export function makeSortKey(context: Context, sort: SortBy, expression: Bound): SortKey {
  const { sortby_dir: direction, sortby_nulls: nulls, useOp = [] } = sort
  const symbol = textOf(useOp.at(-1))
  if (direction === 'SORTBY_USING' && symbol !== '<' && symbol !== '>') {
    const message = `operator ${symbol} is not a valid ordering operator`
    context.fail('42809', message, sort.location)
  }
  if (!hasOperator(context, '<', expression.type)) {
    const message = `could not identify an ordering operator for type ${expression.type.title}`
    context.failAt('42883', message, expression)
  }
  const isDescending = direction === 'SORTBY_DESC' || symbol === '>'
  const isDefault = nulls === undefined || nulls === 'SORTBY_NULLS_DEFAULT'
  const nullsFirst = isDefault ? isDescending : nulls === 'SORTBY_NULLS_FIRST'
  return { expression, isDescending, nullsFirst }
}

/** Whether values of a type can be compared so with each other. */
export function hasOperator(context: Context, symbol: string, type: DataType): boolean {
  return choose(context, context.functions.operators(symbol), [type, type]).overload !== null
}

/** Throws 42883 at an expression whose values cannot be told apart, in GROUP BY, DISTINCT, UNION. */
export function checkEquality(context: Context, bound: Bound): void {
  if (hasOperator(context, '=', bound.type)) return
  const message = `could not identify an equality operator for type ${bound.type.title}`
  context.failAt('42883', message, bound)
}
