// How functions are written down: names of types, a computation of one row, and a loop over vectors made
// of them. Rows that do not count are left out; a result of null is SQL's null.

import type { SqlVector } from '../batch.ts'
import { emptyValues, valueAt, vectorOf } from '../execute/vector.ts'
import type { CallTypes, ScalarFunction, Surroundings } from '../function.ts'
import { type DataType, typeOf } from '../type.ts'

/** Values as vectors hold them, booleans as 0 and 1; of strict functions never null. */
export type Compute = (...values: never[]) => unknown

export interface Options {
  readonly isStrict?: boolean
  readonly isVariadic?: boolean
  readonly volatility?: ScalarFunction['volatility']
  /** The computation's first argument is the surroundings. */
  readonly isSituated?: boolean
}

type Row = (...values: unknown[]) => unknown

/** Types by name, with a space between. */
export const typesOf = (names: string): DataType[] =>
  names === '' ? [] : names.split(' ').map(typeOf)

const read = ({ values, valid }: SqlVector, row: number): unknown =>
  valid !== null && valid[row] === 0 ? null : values[row]

/** Computes each row that counts. */
export function eachRow(
  type: DataType,
  vectors: readonly SqlVector[],
  rowCount: number,
  active: Uint8Array | null,
  compute: Row,
): SqlVector {
  const out = emptyValues(type.layout, rowCount) as unknown[]
  let valid: Uint8Array | null = null
  const steps = vectors.map(({ values }) => (values.length === 1 ? 0 : 1))
  const [a, b] = vectors
  const [stepA, stepB] = steps
  for (let row = 0; row < rowCount; row++) {
    if (active !== null && active[row] === 0) continue
    const value =
      vectors.length === 1
        ? compute(read(a!, row * stepA!))
        : vectors.length === 2
          ? compute(read(a!, row * stepA!), read(b!, row * stepB!))
          : compute(...vectors.map((vector, index) => read(vector, row * steps[index]!)))
    if (value === null) {
      valid ??= new Uint8Array(rowCount).fill(1)
      valid[row] = 0
    } else out[row] = value
  }
  return { values: out as unknown as SqlVector['values'], valid }
}

/** A function of one overload. */
export function scalar(
  name: string,
  types: string,
  result: string,
  compute: Compute,
  options: Options = {},
): ScalarFunction {
  const { isStrict = true, isVariadic = false, volatility = 'immutable' } = options
  const type = typeOf(result)
  const bind = (surroundings: Surroundings): Row =>
    options.isSituated
      ? (compute as unknown as (surroundings: Surroundings) => Row).bind(null, surroundings)
      : (compute as Row)
  return {
    name,
    arguments: typesOf(types),
    isVariadic,
    result: type,
    isStrict,
    volatility: options.isSituated && volatility === 'immutable' ? 'stable' : volatility,
    evaluate: (vectors, rowCount, valid, surroundings) =>
      eachRow(type, vectors, rowCount, valid, bind(surroundings)),
  }
}

export interface TypedCall extends CallTypes {
  readonly surroundings: Surroundings
}

/** Values are as vectors have them, booleans as booleans; of strict functions never null. */
export type Typed = (values: readonly never[], call: TypedCall) => unknown

/**
 * A function that hears the types of its call, of polymorphic arguments or `any`. `result`: a type's
 * name, or made of the arguments' types.
 */
export function typed(
  name: string,
  types: string,
  result: string | ((given: readonly DataType[]) => DataType),
  compute: Typed,
  { isStrict = true, isVariadic = false, volatility = 'immutable' }: Options = {},
): ScalarFunction {
  return {
    name,
    arguments: typesOf(types),
    isVariadic,
    result: typeof result === 'string' ? typeOf(result) : result,
    isStrict,
    volatility,
    evaluate: (vectors, rowCount, valid, surroundings, call) =>
      vectorOf(call.result, rowCount, (row) => {
        if (valid !== null && valid[row] === 0) return null
        const values = vectors.map((vector, index) =>
          valueAt(vector, call.arguments[index]!, vector.values.length === 1 ? 0 : row),
        )
        return compute(values as never[], { ...call, surroundings })
      }),
  }
}

type FloatLoop = (
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  ia: number,
  ib: number,
) => void

/** A function of two floats whose loop is its own, for speed; `check` looks at the results. */
export function floatLoop(
  name: string,
  types: string,
  result: string,
  loop: FloatLoop,
  check: (a: number, b: number, result: number) => void,
): ScalarFunction {
  const isBoolean = result === 'bool'
  return {
    ...scalar(name, types, result, () => null),
    evaluate: ([one, two], rowCount, valid) => {
      const [a, b] = [one!.values as Float64Array, two!.values as Float64Array]
      const [ia, ib] = [a.length === 1 ? 0 : 1, b.length === 1 ? 0 : 1]
      const out = (
        isBoolean ? new Uint8Array(rowCount) : new Float64Array(rowCount)
      ) as Float64Array
      loop(a, b, out, ia, ib)
      if (!isBoolean) {
        for (let i = 0; i < rowCount; i++) {
          if (Number.isFinite(out[i]) && out[i] !== 0) continue
          if (valid === null || valid[i] === 1) check(a[i * ia]!, b[i * ib]!, out[i]!)
        }
      }
      return { values: out, valid: null }
    },
  }
}
