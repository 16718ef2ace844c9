// pg_type: every type that a value or a column can have.

import { allTypes } from '../type.ts'
import type { CatalogRow } from './catalog-relation.ts'
import { OWNER_OID } from './oid.ts'
import { CATALOG_OID } from './server-rows.ts'
import { typeTraits } from './type-traits.ts'

const ARRAY_SUBSCRIPT = 6179
const RAW_ARRAY_SUBSCRIPT = 6180
const ARRAY_ANALYZE = 3816
const CHAR = 18

export function* typeRows(): Iterable<CatalogRow> {
  for (const type of allTypes()) {
    const traits = typeTraits(type)
    const isArray = type.element !== null
    // `name` is an array of "char" of a fixed length to PostgreSQL.
    const element = type.name === 'name' ? CHAR : (type.element?.oid ?? 0)
    const isRaw = type.name === 'name'
    yield {
      oid: type.oid,
      typname: type.name,
      typnamespace: CATALOG_OID,
      typowner: OWNER_OID,
      typlen: type.size,
      typbyval: traits.isByValue,
      typtype: traits.kind,
      typcategory: type.category,
      typispreferred: type.isPreferred,
      typisdefined: true,
      typdelim: ',',
      typsubscript: isArray ? ARRAY_SUBSCRIPT : isRaw ? RAW_ARRAY_SUBSCRIPT : 0,
      typelem: element,
      typarray: type.arrayOid,
      typinput: traits.input.oid,
      typoutput: traits.output.oid,
      typreceive: traits.receive?.oid,
      typsend: traits.send?.oid,
      typmodin: traits.modifierInput?.oid,
      typmodout: traits.modifierOutput?.oid,
      typanalyze: type.name.startsWith('_') ? ARRAY_ANALYZE : 0,
      typalign: traits.align,
      typstorage: traits.storage,
      typtypmod: -1,
      typcollation: traits.collation,
    }
  }
}
