// FROM: tables, queries and functions with their aliases, put together by joins. Its row is the columns
// of its items from left to right.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c, transformFromClauseItem.

import type { JoinExpr, RangeFunction, RangeSubselect, RangeVar, Node as Tree } from 'libpg-query'
import type { Relation } from '../relation.ts'
import { partsOf } from '../syntax/location.ts'
import { textsOf } from '../syntax/name.ts'
import type { Bound, Named, Node } from '../tree.ts'
import { typeOf } from '../type.ts'
import { coerceToBoolean, unify } from './coercion.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import { bindFunctionItem } from './from-function.ts'
import { bindOperator } from './operator.ts'
import { bindQuery } from './recursion.ts'
import { findRelation } from './relation-name.ts'
import {
  type Environment,
  type FromItem,
  NO_FROM,
  type Scope,
  type VisibleColumn,
  named,
  openScope,
} from './scope.ts'
import { clause } from './site.ts'
import { shiftInputs } from './tree-map.ts'

/** Where a FROM item stands: rows to its left that LATERAL ones may read. */
export interface Place {
  readonly context: Context
  readonly environment: Environment
  readonly lefts: readonly Scope[]
}

export function bindFrom(
  context: Context,
  trees: readonly Tree[],
  environment: Environment,
): FromItem {
  const [first, ...rest] = trees
  if (first === undefined) return NO_FROM
  const place: Place = { context, environment, lefts: [] }
  return rest.reduce<FromItem>(
    (left, tree) => joinItems(place, left, tree, { join: 'cross' }),
    bindItem(place, first),
  )
}

function bindItem(place: Place, tree: Tree): FromItem {
  const { context } = place
  return context.deeper(() => {
    if ('RangeVar' in tree) return bindTable(place, tree.RangeVar)
    if ('RangeSubselect' in tree) return bindSubselect(place, tree.RangeSubselect)
    if ('RangeFunction' in tree) {
      return bindFunctionItem(lateral(place), context, tree.RangeFunction)
    }
    if ('JoinExpr' in tree) return bindJoin(place, tree.JoinExpr)
    const [kind, parts] = partsOf(tree)
    return context.refuse(`${kind} in FROM`, parts['location'] as number | undefined)
  })
}

/** What a LATERAL item stands in, and what another one does: the rows are there, but not for it. */
function lateral({ environment, lefts }: Place): Environment {
  return { ...environment, parent: lefts.at(-1) ?? environment.parent }
}

function apart(place: Place): Environment {
  const { environment, lefts } = place
  return { ...lateral(place), hidden: new Set([...environment.hidden, ...lefts]) }
}

function bindTable({ context, environment }: Place, table: RangeVar): FromItem {
  const { relname, schemaname, alias } = table
  const location = table.location ?? 0
  const cte = schemaname === undefined ? environment.ctes.get(relname!) : undefined
  if (cte !== undefined) {
    cte.refer(location)
    const node: Node = { kind: 'cte', cte: cte.id, columns: cte.columns }
    return named(context, node, alias, { name: relname!, schema: null, location })
  }
  const relation = findRelation(context, table)
  const name = alias?.aliasname ?? relname!
  const columns = relation.columns.map((column): Named => ({
    name: column.name,
    type: column.type,
  }))
  const node: Node = { kind: 'scan', relation, alias: name, columns }
  const schema = alias === undefined ? relation.schema : null
  const system = [{ name: 'tableoid', bound: tableOid(relation) }]
  return named(context, node, alias, { name: relname!, schema, location, system })
}

/** Null where an outer join has no row: that is seen by a column that is never null otherwise. */
function tableOid({ oid, columns }: Relation): Bound {
  const type = typeOf('oid')
  const constant: Bound = { kind: 'constant', type, value: oid }
  const index = columns.findIndex(({ isNullable }) => !isNullable)
  if (index === -1) return constant
  const operand: Bound = { kind: 'input', type: columns[index]!.type, index }
  const when: Bound = { kind: 'is', type: typeOf('bool'), operand, test: 'null', negated: true }
  const otherwise: Bound = { kind: 'constant', type, value: null }
  return { kind: 'case', type, branches: [{ when, result: constant }], otherwise }
}

function bindSubselect(place: Place, { lateral: isLateral, subquery, alias }: RangeSubselect) {
  const { context } = place
  const { node } = bindQuery(context, subquery!, isLateral === true ? lateral(place) : apart(place))
  return named(context, node, alias, { name: '', schema: null, location: -1 })
}

function bindJoin(place: Place, join: JoinExpr): FromItem {
  const { context } = place
  const left = bindItem(place, join.larg!)
  const joined = joinItems(place, left, join.rarg!, {
    join: KINDS[join.jointype ?? ''],
    tree: join,
  })
  if (join.alias === undefined) return joined
  const { aliasname = '', colnames = [] } = join.alias
  const names = textsOf(colnames)
  if (names.length > joined.visible.length) {
    const message = `column alias list for "${aliasname}" has too many entries`
    context.fail('42601', message, -1)
  }
  const columns = joined.visible.map((column, index) => ({
    ...column,
    name: names[index] ?? column.name,
  }))
  const entry = { name: aliasname, schema: null, location: -1, columns }
  return { node: joined.node, entries: [entry], visible: columns }
}

type JoinKind = Extract<Node, { kind: 'join' }>['join']

const KINDS: Readonly<Record<string, JoinKind>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
}

interface How {
  readonly join: JoinKind | undefined
  readonly tree?: JoinExpr
}

function joinItems(place: Place, left: FromItem, rightTree: Tree, how: How): FromItem {
  const { context } = place
  const { join = 'inner', tree } = how
  const isLateral = join !== 'right' && join !== 'full' && readsLeft(rightTree)
  const scope = openScope(lateral(place), left)
  const lefts = isLateral ? [...place.lefts, scope] : place.lefts
  const right = shift(bindItem({ ...place, lefts }, rightTree), left.node.columns.length)
  checkNames(context, left, right)
  const columns = [...left.node.columns, ...right.node.columns]
  const entries = [...left.entries, ...right.entries]
  const both: FromItem = {
    node: {
      kind: 'join',
      join,
      left: left.node,
      right: right.node,
      condition: null,
      isLateral,
      columns,
    },
    entries,
    visible: [...left.visible, ...right.visible],
  }
  if (tree === undefined) return both
  const using = tree.isNatural === true ? commonNames(left, right) : textsOf(tree.usingClause ?? [])
  const isUsing = tree.isNatural === true || tree.usingClause !== undefined
  if (isUsing) return joinUsing(place, both, left, right, using, tree)
  if (tree.quals === undefined) return withCondition(both, 'cross', null)
  const on = openScope(apart(place), both)
  const site = { context, scope: on, clause: clause('JOIN conditions'), block: null }
  const condition = coerceToBoolean(context, bindExpression(site, tree.quals), 'JOIN/ON')
  return withCondition(both, join, condition)
}

function withCondition(item: FromItem, join: JoinKind, condition: Bound | null): FromItem {
  if (item.node.kind !== 'join') throw new Error('join: its node is one')
  return { ...item, node: { ...item.node, join, condition } }
}

/** Whether an item may read the row to its left: a LATERAL query, or a function of columns. */
function readsLeft(tree: Tree): boolean {
  if ('RangeSubselect' in tree) return tree.RangeSubselect.lateral === true
  if ('RangeFunction' in tree) return hasColumn(tree.RangeFunction.functions ?? [])
  if ('JoinExpr' in tree) {
    const { larg, rarg } = tree.JoinExpr
    return readsLeft(larg!) || readsLeft(rarg!)
  }
  return false
}

function hasColumn(functions: RangeFunction['functions']): boolean {
  const text = JSON.stringify(functions)
  return text.includes('"ColumnRef"')
}

function shift(item: FromItem, by: number): FromItem {
  const move = ({ name, bound }: VisibleColumn): VisibleColumn => ({
    name,
    bound: shiftInputs(bound, by),
  })
  const entries = item.entries.map((one) => ({
    ...one,
    columns: one.columns.map(move),
    ...(one.system === undefined ? {} : { system: one.system.map(move) }),
  }))
  return { node: item.node, entries, visible: item.visible.map(move) }
}

function checkNames(context: Context, left: FromItem, right: FromItem): void {
  for (const { name, schema } of right.entries) {
    if (name === '') continue
    const isTaken = left.entries.some(
      (one) =>
        one.name === name && (one.schema === schema || one.schema === null || schema === null),
    )
    if (isTaken) context.fail('42712', `table name "${name}" specified more than once`, -1)
  }
}

function commonNames(left: FromItem, right: FromItem): string[] {
  const names = new Set(right.visible.map(({ name }) => name))
  return left.visible.map(({ name }) => name).filter((name) => names.has(name))
}

function joinUsing(
  place: Place,
  both: FromItem,
  left: FromItem,
  right: FromItem,
  names: readonly string[],
  { jointype, join_using_alias: alias }: JoinExpr,
): FromItem {
  const { context } = place
  const join = KINDS[jointype ?? '']!
  const conditions: Bound[] = []
  const merged: VisibleColumn[] = []
  const taken = new Set<string>()
  for (const name of names) {
    if (taken.has(name)) {
      context.fail('42701', `column name "${name}" appears more than once in USING clause`, -1)
    }
    taken.add(name)
    const pair = [
      usingColumn(context, left, name, 'left'),
      usingColumn(context, right, name, 'right'),
    ]
    const [a, b] = unify(context, pair, 'JOIN/USING') as [Bound, Bound]
    conditions.push(bindOperator(context, '=', pair[0]!, pair[1]!, -1))
    merged.push({ name, bound: mergeColumns(join, a, b) })
  }
  const isRest = ({ name }: VisibleColumn): boolean => !taken.has(name)
  const visible = [...merged, ...left.visible.filter(isRest), ...right.visible.filter(isRest)]
  const entries = [...both.entries]
  if (alias !== undefined) {
    entries.push({ name: alias.aliasname!, schema: null, location: -1, columns: merged })
  }
  const condition: Bound | null =
    conditions.length > 1
      ? { kind: 'and', type: typeOf('bool'), operands: conditions }
      : (conditions[0] ?? null)
  const isCross = condition === null && join === 'inner'
  return withCondition({ ...both, entries, visible }, isCross ? 'cross' : join, condition)
}

function usingColumn(context: Context, { visible }: FromItem, name: string, side: string): Bound {
  const matches = visible.filter((column) => column.name === name)
  if (matches.length > 1) {
    const message = `common column name "${name}" appears more than once in ${side} table`
    context.fail('42702', message, -1)
  }
  if (matches.length === 1) return matches[0]!.bound
  const message = `column "${name}" specified in USING clause does not exist in ${side} table`
  return context.fail('42703', message, -1)
}

function mergeColumns(join: JoinKind, left: Bound, right: Bound): Bound {
  if (join === 'right') return right
  if (join !== 'full') return left
  return { kind: 'coalesce', type: left.type, operands: [left, right] }
}
