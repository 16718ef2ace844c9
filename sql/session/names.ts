// What a statement names, seen in its tree before it is bound: tables, which have to be described while
// one can wait, and whether it looks in the catalogs.

import type { Node as Tree } from 'libpg-query'
import { catalogRelation } from '../catalogs/catalogs.ts'
import { OBJECT_KINDS } from '../catalogs/object-casts.ts'

export interface Names {
  /** Of relations outside of the catalogs. */
  readonly tables: ReadonlySet<string>
  /** Relations, functions or types of the catalogs are among them. */
  readonly usesCatalog: boolean
}

interface Parts {
  relname?: string
  schemaname?: string
  funcname?: readonly Tree[]
  names?: readonly Tree[]
}

const SCHEMAS = ['pg_catalog', 'information_schema']
const OBJECT_TYPES = new Set<string>([...OBJECT_KINDS, ...OBJECT_KINDS.map((kind) => `_${kind}`)])

/** `catalogFunctions`: those that read the snapshot. */
export function namesOf(tree: Tree, catalogFunctions: ReadonlySet<string>): Names {
  const tables = new Set<string>()
  let usesCatalog = false
  const lastOf = (names: readonly Tree[]): string => {
    const last = names.at(-1) as { String?: { sval?: string } } | undefined
    return last?.String?.sval ?? ''
  }
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) {
      for (const one of value) visit(one)
      return
    }
    const { relname, schemaname, funcname, names } = value as Parts
    if (relname !== undefined) {
      if (isCatalog(schemaname, relname)) usesCatalog = true
      else tables.add(relname)
    }
    if (funcname !== undefined && catalogFunctions.has(lastOf(funcname))) usesCatalog = true
    if (Array.isArray(names) && OBJECT_TYPES.has(lastOf(names))) usesCatalog = true
    for (const one of Object.values(value)) visit(one)
  }
  visit(tree)
  return { tables, usesCatalog }
}

function isCatalog(schema: string | undefined, name: string): boolean {
  if (schema === undefined) return catalogRelation('pg_catalog', name) !== null
  return SCHEMAS.includes(schema)
}
