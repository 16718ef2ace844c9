// What is beside the tables: databases, schemas, roles, settings, access methods, languages, collations,
// sessions. Oids that PostgreSQL fixes are its own.

import type { CatalogRow } from './catalog-relation.ts'
import { databaseOid, OWNER_OID, roleOid } from './oid.ts'
import type { CatalogRole, CatalogSnapshot } from './snapshot.ts'

export const CATALOG_OID = 11
export const PUBLIC_OID = 2200
/** As initdb of PostgreSQL 15 gives it. */
export const INFORMATION_OID = 13_207
const UTF8 = 6
const DEFAULT_TABLESPACE = 1663

/** Schemas by oid. */
export const SCHEMAS: ReadonlyMap<number, string> = new Map([
  [99, 'pg_toast'],
  [CATALOG_OID, 'pg_catalog'],
  [PUBLIC_OID, 'public'],
  [INFORMATION_OID, 'information_schema'],
])

/** Who owns everything; a superuser, also where no token is one. */
const OWNER: CatalogRole = { name: 'omendb', isSuperuser: true, canWrite: true }

/** All roles with their oids, the owner first. */
export function rolesOf({ roles }: CatalogSnapshot): (CatalogRole & { oid: number })[] {
  const others = roles.filter(({ name }) => name !== OWNER.name)
  return [
    { ...OWNER, oid: OWNER_OID },
    ...others.map((role) => ({ ...role, oid: roleOid(role.name) })),
  ]
}

export const OWNER_NAME = OWNER.name

export function* databaseRows({ databases }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const name of databases) {
    yield {
      oid: databaseOid(name),
      datname: name,
      datdba: OWNER_OID,
      encoding: UTF8,
      datlocprovider: 'c',
      datistemplate: false,
      datallowconn: true,
      datconnlimit: -1,
      dattablespace: DEFAULT_TABLESPACE,
      datcollate: 'C',
      datctype: 'C',
    }
  }
}

export function* namespaceRows(): Iterable<CatalogRow> {
  for (const [oid, nspname] of SCHEMAS) yield { oid, nspname, nspowner: OWNER_OID }
}

export function* roleRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { name, oid, isSuperuser } of rolesOf(snapshot)) {
    yield {
      oid,
      rolname: name,
      rolsuper: isSuperuser,
      rolinherit: true,
      rolcreaterole: isSuperuser,
      rolcreatedb: isSuperuser,
      rolcanlogin: true,
      rolreplication: false,
      rolconnlimit: -1,
      rolpassword: '********',
      rolbypassrls: isSuperuser,
    }
  }
}

/** pg_authid shows no password, not even that there is one. */
export function* authorityRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const row of roleRows(snapshot)) yield { ...row, rolpassword: null }
}

export function* userRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { name, oid, isSuperuser } of rolesOf(snapshot)) {
    yield {
      usename: name,
      usesysid: oid,
      usecreatedb: isSuperuser,
      usesuper: isSuperuser,
      userepl: false,
      usebypassrls: isSuperuser,
      passwd: '********',
    }
  }
}

export function* settingRows({ settings }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { name, value, initial, unit, category, description, type, context } of settings) {
    yield {
      name,
      setting: value,
      unit,
      category,
      short_desc: description,
      context,
      vartype: type,
      source: value === initial ? 'default' : 'session',
      boot_val: initial,
      reset_val: initial,
      pending_restart: false,
    }
  }
}

export function* activityRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  const { database, processId, user, startedAt } = snapshot
  yield {
    datid: databaseOid(database),
    datname: database,
    pid: processId,
    usesysid: rolesOf(snapshot).find(({ name }) => name === user)?.oid ?? null,
    usename: user,
    application_name: setting(snapshot, 'application_name') ?? '',
    backend_start: startedAt,
    state: 'active',
    backend_type: 'client backend',
  }
}

/** A setting's value, or null. */
export function setting({ settings }: CatalogSnapshot, name: string): string | null {
  return settings.find((each) => each.name === name)?.value ?? null
}

export function* databaseStatisticsRows({ databases }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const name of databases) yield { datid: databaseOid(name), datname: name, numbackends: 0 }
}

const ACCESS_METHODS = [
  [2, 'heap', 3, 't'],
  [403, 'btree', 330, 'i'],
] as const

export function* accessMethodRows(): Iterable<CatalogRow> {
  for (const [oid, amname, amhandler, amtype] of ACCESS_METHODS) {
    yield { oid, amname, amhandler, amtype }
  }
}

export function* tablespaceRows(): Iterable<CatalogRow> {
  yield { oid: DEFAULT_TABLESPACE, spcname: 'pg_default', spcowner: OWNER_OID }
  yield { oid: 1664, spcname: 'pg_global', spcowner: OWNER_OID }
}

export function* languageRows(): Iterable<CatalogRow> {
  yield { oid: 12, lanname: 'internal', lanowner: OWNER_OID }
  yield { oid: 13, lanname: 'c', lanowner: OWNER_OID }
  yield { oid: 14, lanname: 'sql', lanowner: OWNER_OID, lanpltrusted: true }
}

export function* collationRows(): Iterable<CatalogRow> {
  const row = { collnamespace: CATALOG_OID, collowner: OWNER_OID, collisdeterministic: true }
  yield { ...row, oid: 100, collname: 'default', collprovider: 'd', collencoding: -1 }
  for (const [oid, collname] of [
    [950, 'C'],
    [951, 'POSIX'],
  ]) {
    const names = { collname, collcollate: collname, collctype: collname }
    yield { ...row, ...names, oid, collprovider: 'c', collencoding: -1 }
  }
}

export function* operatorClassRows(): Iterable<CatalogRow> {
  const row = { opcmethod: 403, opcnamespace: CATALOG_OID, opcowner: OWNER_OID, opcdefault: true }
  yield { ...row, oid: 3126, opcname: 'text_ops', opcfamily: 1994, opcintype: 25 }
  yield { ...row, oid: 3127, opcname: 'timestamptz_ops', opcfamily: 434, opcintype: 1184 }
}
