// All functions of a session: those of values, and those that look in the catalogs.

import { accessFunctions } from '../catalogs/access-functions.ts'
import { definitionFunctions } from '../catalogs/definition-functions.ts'
import { nameFunctions } from '../catalogs/name-functions.ts'
import { objectCasts } from '../catalogs/object-casts.ts'
import { sessionFunctions } from '../catalogs/session-functions.ts'
import type { FunctionLists } from '../catalogs/snapshot.ts'
import { catalogTableFunctions } from '../catalogs/table-functions.ts'
import type { FunctionTable, ScalarFunction } from '../function.ts'
import { declaredCasts } from '../functions/cast.ts'
import {
  aggregateFunctions,
  functionTableOf,
  operatorFunctions,
  scalarFunctions,
  tableFunctions,
} from '../functions/table.ts'

const objectFunctions = [...definitionFunctions, ...accessFunctions, ...nameFunctions]
const added = [...objectFunctions, ...sessionFunctions]

export const FUNCTIONS: FunctionTable = functionTableOf({
  scalars: added,
  casts: objectCasts,
  tables: catalogTableFunctions,
})

/** What `pg_proc` lists. */
export const FUNCTION_LISTS: FunctionLists = {
  scalars: [...scalarFunctions, ...added],
  aggregates: aggregateFunctions,
  tables: [...tableFunctions, ...catalogTableFunctions],
  operators: operatorFunctions,
  casts: [...declaredCasts, ...objectCasts],
}

const takesObject = ({ arguments: types }: ScalarFunction): boolean =>
  types.some(({ name }) => name === 'oid' || name.startsWith('reg'))

/** Names of those that need to know the tables. */
export const CATALOG_FUNCTIONS: ReadonlySet<string> = new Set(
  [...objectFunctions, ...sessionFunctions.filter(takesObject)].map(({ name }) => name),
)
