// ARRAY[…], and what follows a value in brackets or after a dot.
// Source: PostgreSQL 15, src/backend/parser/parse_expr.c, transformArrayExpr.

import type { A_ArrayExpr, A_Indices, A_Indirection, FuncCall, Node as Tree } from 'libpg-query'
import { textOf } from '../syntax/name.ts'
import type { Bound } from '../tree.ts'
import { type DataType, arrayTypeOf, typeOf } from '../type.ts'
import { bindNamedCall } from './function-call.ts'
import { bindRowsField } from './rows.ts'
import { coerce, unify } from './coercion.ts'
import { recordField } from './record.ts'
import { bindExpression } from './recursion.ts'
import type { Site } from './site.ts'

/** `target`: the array type that a cast around it names; null: the elements decide. */
export function bindArray(
  site: Site,
  { elements = [], location }: A_ArrayExpr,
  target: DataType | null,
): Bound {
  const { context } = site
  const bound = elements.map((element) =>
    'A_ArrayExpr' in element
      ? context.placed(bindArray(site, element.A_ArrayExpr, target), element)
      : bindExpression(site, element),
  )
  if (target !== null) {
    const cast = bound.map((one) => castElement(site, one, target, location))
    return { kind: 'array', type: target, elements: cast }
  }
  if (bound.length === 0) {
    const hint = 'Explicitly cast to the desired type, for example ARRAY[]::integer[].'
    context.fail('42P18', 'cannot determine type of empty array', location, { hint })
  }
  const cast = unify(context, bound, 'ARRAY')
  const { type } = cast[0]!
  const array = type.element === null ? arrayTypeOf(type) : type
  if (array === null) {
    const message = `could not find array type for data type ${type.title}`
    return context.fail('42704', message, location)
  }
  return { kind: 'array', type: array, elements: cast }
}

function castElement(
  { context }: Site,
  bound: Bound,
  target: DataType,
  location: number | undefined,
): Bound {
  const type = bound.type.element === null ? target.element! : target
  const cast = coerce(context, bound, type, 'explicit')
  if (cast !== null) return cast
  const titles = `${bound.type.title} to ${type.title}`
  return context.fail('42846', `cannot cast type ${titles}`, location)
}

/** `value[1]`, `value[1:2]`, `(function(…)).column`. */
export function bindSubscripts(site: Site, { arg, indirection = [] }: A_Indirection): Bound {
  const [first] = indirection
  if (first !== undefined && 'String' in first) {
    const call = (arg as { FuncCall?: FuncCall }).FuncCall
    if (call !== undefined && indirection.length === 1) {
      return bindRowsField(site, call, textOf(first))
    }
  }
  return indirection.reduce<Bound>(
    (value, step) => bindSubscript(site, value, step, arg!),
    bindExpression(site, arg!),
  )
}

function bindSubscript(site: Site, value: Bound, step: Tree, arg: Tree): Bound {
  const { context } = site
  const start = context.start(context.placed(value, arg))
  if (!('A_Indices' in step)) {
    const field = recordField(value, textOf(step))
    if (field !== null) return field
    const message = `column notation .${textOf(step)} applied to type ${value.type.title}, which is not a composite type`
    return context.fail('42809', message, start)
  }
  if (value.type.element === null) {
    const message = `cannot subscript type ${value.type.title} because it does not support subscripting`
    context.fail('42804', message, start)
  }
  const { is_slice: isSlice = false, lidx, uidx } = step.A_Indices as A_Indices
  if (!isSlice) {
    const index = bindIndex(site, uidx!)
    return bindNamedCall(context, 'array_subscript', [value, index], start)
  }
  const none: Bound = { kind: 'constant', type: typeOf('int4'), value: null }
  const from = lidx === undefined ? none : bindIndex(site, lidx)
  const to = uidx === undefined ? none : bindIndex(site, uidx)
  return bindNamedCall(context, 'array_slice', [value, from, to], start)
}

function bindIndex(site: Site, tree: Tree): Bound {
  const { context } = site
  const bound = bindExpression(site, tree)
  const index = coerce(context, bound, typeOf('int4'), 'assignment')
  if (index !== null) return index
  return context.failAt('42804', 'array subscript must have type integer', bound)
}
