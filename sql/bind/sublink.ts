// Queries inside expressions: scalar ones, EXISTS, ARRAY(…), IN and the other comparisons with ANY
// and ALL of their rows.
// Source: PostgreSQL 15, src/backend/parser/parse_expr.c, transformSubLink.

import type { SubLink, Node as Tree } from 'libpg-query'
import { textOf } from '../syntax/name.ts'
import type { Bound, SubqueryTest } from '../tree.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { bindExpression } from './recursion.ts'
import { findOperator } from './operator.ts'
import { coerceArguments, resultType } from './overload.ts'
import { castColumns } from './columns.ts'
import { type Query, bindQuery } from './recursion.ts'
import { within } from './scope.ts'
import type { Site } from './site.ts'

const BOOLEAN = typeOf('bool')

export function bindSublink(site: Site, sublink: SubLink): Bound {
  const { context, scope } = site
  const { subLinkType, subselect, testexpr, location } = sublink
  const left = testexpr === undefined ? null : bindTested(site, testexpr)
  const { value: query, isCrossed } = context.crossing(scope.level, () =>
    bindQuery(context, subselect!, within(scope)),
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

function bindTested(site: Site, tree: Tree): Bound {
  if ('RowExpr' in tree) {
    const { location } = tree.RowExpr
    site.context.refuse('a row tested against a query', location, 'Use EXISTS with its conditions.')
  }
  return bindExpression(site, tree)
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
