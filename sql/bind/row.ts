// Comparisons of rows, (a, b) < (c, d), as comparisons of their members.
// Source: PostgreSQL 15, src/backend/parser/parse_expr.c, make_row_comparison_op.

import type { A_Expr_Kind, RowExpr, Node as Tree } from 'libpg-query'
import { vectorOf } from '../execute/vector.ts'
import type { ScalarFunction, Surroundings } from '../function.ts'
import type { Bound } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import type { SqlRecord } from '../value.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import { bindDistinct, bindOperator, findOperator } from './operator.ts'
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
    if (!('RowExpr' in item)) {
      const row = bindExpression(site, left)
      return bindOperator(site.context, symbol, row, bindExpression(site, item), location)
    }
    return compare(site, symbol, pairUp(site, members, bindMembers(site, item), location), location)
  })
  return { kind: symbol === '=' ? 'or' : 'and', type: BOOLEAN, operands }
}

/** An operator of two rows, and the types that it takes their members as. */
export interface RowOperator {
  readonly operator: ScalarFunction
  readonly left: readonly DataType[]
  readonly right: readonly DataType[]
}

/** `(a, b) symbol (c, d)` as one operator of records: unknown where nulls leave it open. */
export function rowOperator(
  context: Context,
  symbol: string,
  left: readonly DataType[],
  right: readonly DataType[],
  location: number | undefined,
): RowOperator {
  const isOrder = symbol !== '=' && symbol !== '<>'
  const found = left.map((type, index) => {
    const given = [type, right[index]!]
    const asked = findOperator(context, symbol, given, location)
    const isLoose = symbol === '<=' || symbol === '>='
    return isLoose ? findOperator(context, symbol[0]!, given, location) : asked
  })
  checkSymbol(context, symbol, location)
  const pairs = found.map(({ overload, types }): PairTest => {
    const equal = isOrder ? findOperator(context, '=', types, location).overload : overload
    return { test: overload, equal, types }
  })
  const operator: ScalarFunction = {
    name: `row ${symbol}`,
    arguments: [typeOf('record'), typeOf('record')],
    isVariadic: false,
    result: BOOLEAN,
    isStrict: true,
    volatility: 'immutable',
    evaluate: (vectors, rowCount, valid, surroundings) =>
      vectorOf(BOOLEAN, rowCount, (row) => {
        if (valid !== null && valid[row] === 0) return null
        const [one, two] = vectors.map(({ values }) => values[values.length === 1 ? 0 : row])
        const rows = [one as SqlRecord, two as SqlRecord] as const
        return testRows(symbol, pairs, rows, surroundings)
      }),
  }
  return {
    operator,
    left: found.map(({ types }) => types[0]!),
    right: found.map(({ types }) => types[1]!),
  }
}

interface PairTest {
  readonly test: ScalarFunction
  readonly equal: ScalarFunction
  readonly types: readonly DataType[]
}

/** Null: unknown. */
function testRows(
  symbol: string,
  pairs: readonly PairTest[],
  [one, two]: readonly [SqlRecord, SqlRecord],
  surroundings: Surroundings,
): boolean | null {
  let isUnknown = false
  for (const [index, { test, equal, types }] of pairs.entries()) {
    const [a, b] = [one.values[index], two.values[index]]
    const isOrder = symbol !== '=' && symbol !== '<>'
    if (a === null || b === null) {
      if (isOrder) return null
      isUnknown = true
      continue
    }
    const vectors = [a, b].map((value, side) => vectorOf(types[side]!, 1, () => value))
    const call = { arguments: types, result: BOOLEAN }
    const holds = (overload: ScalarFunction): boolean =>
      overload.evaluate(vectors, 1, null, surroundings, call).values[0] === 1
    if (isOrder) {
      if (!holds(equal)) return holds(test)
    } else if (holds(test) === (symbol === '<>')) return symbol === '<>'
  }
  if (symbol.length === 2 && symbol !== '<>') return true
  return isUnknown ? null : symbol === '='
}

type Pair = readonly [Bound, Bound]

export function bindMembers(site: Site, row: Tree): Bound[] {
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
  checkSymbol(context, symbol, location)
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

function checkSymbol(context: Context, symbol: string, location: number | undefined): void {
  if (['=', '<>', '<', '<=', '>', '>='].includes(symbol)) return
  const message = `could not determine interpretation of row comparison operator ${symbol}`
  context.fail('0A000', message, location)
}
