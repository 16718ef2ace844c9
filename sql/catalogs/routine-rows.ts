// pg_proc and pg_aggregate, and what pg_get_function_arguments and its like say of a row.

import { typeOf, typeOfOid, type DataType } from '../type.ts'
import { arrayOf } from './array.ts'
import type { CatalogRow } from './catalog-relation.ts'
import { quoteIdentifier } from './identifier.ts'
import { OWNER_OID } from './oid.ts'
import { routinesOf, type Routine } from './routine.ts'
import { CATALOG_OID } from './server-rows.ts'
import type { CatalogSnapshot } from './snapshot.ts'

const INTERNAL_LANGUAGE = 12
const KINDS = { function: 'f', table: 'f', aggregate: 'a' }

/** Types of the arguments as pg_proc has them: the last of a variadic function is an array. */
function argumentTypes({ arguments: types, isVariadic }: Routine): DataType[] {
  const last = types.at(-1)
  const array = isVariadic && last ? typeOfOid(last.arrayOid) : null
  return array ? [...types.slice(0, -1), array] : [...types]
}

const oids = (types: readonly DataType[]): number[] => types.map(({ oid }) => oid)

export function* routineRows({ functions }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const routine of routinesOf(functions).values()) {
    const types = argumentTypes(routine)
    yield {
      oid: routine.oid,
      proname: routine.name,
      pronamespace: CATALOG_OID,
      proowner: OWNER_OID,
      prolang: INTERNAL_LANGUAGE,
      procost: 1,
      prorows: routine.kind === 'table' ? 1000 : 0,
      provariadic: routine.isVariadic ? (routine.arguments.at(-1)?.oid ?? 0) : 0,
      prokind: KINDS[routine.kind],
      proisstrict: routine.isStrict,
      proretset: routine.kind === 'table',
      provolatile: routine.volatility,
      proparallel: 's',
      pronargs: types.length,
      prorettype: routine.result.oid,
      proargtypes: arrayOf(typeOf('oidvector'), oids(types)),
      prosrc: routine.name,
      ...columnsOf(routine, types),
    }
  }
}

/** A table function's columns are OUT arguments. */
function columnsOf({ columns }: Routine, types: readonly DataType[]): CatalogRow {
  if (columns.length === 0) return {}
  const all = [...types, ...columns.map(({ type }) => type)]
  const modes = all.map((_, index) => (index < types.length ? 'i' : 'o'))
  const names = [...types.map(() => ''), ...columns.map(({ name }) => name)]
  return {
    proallargtypes: arrayOf(typeOf('_oid'), oids(all)),
    proargmodes: arrayOf(typeOf('_char'), modes),
    proargnames: arrayOf(typeOf('_text'), names),
  }
}

export function* aggregateRows({ functions }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { oid, kind, directCount } of routinesOf(functions).values()) {
    if (kind !== 'aggregate') continue
    yield {
      aggfnoid: oid,
      aggkind: directCount === null ? 'n' : 'o',
      aggnumdirectargs: directCount ?? 0,
    }
  }
}

/** `double precision, VARIADIC text[]`; with `OUT` columns unless only what identifies it is wanted. */
export function argumentsText(routine: Routine, isIdentity: boolean): string {
  const types = argumentTypes(routine)
  const texts = types.map(({ title }, index) =>
    routine.isVariadic && index === types.length - 1 ? `VARIADIC ${title}` : title,
  )
  if (routine.directCount !== null) {
    const direct = texts.slice(0, routine.directCount).join(', ')
    const ordered = texts.slice(routine.directCount).join(', ')
    return direct === '' ? `ORDER BY ${ordered}` : `${direct} ORDER BY ${ordered}`
  }
  const columns = isIdentity ? [] : routine.columns
  const outputs = columns.map(({ name, type }) => `OUT ${quoteIdentifier(name)} ${type.title}`)
  return [...texts, ...outputs].join(', ')
}

/** `SETOF bigint`. */
export const resultText = ({ kind, result }: Routine): string =>
  kind === 'table' ? `SETOF ${result.title}` : result.title
