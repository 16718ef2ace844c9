// Which of several functions or operators of one name is meant: exact types first, then the fewest
// conversions, preferred types, and for untyped literals the category that all candidates share.
// Source: PostgreSQL 15, src/backend/parser/parse_func.c, func_select_candidate; manual, chapter 10.

import type { Bound } from '../tree.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { canCoerce, coerce, isPolymorphic, settle } from './coercion.ts'
import type { Context } from './context.ts'

/** What a scalar function, an operator, an aggregate and a table function have in common. */
export interface Overload {
  readonly arguments: readonly DataType[]
  readonly isVariadic: boolean
}

interface Candidate<Kind> {
  readonly overload: Kind
  /** One per argument given: what candidates are compared by. */
  readonly declared: readonly DataType[]
  /** The same, or what polymorphic ones stand for. */
  readonly types: readonly DataType[]
}

const UNKNOWN = typeOf('unknown')

/** The overload meant and the types its arguments get; `none` fits, or several do and no rule decides. */
export type Choice<Kind> =
  | { readonly overload: Kind; readonly types: readonly DataType[] }
  | { readonly overload: null; readonly reason: 'none' | 'ambiguous' }

/** Chooses for the types of the arguments given. */
export function choose<Kind extends Overload>(
  context: Context,
  overloads: readonly Kind[],
  given: readonly DataType[],
): Choice<Kind> {
  const exact = overloads.find((one) => isExact(one, given))
  if (exact !== undefined) return { overload: exact, types: given }
  let candidates: Candidate<Kind>[] = []
  for (const overload of overloads) {
    const declared = declaredTypes(overload, given.length)
    const types = declared && resolveTypes(context, declared, given)
    if (types !== null) candidates.push({ overload, declared: declared!, types })
  }
  if (candidates.length > 1) candidates = select(context, candidates, given)
  const [only, other] = candidates
  if (only === undefined) return { overload: null, reason: 'none' }
  return other === undefined ? only : { overload: null, reason: 'ambiguous' }
}

/** The arguments cast to what was chosen. */
export function coerceArguments(
  context: Context,
  operands: readonly Bound[],
  types: readonly DataType[],
): Bound[] {
  return operands.map((operand, index) => {
    const type = types[index]!
    if (type.name === 'any') return settle(context, operand)
    return coerce(context, operand, type, 'implicit')!
  })
}

function isExact(overload: Overload, given: readonly DataType[]): boolean {
  if (overload.isVariadic || overload.arguments.length !== given.length) return false
  return overload.arguments.every((type, index) => type === given[index])
}

function declaredTypes({ arguments: declared, isVariadic }: Overload, count: number) {
  if (!isVariadic) return declared.length === count ? declared : null
  if (count < declared.length) return null
  const last = declared.at(-1)!
  return Array.from({ length: count }, (_, index) => declared[index] ?? last)
}

/** Null if the arguments do not fit. */
function resolveTypes(
  context: Context,
  declared: readonly DataType[],
  given: readonly DataType[],
): readonly DataType[] | null {
  const element = declared.some(isPolymorphic) ? elementOf(context, declared, given) : UNKNOWN
  if (element === null) return null
  const types: DataType[] = []
  for (const [index, type] of declared.entries()) {
    const resolved = isPolymorphic(type) ? concrete(type, element, given[index]!) : type
    if (resolved === null || !canCoerce(context, given[index]!, resolved, 'implicit')) return null
    types.push(resolved)
  }
  return types
}

/** What `anyelement` or `anycompatible` stands for; `unknown` if only literals say so, null: no one type. */
function elementOf(
  context: Context,
  declared: readonly DataType[],
  given: readonly DataType[],
): DataType | null {
  let element = UNKNOWN
  for (const [index, type] of declared.entries()) {
    if (!isPolymorphic(type) || type.name === 'any' || given[index] === UNKNOWN) continue
    const isArray = type.name.endsWith('array') && type.name !== 'anynonarray'
    const next = isArray ? given[index]!.element : given[index]!
    if (next === null || (type.name === 'anynonarray' && next.element !== null)) return null
    if (element === UNKNOWN || element === next) element = next
    else if (!type.name.startsWith('anycompatible')) return null
    else if (canCoerce(context, element, next, 'implicit')) element = next
    else if (!canCoerce(context, next, element, 'implicit')) return null
  }
  return element === UNKNOWN && declared.some(isCompatible) ? typeOf('text') : element
}

function isCompatible(type: DataType): boolean {
  return type.name.startsWith('anycompatible')
}

/** What a polymorphic type is once the element is known. Also for results. */
export function concrete(
  type: DataType,
  element: DataType,
  given: DataType | null,
): DataType | null {
  if (type.name === 'any') return given ?? type
  if (element === UNKNOWN) {
    // Only literals say so: `anyelement` takes them as text, an array of nothing is no type.
    return type.name.endsWith('array') && type.name !== 'anynonarray' ? null : typeOf('text')
  }
  if (type.name !== 'anyarray' && type.name !== 'anycompatiblearray') return element
  return given !== null && given.element === element ? given : arrayTypeOf(element)
}

/** The type of an overload's result for the types its arguments got. */
export function resultType(
  overload: Overload & {
    readonly result: DataType | ((given: readonly DataType[]) => DataType)
  },
  types: readonly DataType[],
): DataType {
  const { result } = overload
  if (typeof result === 'function') return result(types)
  if (!isPolymorphic(result)) return result
  const declared = declaredTypes(overload, types.length) ?? []
  const place = declared.findIndex((type) => isPolymorphic(type) && type.name !== 'any')
  const given = types[place]
  if (given === undefined) return result
  const isArray = /^any(compatible)?array$/.test(declared[place]!.name)
  const element = isArray ? given.element! : given
  return concrete(result, element, null) ?? result
}

/** PostgreSQL's rules in their order, each only where more than one candidate is left. */
function select<Kind>(
  context: Context,
  all: readonly Candidate<Kind>[],
  given: readonly DataType[],
): Candidate<Kind>[] {
  const isKnown = (index: number): boolean => given[index] !== UNKNOWN
  const exact = best(all, (types) =>
    count(types, (type, index) => isKnown(index) && type === given[index]),
  )
  if (exact.length === 1) return exact
  const preferred = best(exact, (types) =>
    count(types, (type, index) => {
      if (!isKnown(index)) return false
      return type === given[index] || (type.isPreferred && type.category === given[index]!.category)
    }),
  )
  if (preferred.length === 1 || given.every((_, index) => isKnown(index))) return preferred
  const categorized = byCategory(preferred, given)
  if (categorized.length === 1) return categorized
  const known = new Set(given.filter((type) => type !== UNKNOWN))
  if (known.size !== 1) return categorized
  const [type] = known
  const same = categorized.filter(({ types }) =>
    types.every((wanted) => canCoerce(context, type!, wanted, 'implicit')),
  )
  return same.length === 1 ? same : categorized
}

function count(
  types: readonly DataType[],
  isMatch: (type: DataType, index: number) => boolean,
): number {
  return types.reduce((sum, type, index) => sum + (isMatch(type, index) ? 1 : 0), 0)
}

function best<Kind>(
  candidates: readonly Candidate<Kind>[],
  score: (types: readonly DataType[]) => number,
): Candidate<Kind>[] {
  const scores = candidates.map(({ declared }) => score(declared))
  const most = Math.max(...scores)
  return candidates.filter((_, index) => scores[index] === most)
}

/** Literals are strings if any candidate takes one there, else of the category that all agree on. */
function byCategory<Kind>(
  candidates: readonly Candidate<Kind>[],
  given: readonly DataType[],
): Candidate<Kind>[] {
  const slots: { index: number; category: string; hasPreferred: boolean }[] = []
  for (const [index, type] of given.entries()) {
    if (type !== UNKNOWN) continue
    const taken = candidates.map(({ declared }) => declared[index]!)
    const categories = new Set(taken.map(({ category }) => category))
    const category = categories.has('S') ? 'S' : [...categories][0]!
    if (categories.size > 1 && category !== 'S') return [...candidates]
    const hasPreferred = taken.some((one) => one.category === category && one.isPreferred)
    slots.push({ index, category, hasPreferred })
  }
  const left = candidates.filter(({ declared }) =>
    slots.every(({ index, category, hasPreferred }) => {
      const type = declared[index]!
      return type.category === category && (type.isPreferred || !hasPreferred)
    }),
  )
  return left.length > 0 ? left : [...candidates]
}
