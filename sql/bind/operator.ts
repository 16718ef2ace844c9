// Operators: which overload of a symbol is meant for two types, its call, and the forms of SQL that
// are operators in disguise. An integer that meets a time is milliseconds since 1970.
// Source: PostgreSQL 15, src/backend/parser/parse_oper.c.

import type { ScalarFunction } from '../function.ts'
import type { Bound } from '../tree.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { coerce, commonType } from './coercion.ts'
import type { Context } from './context.ts'
import { isInteger, isTime, timeOfMilliseconds } from './epoch.ts'
import { choose, coerceArguments, resultType } from './overload.ts'

const UNKNOWN = typeOf('unknown')
const TEXT = typeOf('text')
const BOOLEAN = typeOf('bool')
const COMPARISONS = new Set(['=', '<>', '<', '<=', '>', '>='])

/** `left symbol right`, or `symbol right` where left is null. Throws 42883 or 42725 at `location`. */
export function bindOperator(
  context: Context,
  symbol: string,
  left: Bound | null,
  right: Bound,
  location: number | undefined,
): Bound {
  const meant = symbol === '!=' ? '<>' : symbol
  if (left !== null && COMPARISONS.has(meant)) {
    const times = asTimes(context, left, right)
    if (times !== null) return bindOperator(context, meant, times[0], times[1], location)
  }
  if (left !== null && meant === '||') {
    const texts = asTexts(context, left, right)
    if (texts !== null) return bindOperator(context, meant, texts[0], texts[1], location)
  }
  const operands = left === null ? [right] : [left, right]
  const { overload, types } = findOperator(
    context,
    meant,
    operands.map(({ type }) => type),
    location,
  )
  return {
    kind: 'call',
    type: resultType(overload, types),
    function: overload,
    arguments: coerceArguments(context, operands, types),
    position: context.position(location),
  }
}

/** A comparison of a time with an integer, both as times. */
function asTimes(context: Context, left: Bound, right: Bound): readonly [Bound, Bound] | null {
  if (isTime(left.type) && isInteger(right.type)) {
    return [left, timeOfMilliseconds(context, right, left.type)]
  }
  if (isInteger(left.type) && isTime(right.type)) {
    return [timeOfMilliseconds(context, left, right.type), right]
  }
  return null
}

/** `text || anynonarray`: whatever the other one is, it is joined as text; a literal is a text beside what has no `||`. */
function asTexts(context: Context, left: Bound, right: Bound): readonly [Bound, Bound] | null {
  const isTextLike = ({ type }: Bound): boolean => isText(type) || type === UNKNOWN
  if (isTextLike(left) === isTextLike(right)) return null
  const other = isTextLike(left) ? right : left
  const one = other === right ? left : right
  const { type } = other
  if (type.element !== null) return null
  const overloads = context.functions.operators('||')
  if (one.type === UNKNOWN && alike(overloads, [type, UNKNOWN]) !== null) return null
  const text = coerce(context, other, TEXT, 'explicit')
  if (text === null) return null
  const first = one.type === UNKNOWN ? coerce(context, one, TEXT, 'implicit') : one
  if (first === null) return null
  return other === right ? [first, text] : [text, first]
}

const isText = ({ category }: DataType): boolean => category === 'S'

/** The operator for operands of these types. Throws 42883 or 42725. */
export function findOperator(
  context: Context,
  symbol: string,
  given: readonly DataType[],
  location: number | undefined,
): { readonly overload: ScalarFunction; readonly types: readonly DataType[] } {
  const overloads = context.functions
    .operators(symbol)
    .filter(({ arguments: declared }) => declared.length === given.length)
  const chosen = choose(context, overloads, alike(overloads, given) ?? given)
  if (chosen.overload !== null) return chosen
  const titles = given.map(({ title }) => title)
  const form = titles.length === 1 ? `${symbol} ${titles[0]}` : titles.join(` ${symbol} `)
  if (chosen.reason === 'ambiguous') {
    const hint =
      'Could not choose a best candidate operator. You might need to add explicit type casts.'
    return context.fail('42725', `operator is not unique: ${form}`, location, { hint })
  }
  const hint =
    'No operator matches the given name and argument types. ' +
    'You might need to add explicit type casts.'
  return context.fail('42883', `operator does not exist: ${form}`, location, { hint })
}

/** An untyped operand is first taken for the other's type. */
function alike(
  overloads: readonly ScalarFunction[],
  given: readonly DataType[],
): readonly DataType[] | null {
  const [left, right] = given
  if (right === undefined || (left === UNKNOWN) === (right === UNKNOWN)) return null
  const type = left === UNKNOWN ? right : left!
  const isExact = overloads.some(({ arguments: [a, b] }) => a === type && b === type)
  return isExact ? [type, type] : null
}

/** `left symbol ANY | ALL (array)`. Throws 42809 where the right side is no array. */
export function bindQuantified(
  context: Context,
  symbol: string,
  quantifier: 'any' | 'all',
  operands: readonly [Bound, Bound],
  location: number | undefined,
): Bound {
  const [left, array] = operands
  const element = array.type === UNKNOWN ? UNKNOWN : array.type.element
  if (element === null) {
    context.fail('42809', 'op ANY/ALL (array) requires array on right side', location)
  }
  if (isTime(left.type) && isInteger(element) && array.kind === 'array') {
    const elements = array.elements.map((one) => timeOfMilliseconds(context, one, left.type))
    const times: Bound = { kind: 'array', type: arrayTypeOf(left.type)!, elements }
    return bindQuantified(context, symbol, quantifier, [left, times], location)
  }
  const meant = symbol === '!=' ? '<>' : symbol
  const { overload, types } = findOperator(context, meant, [left.type, element], location)
  if (resultType(overload, types) !== BOOLEAN) {
    context.fail('42809', 'op ANY/ALL (array) requires operator to yield boolean', location)
  }
  const arrayType = arrayTypeOf(types[1]!)
  const cast = arrayType && coerce(context, array, arrayType, 'implicit')
  if (cast === null) {
    context.fail('42704', `could not find array type for data type ${types[1]!.title}`, location)
  }
  return {
    kind: 'quantified',
    type: BOOLEAN,
    quantifier,
    operator: overload,
    left: coerceArguments(context, [left], types)[0]!,
    array: cast,
    position: context.position(location),
  }
}

/** `left [NOT] IN (list)`: one test of an array where the types agree, else the comparisons joined. */
export function bindIn(
  context: Context,
  symbol: string,
  left: Bound,
  list: readonly Bound[],
  location: number | undefined,
): Bound {
  const isNegated = symbol === '<>'
  const agreed = commonType(context, [left, ...list])
  const arrayType = 'misfit' in agreed ? null : arrayTypeOf(agreed.type)
  if (list.length > 1 && arrayType !== null) {
    const elements = list.map((one) => coerce(context, one, agreed.type, 'implicit'))
    if (!elements.includes(null)) {
      const array: Bound = { kind: 'array', type: arrayType, elements: elements as Bound[] }
      const quantifier = isNegated ? 'all' : 'any'
      return bindQuantified(context, symbol, quantifier, [left, array], location)
    }
  }
  const tests = list.map((one) => bindOperator(context, symbol, left, one, location))
  if (tests.length === 1) return tests[0]!
  return { kind: isNegated ? 'and' : 'or', type: BOOLEAN, operands: tests }
}

/** `left IS [NOT] DISTINCT FROM right`. */
export function bindDistinct(
  context: Context,
  operands: readonly [Bound, Bound],
  negated: boolean,
  location: number | undefined,
): Bound {
  const call = bindOperator(context, '=', operands[0], operands[1], location)
  if (call.kind !== 'call') throw new Error('distinct: an operator is a call')
  const [left, right] = call.arguments
  const { function: equal } = call
  return { kind: 'distinct', type: BOOLEAN, equal, left: left!, right: right!, negated }
}
