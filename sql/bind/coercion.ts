// From one type to another: what is allowed where, the casts that are written into the tree, and the
// type that several expressions agree on.
// Source: PostgreSQL 15, src/backend/parser/parse_coerce.c, and the manual, chapter 10.

import type { CastFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import type { Context } from './context.ts'

/** Where a conversion stands: in an expression, in an assignment, or written out. */
export type CastContext = 'implicit' | 'assignment' | 'explicit'

const STRENGTH = { implicit: 0, assignment: 1, explicit: 2 } as const
const UNKNOWN = typeOf('unknown')
const TEXT = typeOf('text')
const POLYMORPHIC = new Set([
  ...['any', 'anyelement', 'anynonarray', 'anyarray', 'anycompatible', 'anycompatiblearray'],
])

export function isPolymorphic(type: DataType): boolean {
  return POLYMORPHIC.has(type.name)
}

/** The same bits, and no cast to run: text in another dress, a record with its columns. */
function isRelabel(source: DataType, target: DataType): boolean {
  return (
    (source.name === 'varchar' && target.name === 'text') ||
    (source.name === 'text' && target.name === 'varchar') ||
    (source.name === 'record' && target.name === 'record')
  )
}

/** Whether a value of one type may stand for the other there; unknown literals may for any. */
export function canCoerce(
  context: Context,
  source: DataType,
  target: DataType,
  where: CastContext,
): boolean {
  if (source === target || source === UNKNOWN || isRelabel(source, target)) return true
  const cast = findCast(context, source, target)
  return cast !== null && STRENGTH[cast.context] <= STRENGTH[where]
}

function findCast(context: Context, source: DataType, target: DataType): CastFunction | null {
  const cast = context.functions.cast(source, target)
  if (cast !== null || source.element === null || target.element === null) return cast
  return null
}

/**
 * The expression as a value of `target`, or null if that is not allowed there. Throws what the input of
 * a literal throws, at its place, and 42P08 if a parameter is something else already.
 */
export function coerce(
  context: Context,
  bound: Bound,
  target: DataType,
  where: CastContext,
): Bound | null {
  const tree = context.treeOf(bound)
  if (bound.type === target) return bound
  if (bound.type === UNKNOWN) return context.placed(coerceUnknown(context, bound, target), tree)
  if (bound.kind === 'array' && target.element !== null) {
    const elements = bound.elements.map((one) => coerce(context, one, target.element!, where))
    if (elements.includes(null)) return null
    return context.placed({ kind: 'array', type: target, elements: elements as Bound[] }, tree)
  }
  if (!canCoerce(context, bound.type, target, where)) return null
  const folded = bound.kind === 'constant' ? foldNumber(context, bound.value, target) : null
  if (folded !== null) return context.placed(folded, tree)
  const cast = isRelabel(bound.type, target) ? null : findCast(context, bound.type, target)
  const position = context.position(context.start(bound))
  return context.placed({ kind: 'cast', type: target, cast, operand: bound, position }, tree)
}

/** A number written out, as the wider type it is taken for: what no cast could refuse. */
function foldNumber(context: Context, value: unknown, { name }: DataType): Bound | null {
  const type = typeOf(name)
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    if (name === 'float8') return { kind: 'constant', type, value }
    if (name === 'int8') return { kind: 'constant', type, value: BigInt(value) }
  }
  if (typeof value !== 'object' || value === null || name !== 'float8') return null
  const text = textOfConstant(value)
  const number = Number(text)
  const isNumber = text !== null && text.trim() !== '' && Number.isFinite(number)
  return isNumber ? { kind: 'constant', type, value: number } : null
}

function coerceUnknown(context: Context, bound: Bound, target: DataType): Bound {
  if (bound.kind === 'parameter') {
    return context.parameters.decide(bound.index, target, context.start(bound))
  }
  if (bound.kind === 'constant') {
    const { value } = bound
    if (value === null) return { kind: 'constant', type: target, value: null }
    return context.at(context.start(bound), () => literal(context, value as string, target))
  }
  const cast = context.functions.cast(TEXT, target)
  const position = context.position(context.start(bound))
  return { kind: 'cast', type: target, cast, operand: bound, position }
}

/** Texts of constants whose values are objects: what makes two of them the same. */
const texts = new WeakMap<object, string>()

/** A constant's text, for the comparison of trees; null: it has none. */
export function textOfConstant(value: object): string | null {
  return texts.get(value) ?? null
}

/** The constant that a text means as a type. Throws what the type's input throws. */
export function literal(context: Context, text: string, type: DataType): Bound {
  if (type === TEXT || type === UNKNOWN) return { kind: 'constant', type, value: text }
  const cast = context.functions.cast(UNKNOWN, type) ?? context.functions.cast(TEXT, type)
  if (cast === null) {
    throw new SqlError('42846', `cannot cast type unknown to ${type.title}`)
  }
  const value = readConstant(cast, text, context)
  if (typeof value === 'object' && value !== null) texts.set(value, text)
  return { kind: 'constant', type, value }
}

function readConstant(cast: CastFunction, text: string, { surroundings }: Context): unknown {
  const input = { values: [text], valid: null }
  const { values, valid } = cast.evaluate([input], 1, null, surroundings)
  if (valid !== null && valid[0] === 0) return null
  const value = values[0]
  return cast.target.layout === 'boolean' ? Boolean(value) : value
}

/** `coerce`, or 42804 with PostgreSQL's words for a clause that wants one type. */
export function coerceFor(context: Context, bound: Bound, target: DataType, clause: string): Bound {
  const coerced = coerce(context, bound, target, 'assignment')
  if (coerced !== null) return coerced
  const given = bound.type.title
  return context.failAt(
    '42804',
    `argument of ${clause} must be type ${target.title}, not type ${given}`,
    bound,
  )
}

/** As `coerceFor` of boolean. */
export function coerceToBoolean(context: Context, bound: Bound, clause: string): Bound {
  return coerceFor(context, bound, typeOf('bool'), clause)
}

/** Unknown literals and parameters become text, as those of a select list do. */
export function settle(context: Context, bound: Bound): Bound {
  return bound.type === UNKNOWN ? coerce(context, bound, TEXT, 'implicit')! : bound
}

/**
 * The type that several expressions agree on: of one category, the first that takes all others without
 * an explicit cast; of unknown ones alone, text. The expression that does not fit, if one does not.
 */
export function commonType(
  context: Context,
  operands: readonly Bound[],
): { readonly type: DataType } | { readonly type: DataType; readonly misfit: Bound } {
  let type = UNKNOWN
  for (const operand of operands) {
    const next = operand.type
    if (next === UNKNOWN || next === type) continue
    if (type === UNKNOWN) type = next
    else if (next.category !== type.category) return { type, misfit: operand }
    else if (
      !type.isPreferred &&
      canCoerce(context, type, next, 'implicit') &&
      !canCoerce(context, next, type, 'implicit')
    ) {
      type = next
    }
  }
  return { type: type === UNKNOWN ? TEXT : type }
}

/** All as their common type. Throws 42804 or 42846 at the one that does not fit; `what`: CASE, UNION … */
export function unify(context: Context, operands: readonly Bound[], what: string): Bound[] {
  const agreed = commonType(context, operands)
  if ('misfit' in agreed) {
    const titles = `${agreed.type.title} and ${agreed.misfit.type.title}`
    context.failAt('42804', `${what} types ${titles} cannot be matched`, agreed.misfit)
  }
  return operands.map((operand) => {
    const coerced = coerce(context, operand, agreed.type, 'implicit')
    if (coerced !== null) return coerced
    const titles = `${operand.type.title} to ${agreed.type.title}`
    return context.failAt('42846', `${what} could not convert type ${titles}`, operand)
  })
}
