// One SELECT: FROM and WHERE, groups and HAVING, windows, the select list, DISTINCT, ORDER BY, LIMIT.
// Clauses are bound in PostgreSQL's order, so that the first error is the same.
// Source: PostgreSQL 15, src/backend/parser/analyze.c, transformSelectStmt.

import type { ResTarget, SelectStmt, Node as Tree, WindowDef } from 'libpg-query'
import type { Bound, Named, Node } from '../tree.ts'
import { SelectBlock } from './block.ts'
import { coerceToBoolean } from './coercion.ts'
import type { Context } from './context.ts'
import { bindDistinct } from './distinct.ts'
import { bindExpression } from './recursion.ts'
import { bindFrom } from './from.ts'
import { bindGroups } from './group.ts'
import { bindLimit } from './order.ts'
import { outputName } from './output-name.ts'
import type { Query } from './recursion.ts'
import { columnsOfRow } from './row-columns.ts'
import { type Environment, columnsOfStar, openScope } from './scope.ts'
import { bindSelectOrder } from './select-order.ts'
import { type Site, type Target, clause } from './site.ts'

/** A query over a FROM; untyped literals of its list are still so. */
export function bindSelect(context: Context, select: SelectStmt, environment: Environment): Query {
  const from = bindFrom(context, select.fromClause ?? [], environment)
  const scope = openScope(environment, from)
  const windows = namedWindows(context, select.windowClause ?? [])
  const block = new SelectBlock(context, from, windows)
  const site: Site = { context, scope, block, clause: clause('SELECT') }
  const targets = bindTargets(site, select.targetList ?? [])
  const where = bindCondition(site, select.whereClause, clause('WHERE'), 'WHERE')
  const having = bindCondition(site, select.havingClause, clause('HAVING', 'aggregates'), 'HAVING')
  const list = [...targets]
  const order = bindSelectOrder(site, select.sortClause ?? [], list, targets.length)
  const hasGroups = select.groupClause !== undefined
  const grouped = bindGroups(site, select, targets)
  const distinct = bindDistinct(site, select, list, targets.length, order)
  const isAggregated = hasGroups || having !== null || block.hasAggregates
  const filtered = where === null ? from.node : filter(from.node, where)
  const { node, read } = block.build(
    filtered,
    isAggregated ? grouped : null,
    having,
    list.map(({ bound }) => bound),
  )
  const query = project(node, list, read)
  const ordered = distinct(query, targets.length)
  return trim(bindLimit(context, select, environment, ordered, from), targets)
}

function namedWindows(context: Context, trees: readonly Tree[]): ReadonlyMap<string, WindowDef> {
  const named = new Map<string, WindowDef>()
  for (const tree of trees) {
    const { WindowDef: definition } = tree as { WindowDef: WindowDef }
    const { name = '', location } = definition
    if (named.has(name)) context.fail('42P20', `window "${name}" is already defined`, location)
    named.set(name, definition)
  }
  return named
}

function bindCondition(
  site: Site,
  tree: Tree | undefined,
  where: Site['clause'],
  title: string,
): Bound | null {
  if (tree === undefined) return null
  const bound = bindExpression({ ...site, clause: where }, tree)
  return coerceToBoolean(site.context, bound, title)
}

function filter(input: Node, condition: Bound): Node {
  return { kind: 'filter', input, condition, columns: input.columns }
}

/** The select list, `*` and `t.*` written out. Also of RETURNING. */
export function bindTargets(site: Site, trees: readonly Tree[]): Target[] {
  const inList = { ...site, clause: clause(site.clause.title, 'aggregates', 'windows', 'rows') }
  return trees.flatMap((tree) => bindTarget(inList, (tree as { ResTarget: ResTarget }).ResTarget))
}

function bindTarget(site: Site, { name, val }: ResTarget): Target[] {
  const columns =
    'ColumnRef' in val!
      ? columnsOfStar(site, val.ColumnRef)
      : 'A_Indirection' in val!
        ? columnsOfRow(site, val.A_Indirection)
        : null
  if (columns !== null) {
    return columns.map((column) => ({
      name: column.name,
      bound: site.context.placed({ ...column.bound }, val),
      tree: val,
    }))
  }
  const bound = bindExpression(site, val!)
  return [{ name: name ?? outputName(val!), bound, tree: val }]
}

/** The select list and what hides behind it, over the block's row. */
function project(input: Node, list: readonly Target[], read: (bound: Bound) => Bound): Query {
  const expressions = list.map(({ bound }) => read(bound))
  const columns = list.map(({ name }, index): Named => ({ name, type: expressions[index]!.type }))
  const node: Node = { kind: 'project', input, expressions, columns }
  return { node, columns, trees: list.map(({ tree }) => tree) }
}

/** Without the hidden columns. */
function trim(query: Query, targets: readonly Target[]): Query {
  const count = targets.length
  const trees = query.trees.slice(0, count)
  const { node } = query
  if (node.columns.length === count) return { ...query, columns: node.columns, trees }
  const columns = node.columns.slice(0, count)
  const expressions = columns.map(({ type }, index): Bound => ({ kind: 'input', type, index }))
  return { node: { kind: 'project', input: node, expressions, columns }, columns, trees }
}
