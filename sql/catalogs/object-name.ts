// Names to oids and back, for the types regclass, regtype, regproc, regnamespace and regrole: what they
// read and print. Source: regproc.c of PostgreSQL 15.

import type { Relation } from '../relation.ts'
import { SqlError } from '../sql-error.ts'
import { typeOfOid } from '../type.ts'
import { catalogRelation, catalogRelationOfOid } from './catalogs.ts'
import { nameParts, quoteIdentifier } from './identifier.ts'
import { keyName } from './key.ts'
import { indexOid } from './oid.ts'
import { routinesOf, type Routine } from './routine.ts'
import { argumentsText } from './routine-rows.ts'
import { rolesOf, SCHEMAS } from './server-rows.ts'
import type { CatalogSnapshot, CatalogTable } from './snapshot.ts'
import { formatType, readTypeName } from './type-text.ts'

/** The table of an oid, its own or its index's; null: neither is. */
export function tableOfOid(
  { tables }: CatalogSnapshot,
  oid: number,
): { table: CatalogTable; isIndex: boolean } | null {
  for (const table of tables) {
    if (table.relation.oid === oid) return { table, isIndex: false }
    if (indexOid(table.relation.name) === oid) return { table, isIndex: true }
  }
  return null
}

/** Name and schema of whatever pg_class has under an oid. */
export function relationName(
  snapshot: CatalogSnapshot,
  oid: number,
): { schema: string; name: string } | null {
  const found = tableOfOid(snapshot, oid)
  if (!found) return catalogRelationOfOid(oid)
  const { schema, name } = found.table.relation
  return { schema, name: found.isIndex ? keyName(name) : name }
}

/** Oid of a table, an index or a catalog by name; null: there is none. */
function findRelation(snapshot: CatalogSnapshot, schema: string | null, name: string) {
  const catalog = schema === null || schema === 'pg_catalog' ? 'pg_catalog' : schema
  const system: Relation | null = catalogRelation(catalog, name)
  if (system) return system.oid
  if (schema !== null && schema !== 'public') return null
  for (const { relation } of snapshot.tables) {
    if (relation.name === name) return relation.oid
    if (keyName(relation.name) === name) return indexOid(relation.name)
  }
  return null
}

/** Of the written name of a function, without arguments or with them; null: none. */
function findRoutines(snapshot: CatalogSnapshot, text: string): Routine[] | null {
  const [, name = '', list] = /^([^(]*)(\(.*\))?$/su.exec(text) ?? []
  const parts = nameParts(name)
  if (!parts) return null
  const [last, schema] = [parts.at(-1), parts.at(-2)]
  if (schema !== undefined && schema !== 'pg_catalog') return []
  const all = [...routinesOf(snapshot.functions).values()].filter((each) => each.name === last)
  if (list === undefined) return all
  const wanted = list.slice(1, -1).split(',')
  const oids = list === '()' ? [] : wanted.map((type) => readTypeName(type)?.oid)
  return all.filter(
    (each) =>
      each.arguments.length === oids.length &&
      each.arguments.every(({ oid }, index) => oid === oids[index]),
  )
}

export type ObjectKind =
  | 'regclass'
  | 'regtype'
  | 'regproc'
  | 'regprocedure'
  | 'regnamespace'
  | 'regrole'

const MISSING: Readonly<Record<ObjectKind, readonly [sqlstate: string, subject: string]>> = {
  regclass: ['42P01', 'relation'],
  regtype: ['42704', 'type'],
  regproc: ['42883', 'function'],
  regprocedure: ['42883', 'function'],
  regnamespace: ['3F000', 'schema'],
  regrole: ['42704', 'role'],
}

/** The oid that a text means; null: nothing is called that. Digits are the oid itself, `-` is 0. */
export function findObject(
  snapshot: CatalogSnapshot,
  kind: ObjectKind,
  text: string,
): number | null {
  if (text === '-') return 0
  if (/^\d+$/.test(text)) return Number(text)
  if (kind === 'regtype') return readTypeName(text)?.oid ?? null
  if (kind === 'regproc' || kind === 'regprocedure') {
    const routines = findRoutines(snapshot, text) ?? []
    if (routines.length > 1) {
      throw new SqlError('42725', `more than one function named "${text}"`)
    }
    return routines[0]?.oid ?? null
  }
  const parts = nameParts(text)
  if (!parts) throw new SqlError('42602', `invalid name syntax`)
  const name = parts.at(-1)!
  if (kind === 'regclass') return findRelation(snapshot, parts.at(-2) ?? null, name)
  const names =
    kind === 'regrole'
      ? rolesOf(snapshot).map((role) => [role.oid, role.name] as const)
      : [...SCHEMAS]
  return names.find((each) => each[1] === name)?.[0] ?? null
}

/** The oid that a text means; throws PostgreSQL's error if nothing is called that. */
export function readObject(snapshot: CatalogSnapshot, kind: ObjectKind, text: string): number {
  const oid = findObject(snapshot, kind, text)
  if (oid !== null) return oid
  const [sqlstate, subject] = MISSING[kind]
  const name = kind === 'regclass' ? (nameParts(text)?.join('.') ?? text) : text
  throw new SqlError(sqlstate, `${subject} "${name}" does not exist`)
}

/** What a value of one of these types prints: the name, `-` for 0, the number of an unknown one. */
export function objectText(snapshot: CatalogSnapshot, kind: string, oid: number): string {
  if (oid === 0) return '-'
  return objectName(snapshot, kind, oid) ?? String(oid)
}

function objectName(snapshot: CatalogSnapshot, kind: string, oid: number): string | null {
  if (kind === 'regtype') return typeOfOid(oid) && formatType(oid, null)
  if (kind === 'regclass') {
    const found = relationName(snapshot, oid)
    if (!found) return null
    const isVisible = found.schema === 'public' || found.schema === 'pg_catalog'
    const name = quoteIdentifier(found.name)
    return isVisible ? name : `${found.schema}.${name}`
  }
  if (kind === 'regproc' || kind === 'regprocedure') {
    const routine = routinesOf(snapshot.functions).get(oid)
    if (!routine) return null
    const name = quoteIdentifier(routine.name)
    const list = argumentsText(routine, true).replaceAll(', ', ',')
    return kind === 'regproc' ? name : `${name}(${list})`
  }
  const name =
    kind === 'regnamespace'
      ? SCHEMAS.get(oid)
      : kind === 'regrole'
        ? rolesOf(snapshot).find((role) => role.oid === oid)?.name
        : undefined
  return name === undefined ? null : quoteIdentifier(name)
}
