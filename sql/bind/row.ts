// Comparisons of rows, (a, b) < (c, d), as comparisons of their members.
// Source: PostgreSQL 15, src/backend/parser/parse_expr.c, make_row_comparison_op.

import type { A_Expr_Kind, RowExpr, Node as Tree } from 'libpg-query'
import type { Bound } from '../tree.ts'
import { typeOf } from '../type.ts'
import { bindExpression } from './recursion.ts'
import { bindDistinct, bindOperator } from './operator.ts'
import type { Site } from './site.ts'

const BOOLEAN = typeOf('bool')

export function bindRowComparison(
  site: Site,
  kind: A_Expr_Kind | undefined,
  symbol: string,
  [left, right]: readonly [Tree, Tree],
  location: number | undefined,
): Bound {
  const pairs = pairUp(site, bindMembers(site, left), bindMembers(site, right), location)
  if (kind === 'AEXPR_DISTINCT' || kind === 'AEXPR_NOT_DISTINCT') {
    const negated = kind === 'AEXPR_NOT_DISTINCT'
    const operands = pairs.map((pair) => bindDistinct(site.context, pair, negated, location))
    return { kind: negated ? 'and' : 'or', type: BOOLEAN, operands }
  }
  return compare(site, symbol, pairs, location)
}

/** `(a, b) [NOT] IN ((1, 2), …)`. */
export function bindRowIn(
  site: Site,
  symbol: string,
  left: Tree,
  items: readonly Tree[],
  location: number | undefined,
): Bound {
  const members = bindMembers(site, left)
  const operands = items.map((item) => {
    if (!('RowExpr' in item)) site.context.refuse('a row compared with a value', location)
    return compare(site, symbol, pairUp(site, members, bindMembers(site, item), location), location)
  })
  return { kind: symbol === '=' ? 'or' : 'and', type: BOOLEAN, operands }
}

type Pair = readonly [Bound, Bound]

function bindMembers(site: Site, row: Tree): Bound[] {
  const { args = [] } = (row as { RowExpr: RowExpr }).RowExpr
  return args.map((arg) => bindExpression(site, arg))
}

function pairUp(
  { context }: Site,
  left: readonly Bound[],
  right: readonly Bound[],
  location: number | undefined,
): Pair[] {
  if (left.length !== right.length) {
    context.fail('42601', 'unequal number of entries in row expressions', location)
  }
  if (left.length === 0) context.fail('0A000', 'cannot compare rows of zero length', location)
  return left.map((one, index) => [one, right[index]!])
}

function compare(
  { context }: Site,
  symbol: string,
  pairs: readonly Pair[],
  location: number | undefined,
): Bound {
  const by = (operator: string, [left, right]: Pair): Bound =>
    bindOperator(context, operator, left, right, location)
  if (symbol === '=' || symbol === '<>') {
    const operands = pairs.map((pair) => by(symbol, pair))
    return { kind: symbol === '=' ? 'and' : 'or', type: BOOLEAN, operands }
  }
  if (!['<', '<=', '>', '>='].includes(symbol)) {
    const message = `could not determine interpretation of row comparison operator ${symbol}`
    context.fail('0A000', message, location)
  }
  // a < c OR (a = c AND b < d), from the last pair on.
  const strict = symbol[0]!
  return pairs.slice(0, -1).reduceRight<Bound>(
    (rest, pair) => {
      const tie: Bound = { kind: 'and', type: BOOLEAN, operands: [by('=', pair), rest] }
      return { kind: 'or', type: BOOLEAN, operands: [by(strict, pair), tie] }
    },
    by(symbol, pairs.at(-1)!),
  )
}
