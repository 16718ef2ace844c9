// pg_operator and pg_cast: what the tables of functions have.

import type { CatalogRow } from './catalog-relation.ts'
import { OWNER_OID, functionOid } from './oid.ts'
import { resultOf } from './routine.ts'
import { CATALOG_OID } from './server-rows.ts'
import type { CatalogSnapshot } from './snapshot.ts'
import { type DataType, typeOf } from '../type.ts'

const isArray = ({ name, element }: DataType): boolean => element !== null && name.startsWith('_')

export function* operatorRows({ functions }: CatalogSnapshot): Iterable<CatalogRow> {
  const seen = new Set<string>()
  for (const { name, arguments: given, result } of functions.operators ?? []) {
    // Arrays have one overload for each of their types.
    const isArrays = given.length === 2 && given.every((type) => type === given[0] && isArray(type))
    const types = isArrays ? given.map(() => typeOf('anyarray')) : given
    const oids = types.map(({ oid }) => oid)
    const key = `${name} ${oids.join()}`
    if (seen.has(key)) continue
    seen.add(key)
    const [left, right] = oids.length === 1 ? [0, oids[0]] : oids
    yield {
      oid: functionOid(`operator ${name}(${oids.join()})`),
      oprname: name,
      oprnamespace: CATALOG_OID,
      oprowner: OWNER_OID,
      oprkind: oids.length === 1 ? 'l' : 'b',
      oprcanmerge: name === '=',
      oprcanhash: name === '=',
      oprleft: left,
      oprright: right,
      oprresult: resultOf(result, types).oid,
      oprcom: 0,
      oprnegate: 0,
      oprcode: 0,
      oprrest: 0,
      oprjoin: 0,
    }
  }
}

/** Those that are written down; text goes to and from every type besides. */
export function* castRows({ functions }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { source, target, context } of functions.casts ?? []) {
    const isText = [source, target].some(({ category }) => category === 'S' || category === 'X')
    const isImplicit = target.name === 'regclass' && context === 'implicit'
    if (source === target || source.name === 'unknown' || (isText && !isImplicit)) continue
    yield {
      oid: functionOid(`cast ${source.oid} ${target.oid}`),
      castsource: source.oid,
      casttarget: target.oid,
      castfunc: 0,
      castcontext: context[0],
      castmethod: 'f',
    }
  }
}
