// DISTINCT and DISTINCT ON, with the ORDER BY that goes along.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c, transformDistinctClause.

import type { SelectStmt, Node as Tree } from 'libpg-query'
import type { Bound, Node, SortKey } from '../tree.ts'
import { partsOf } from '../syntax/location.ts'
import type { Query } from './recursion.ts'
import { findTarget } from './select-order.ts'
import type { Site, Target } from './site.ts'
import { checkEquality } from './sort.ts'

/** What makes a projected query one of distinct rows in order; `list` may grow. */
export function bindDistinct(
  site: Site,
  { distinctClause }: SelectStmt,
  list: Target[],
  count: number,
  order: readonly SortKey[],
): (query: Query, count: number) => Query {
  const on = distinctClause?.filter((tree) => partsOf(tree)[0] !== '') ?? []
  if (distinctClause === undefined) return (query) => sort(query, order)
  if (on.length > 0) {
    const indexes = bindOn(site, on, list, count, order)
    return (query) => distinctOn(sort(query, order), indexes)
  }
  checkOrder(site, list, count, order)
  list.slice(0, count).forEach(({ bound }) => checkEquality(site.context, bound))
  return (query) => sort(distinctRows(query), order)
}

function sort(query: Query, keys: readonly SortKey[]): Query {
  if (keys.length === 0) return query
  const { node: input } = query
  return { ...query, node: { kind: 'sort', input, keys, columns: input.columns } }
}

function distinctRows(query: Query): Query {
  const { node: input } = query
  return { ...query, node: { kind: 'distinct', input, on: null, columns: input.columns } }
}

function distinctOn(query: Query, indexes: readonly number[]): Query {
  const { node: input } = query
  const on = indexes.map((index): Bound => {
    return { kind: 'input', type: input.columns[index]!.type, index }
  })
  const node: Node = { kind: 'distinct', input, on, columns: input.columns }
  return { ...query, node }
}

function checkOrder(
  { context }: Site,
  list: readonly Target[],
  count: number,
  order: readonly SortKey[],
): void {
  const hidden = list[count]
  if (hidden === undefined) return
  const key = order.find(
    ({ expression }) => expression.kind === 'input' && expression.index >= count,
  )
  const message = 'for SELECT DISTINCT, ORDER BY expressions must appear in select list'
  context.failAt('42P10', message, key?.expression ?? hidden.bound)
}

/** The ON expressions must be what the rows are first ordered by, in any order among themselves. */
function bindOn(
  site: Site,
  trees: readonly Tree[],
  list: Target[],
  count: number,
  order: readonly SortKey[],
): readonly number[] {
  const wanted = new Map(
    trees.map((tree) => [findTarget(site, tree, list, count, 'DISTINCT ON'), tree] as const),
  )
  let isSkipped = false
  const leading = new Set<number>()
  for (const { expression } of order) {
    if (expression.kind !== 'input') continue
    if (!wanted.has(expression.index)) isSkipped = true
    // Ordered by once more: the first time counts.
    else if (leading.has(expression.index)) continue
    else if (isSkipped) failOrder(site, wanted.get(expression.index)!)
    else leading.add(expression.index)
  }
  const missing = [...wanted.keys()].find((index) => !leading.has(index))
  if (missing !== undefined && isSkipped) failOrder(site, wanted.get(missing)!)
  return [...wanted.keys()]
}

function failOrder({ context }: Site, tree: Tree): never {
  const message = 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions'
  return context.fail('42P10', message, context.startOf(tree))
}
