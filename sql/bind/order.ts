// ORDER BY of queries that have only their output to sort by (set operations, VALUES), and LIMIT.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c.

import type { A_Const, ColumnRef, SelectStmt, SortBy, Node as Tree } from 'libpg-query'
import { textOf } from '../syntax/name.ts'
import type { Bound, Node, SortKey } from '../tree.ts'
import { typeOf } from '../type.ts'
import { coerceFor } from './coercion.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import type { Query } from './recursion.ts'
import { type Environment, type FromItem, NO_FROM, type Scope, openScope } from './scope.ts'
import { clause } from './site.ts'
import { makeSortKey } from './sort.ts'
import { mapBound } from './tree-map.ts'

/** The name that a bare column reference is, or null. */
export function bareName(tree: Tree): { name: string; location: number | undefined } | null {
  if (!('ColumnRef' in tree)) return null
  const { fields = [], location }: ColumnRef = tree.ColumnRef
  const [field, ...rest] = fields
  if (rest.length > 0 || field === undefined || 'A_Star' in field) return null
  return { name: textOf(field), location }
}

/** The ordinal that a constant is, or null. Throws 42601 for another constant, 42P10 out of range. */
export function ordinalOf(
  context: Context,
  tree: Tree,
  clauseName: string,
  count: number,
): number | null {
  const constant = (tree as { A_Const?: A_Const }).A_Const
  if (constant === undefined) return null
  if (constant.ival === undefined) {
    const message = `non-integer constant in ${clauseName}`
    return context.fail('42601', message, constant.location)
  }
  const ordinal = constant.ival.ival ?? 0
  if (ordinal >= 1 && ordinal <= count) return ordinal - 1
  const message = `${clauseName} position ${ordinal} is not in select list`
  return context.fail('42P10', message, constant.location)
}

/** ORDER BY names or ordinals of the output. Throws 0A000 for expressions. */
export function bindOutputOrder(
  context: Context,
  { sortClause = [] }: SelectStmt,
  environment: Environment,
  query: Query,
  title: string,
): Query {
  if (sortClause.length === 0) return query
  const { columns } = query
  const keys = sortClause.map((one): SortKey => {
    const sort = (one as { SortBy: SortBy }).SortBy
    const index = outputIndex(context, sort.node!, query, environment, title)
    const bound: Bound = { kind: 'input', type: columns[index]!.type, index }
    return makeSortKey(context, sort, context.placed(bound, sort.node))
  })
  return { ...query, node: { kind: 'sort', input: query.node, keys, columns } }
}

function outputIndex(
  context: Context,
  tree: Tree,
  { columns }: Query,
  environment: Environment,
  title: string,
): number {
  const ordinal = ordinalOf(context, tree, 'ORDER BY', columns.length)
  if (ordinal !== null) return ordinal
  const bare = bareName(tree)
  const name = bare?.name
  const matches = columns.flatMap((column, index) => (column.name === name ? [index] : []))
  if (matches.length > 1) {
    context.fail('42702', `ORDER BY "${name}" is ambiguous`, bare?.location)
  }
  if (matches.length === 1) return matches[0]!
  const item = {
    node: NO_FROM.node,
    entries: [],
    visible: columns.map((column, index) => ({
      name: column.name,
      bound: { kind: 'input', type: column.type, index } as const,
    })),
  }
  const scope = openScope(environment, item)
  bindExpression({ context, scope, clause: clause('ORDER BY'), block: null }, tree)
  const message = `invalid ${title} ORDER BY clause`
  const detail = 'Only result column names can be used, not expressions or functions.'
  const hint = `Add the expression to every SELECT, or move the ${title} into a FROM clause.`
  return context.fail('0A000', message, context.startOf(tree), { detail, hint })
}

/** LIMIT, OFFSET, FETCH FIRST … WITH TIES. Throws 42P10 where they read a column, 42804. */
export function bindLimit(
  context: Context,
  { limitCount, limitOffset, limitOption, sortClause = [] }: SelectStmt,
  environment: Environment,
  query: Query,
  from: FromItem = NO_FROM,
): Query {
  if (limitCount === undefined && limitOffset === undefined) return query
  const scope = openScope(environment, from)
  const offset = limitOffset && bindCount(context, limitOffset, scope, 'OFFSET')
  const count = limitCount && bindCount(context, limitCount, scope, 'LIMIT')
  const withTies = limitOption === 'LIMIT_OPTION_WITH_TIES'
  if (withTies && sortClause.length === 0) {
    context.fail('42601', 'WITH TIES cannot be specified without ORDER BY clause', -1)
  }
  const { node: input, columns } = query
  const isAll = count === undefined || (count.kind === 'constant' && count.value === null)
  const node: Node = {
    kind: 'limit',
    input,
    count: isAll ? null : count,
    offset: offset ?? null,
    withTies,
    columns: input.columns,
  }
  return { ...query, node, columns }
}

function bindCount(context: Context, tree: Tree, scope: Scope, title: string): Bound {
  const site = { context, scope, clause: clause(title), block: null }
  const count = coerceFor(context, bindExpression(site, tree), typeOf('int8'), title)
  mapBound(count, (one, depth) => {
    if (one.kind !== 'input' || depth > 0) return null
    return context.failAt('42P10', `argument of ${title} must not contain variables`, one)
  })
  return foldCount(count)
}

/** `LIMIT 5`, whose 5 is an int4, as the constant it is. */
function foldCount(count: Bound): Bound {
  if (count.kind !== 'cast' || count.operand.kind !== 'constant') return count
  const { value } = count.operand
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return count
  return { kind: 'constant', type: count.type, value: BigInt(value) }
}
