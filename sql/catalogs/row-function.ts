// Functions that are computed row by row: those that clients ask the catalogs with see few rows.

import type { ScalarFunction, Surroundings } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf } from '../type.ts'
import type { CatalogSnapshot } from './snapshot.ts'
import { valueAt, vectorOf } from './vector.ts'

/** Values as vectors hold them, booleans as booleans; null is SQL's null, of strict functions never given. */
export type Compute = (values: readonly unknown[], surroundings: Surroundings) => unknown

export interface RowFunctionOptions {
  readonly isStrict?: boolean
  readonly volatility?: ScalarFunction['volatility']
  readonly isVariadic?: boolean
}

/** `types` are the names of the arguments' types, with a space between. */
export function rowFunction(
  name: string,
  types: string,
  result: string,
  compute: Compute,
  { isStrict = true, volatility = 'stable', isVariadic = false }: RowFunctionOptions = {},
): ScalarFunction {
  const given = types === '' ? [] : types.split(' ').map(typeOf)
  const type = typeOf(result)
  return {
    name,
    arguments: given,
    isVariadic,
    result: type,
    isStrict,
    volatility,
    evaluate: (vectors, rowCount, valid, surroundings) =>
      vectorOf(type, rowCount, (row) => {
        if (valid && valid[row] === 0) return null
        const values = vectors.map((vector, index) =>
          valueAt(vector, given[Math.min(index, given.length - 1)]!, row),
        )
        if (isStrict && values.includes(null)) return null
        return compute(values, surroundings)
      }),
  }
}

/** The same function under several lists of types. */
export const overloads = (
  name: string,
  lists: readonly string[],
  result: string,
  compute: Compute,
  options?: RowFunctionOptions,
): ScalarFunction[] => lists.map((types) => rowFunction(name, types, result, compute, options))

/** What the session's database has; throws XX000 where there is none. */
export function catalogOf({ catalog }: Surroundings): CatalogSnapshot {
  if (!catalog) throw new SqlError('XX000', 'no database is open')
  return catalog
}
