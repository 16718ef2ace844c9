// Queries inside expressions: scalar ones, EXISTS, ARRAY(…), IN and the other comparisons with ANY
// and ALL of their rows.
// Source: PostgreSQL 15, src/backend/parser/parse_expr.c, transformSubLink.

import type { SubLink, Node as Tree } from 'libpg-query'
import { textOf } from '../syntax/name.ts'
import type { ScalarFunction } from '../function.ts'
import type { Bound, Node, SubqueryTest } from '../tree.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { bindExpression } from './recursion.ts'
import { findOperator } from './operator.ts'
import { coerceArguments, resultType } from './overload.ts'
import { castColumns } from './columns.ts'
import { bindingWithin } from './outer-aggregate.ts'
import { makeRecord } from './record.ts'
import { bindMembers, rowOperator } from './row.ts'
import { type Query, bindQuery } from './recursion.ts'
import { within } from './scope.ts'
import type { Site } from './site.ts'

const BOOLEAN = typeOf('bool')

export function bindSublink(site: Site, sublink: SubLink): Bound {
  const { context, scope } = site
  const { subLinkType, subselect, testexpr, location } = sublink
  const isRow = testexpr !== undefined && 'RowExpr' in testexpr
  const members = isRow ? bindMembers(site, testexpr) : null
  const left = testexpr === undefined || isRow ? null : bindExpression(site, testexpr)
  const { value: query, isCrossed } = context.crossing(scope.level, () =>
    bindingWithin(site, () => bindQuery(context, subselect!, within(scope))),
  )
  const finish = (type: DataType, test: SubqueryTest, { node }: Query): Bound => ({
    kind: 'subquery',
    type,
    test,
    query: node,
    isCorrelated: isCrossed,
    position: context.position(location),
  })
  if (subLinkType === 'EXISTS_SUBLINK') return finish(BOOLEAN, { kind: 'exists' }, query)
  if (members !== null) {
    const quantifier = subLinkType === 'ALL_SUBLINK' ? 'all' : 'any'
    const { operator, row, records } = bindRows(site, sublink, members, query)
    const test: SubqueryTest = { kind: 'quantified', quantifier, operator, left: row }
    return finish(BOOLEAN, test, records)
  }
  checkWidth(site, query, left !== null, location)
  const { type } = query.columns[0]!
  if (left !== null) {
    const quantifier = subLinkType === 'ALL_SUBLINK' ? 'all' : 'any'
    return bindQuantifiedQuery(site, sublink, quantifier, left, query, finish)
  }
  if (subLinkType === 'EXPR_SUBLINK') return finish(type, { kind: 'scalar' }, query)
  const array = type.element === null ? arrayTypeOf(type) : type
  if (subLinkType !== 'ARRAY_SUBLINK' || array === null) {
    return context.refuse('this form of subquery', location)
  }
  return finish(array, { kind: 'array' }, query)
}

/** `(a, b) symbol (SELECT …)`: with the one row that the query gives, or null. */
export function bindRowSublink(
  site: Site,
  symbol: string,
  left: Tree,
  sublink: SubLink,
  location: number | undefined,
): Bound {
  const { context, scope } = site
  const members = bindMembers(site, left)
  const { value: query, isCrossed } = context.crossing(scope.level, () =>
    bindingWithin(site, () => bindQuery(context, sublink.subselect!, within(scope))),
  )
  const operName = [{ String: { sval: symbol } }]
  const { operator, row, records } = bindRows(site, { operName, location }, members, query)
  const position = context.position(location)
  const value: Bound = {
    kind: 'subquery',
    type: records.columns[0]!.type,
    test: { kind: 'scalar' },
    query: records.node,
    isCorrelated: isCrossed,
    position,
  }
  return { kind: 'call', type: BOOLEAN, function: operator, arguments: [row, value], position }
}

/** The operator of rows that is meant, what stands left of it, and a query of one column, the row. */
function bindRows(
  { context }: Site,
  { operName = [], location }: Pick<SubLink, 'operName' | 'location'>,
  members: readonly Bound[],
  query: Query,
): { operator: ScalarFunction; row: Bound; records: Query } {
  const written = operName.length === 0 ? '=' : textOf(operName.at(-1))
  const symbol = written === '!=' ? '<>' : written
  const { columns } = query
  if (members.length !== columns.length) {
    const much = members.length > columns.length ? 'few' : 'many'
    context.fail('42601', `subquery has too ${much} columns`, location)
  }
  const typesOf = (all: readonly { type: DataType }[]): DataType[] => all.map(({ type }) => type)
  const found = rowOperator(context, symbol, typesOf(members), typesOf(columns), location)
  const names = columns.map(({ name }) => name)
  const row = makeRecord(names, coerceArguments(context, members, found.left))
  const { node } = castColumns(context, query, found.right)
  const inputs = node.columns.map(({ type }, index): Bound => ({ kind: 'input', type, index }))
  const record = makeRecord(names, inputs)
  const own = [{ name: 'row', type: record.type }]
  const input: Node = { kind: 'project', input: node, expressions: [record], columns: own }
  return { operator: found.operator, row, records: { ...query, node: input, columns: own } }
}

function checkWidth(
  { context }: Site,
  { columns }: Query,
  isTest: boolean,
  location: number | undefined,
): void {
  if (columns.length === 1) return
  const few = isTest ? 'subquery has too few columns' : 'subquery must return a column'
  const many = isTest ? 'subquery has too many columns' : 'subquery must return only one column'
  context.fail('42601', columns.length === 0 ? few : many, location)
}

function bindQuantifiedQuery(
  { context }: Site,
  { operName = [], location }: SubLink,
  quantifier: 'any' | 'all',
  left: Bound,
  query: Query,
  finish: (type: DataType, test: SubqueryTest, query: Query) => Bound,
): Bound {
  const written = operName.length === 0 ? '=' : textOf(operName.at(-1))
  const symbol = written === '!=' ? '<>' : written
  const given = [left.type, query.columns[0]!.type]
  const { overload, types } = findOperator(context, symbol, given, location)
  if (resultType(overload, types) !== BOOLEAN) {
    const message = `row comparison operator must yield type boolean, not type ${resultType(overload, types).title}`
    context.fail('42804', message, location)
  }
  const [cast] = coerceArguments(context, [left], types)
  const test: SubqueryTest = { kind: 'quantified', quantifier, operator: overload, left: cast! }
  return finish(BOOLEAN, test, castColumns(context, query, [types[1]!]))
}
