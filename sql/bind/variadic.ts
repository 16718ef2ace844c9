// `f(a, VARIADIC array)`: the elements of the array in the place of the last arguments. How many there are
// is known row by row, so the function is called for each row by itself.
// Source: PostgreSQL 15, its manual, section "SQL Functions with Variable Numbers of Arguments".

import type { FuncCall } from 'libpg-query'
import type { SqlVector } from '../batch.ts'
import { valueAt, vectorOf } from '../execute/vector.ts'
import type { ScalarFunction } from '../function.ts'
import type { Bound } from '../tree.ts'
import { type DataType, arrayTypeOf } from '../type.ts'
import type { SqlArray } from '../value.ts'
import { coerce } from './coercion.ts'
import type { Context } from './context.ts'
import { failToChoose } from './function-call.ts'
import { choose, coerceArguments, resultType } from './overload.ts'

/** Throws 42883 where the function does not take any number of arguments, 42804 where it is no array. */
export function bindVariadic(
  context: Context,
  call: FuncCall,
  name: string,
  operands: readonly Bound[],
): Bound {
  const overloads = context.functions.scalars(name).filter(({ isVariadic }) => isVariadic)
  const fixed = operands.slice(0, -1)
  const array = arrayFor(context, overloads, operands)
  const element = array.type.element
  if (overloads.length > 0 && element === null) {
    context.failAt('42804', 'VARIADIC argument must be an array', array)
  }
  const given = [...fixed.map(({ type }) => type), ...(element === null ? [] : [element])]
  const chosen = choose(context, element === null ? [] : overloads, given)
  if (chosen.overload === null) return failToChoose(context, chosen, name, operands, call.location)
  const { overload, types } = chosen
  const elementType = overload.arguments.at(-1)!.name === 'any' ? element! : types.at(-1)!
  const type = resultType(overload, types)
  return {
    kind: 'call',
    type,
    function: spreadOf(overload, types.slice(0, -1), elementType, type),
    arguments: [
      ...coerceArguments(context, fixed, types.slice(0, -1)),
      coerce(context, array, arrayTypeOf(elementType)!, 'implicit') ?? array,
    ],
    position: context.position(call.location),
  }
}

/** A literal is an array of what the function takes, if that is one type. */
function arrayFor(
  context: Context,
  overloads: readonly ScalarFunction[],
  operands: readonly Bound[],
): Bound {
  const array = operands.at(-1)!
  const last = overloads[0]?.arguments.at(-1)
  const type = last === undefined ? null : arrayTypeOf(last)
  return array.type.name === 'unknown' && type !== null && last!.category !== 'P'
    ? coerce(context, array, type, 'implicit')!
    : array
}

/** The function with an array in the place of its last arguments; null for a null array. */
function spreadOf(
  overload: ScalarFunction,
  fixed: readonly DataType[],
  element: DataType,
  result: DataType,
): ScalarFunction {
  const array = arrayTypeOf(element)!
  const one = (type: DataType, value: unknown): SqlVector => vectorOf(type, 1, () => value)
  return {
    name: overload.name,
    arguments: [...fixed, array],
    isVariadic: false,
    result,
    isStrict: overload.isStrict,
    volatility: overload.volatility,
    evaluate: (vectors, rowCount, valid, surroundings) =>
      vectorOf(result, rowCount, (row) => {
        if (valid !== null && valid[row] === 0) return null
        const values = vectors.map((vector, index) =>
          valueAt(vector, fixed[index] ?? array, vector.values.length === 1 ? 0 : row),
        )
        const last = values.pop() as SqlArray | null
        const isNone = last === null && overload.name !== 'format'
        if (isNone || (overload.isStrict && last!.values.includes(null))) return null
        const elements = last?.values ?? []
        const types = [...fixed, ...elements.map(() => element)]
        const parts = [...values, ...elements].map((value, index) => one(types[index]!, value))
        const call = { arguments: types, result }
        return valueAt(overload.evaluate(parts, 1, null, surroundings, call), result, 0)
      }),
  }
}
