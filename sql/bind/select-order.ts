// ORDER BY of a SELECT: a bare name is a column of the output, a number its ordinal, all else an
// expression over the input, which hides behind the select list unless it is in it.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c, findTargetlistEntrySQL92.

import type { SortBy, Node as Tree } from 'libpg-query'
import type { SortKey } from '../tree.ts'
import { settle } from './coercion.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import { bareName, ordinalOf } from './order.ts'
import { type Site, type Target, clause } from './site.ts'
import { makeSortKey } from './sort.ts'
import { keyOf } from './tree-map.ts'

/** Keys over the list; `list` grows by what is not in it. `count`: how many of it are the output. */
export function bindSelectOrder(
  site: Site,
  trees: readonly Tree[],
  list: Target[],
  count: number,
): readonly SortKey[] {
  return trees.map((tree) => {
    const sort = (tree as { SortBy: SortBy }).SortBy
    const index = findTarget(site, sort.node!, list, count, 'ORDER BY')
    const { bound } = list[index]!
    const settled = settleTarget(site.context, list, index)
    const place = { kind: 'input', type: settled, index } as const
    const key = site.context.placed({ ...place }, sort.node ?? site.context.treeOf(bound))
    return makeSortKey(site.context, sort, key)
  })
}

/** An untyped literal that is sorted by is text. */
function settleTarget(context: Context, list: Target[], index: number) {
  const target = list[index]!
  const bound = settle(context, target.bound)
  if (bound !== target.bound) list[index] = { ...target, bound }
  return bound.type
}

/** The place in the list of what an item of ORDER BY or DISTINCT ON means. */
export function findTarget(
  site: Site,
  tree: Tree,
  list: Target[],
  count: number,
  title: string,
): number {
  const { context } = site
  const bare = bareName(tree)
  if (bare !== null) {
    const index = findName(context, list.slice(0, count), bare, title)
    if (index !== null) return index
  }
  const ordinal = ordinalOf(context, tree, title, count)
  if (ordinal !== null) return ordinal
  const inOrder = { ...site, clause: clause(title, 'aggregates', 'windows', 'rows') }
  const bound = bindExpression(inOrder, tree)
  const key = keyOf(bound)
  const known = list.findIndex((target) => keyOf(target.bound) === key)
  return known >= 0 ? known : list.push({ name: '?column?', bound, tree }) - 1
}

/** Several columns of one name are fine if they are the same expression. Throws 42702 otherwise. */
function findName(
  context: Context,
  targets: readonly Target[],
  { name, location }: { name: string; location: number | undefined },
  title: string,
): number | null {
  const exact = targets.flatMap((target, index) => (target.name === name ? [index] : []))
  const [first] = exact
  if (first === undefined) return null
  const key = keyOf(targets[first]!.bound)
  if (exact.some((index) => keyOf(targets[index]!.bound) !== key)) {
    context.fail('42702', `${title} "${name}" is ambiguous`, location)
  }
  return first
}
