// information_schema: what the standard says of tables, columns and keys. Of a database's own tables,
// and of the catalogs themselves, as in PostgreSQL. Source: its information_schema.sql.

import type { RelationColumn } from '../relation.ts'
import type { DataType } from '../type.ts'
import type { CatalogRow, CatalogShape } from './catalog-relation.ts'
import { keyColumns, keyName } from './key.ts'
import { routinesOf } from './routine.ts'
import { OWNER_NAME, rolesOf, SCHEMAS } from './server-rows.ts'
import type { CatalogSnapshot } from './snapshot.ts'
import { formatType } from './type-text.ts'

interface Listed {
  readonly schema: string
  readonly name: string
  readonly kind: 'r' | 'v'
  readonly columns: readonly RelationColumn[]
}

function listed(snapshot: CatalogSnapshot, system: readonly CatalogShape[]): Listed[] {
  const own = snapshot.tables.map(({ relation: { schema, name, columns } }) => ({
    schema,
    name,
    kind: 'r' as const,
    columns,
  }))
  return [...own, ...system]
}

const table = (snapshot: CatalogSnapshot, { schema, name }: { schema: string; name: string }) => ({
  table_catalog: snapshot.database,
  table_schema: schema,
  table_name: name,
})

const yes = (is: boolean): string => (is ? 'YES' : 'NO')

export function* schemaRows({ database }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const name of SCHEMAS.values()) {
    yield { catalog_name: database, schema_name: name, schema_owner: OWNER_NAME }
  }
}

export function* catalogNameRows({ database }: CatalogSnapshot): Iterable<CatalogRow> {
  yield { catalog_name: database }
}

export function* tableListRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  for (const each of listed(snapshot, system)) {
    const type = each.kind === 'v' ? 'VIEW' : 'BASE TABLE'
    yield {
      ...table(snapshot, each),
      table_type: type,
      is_insertable_into: yes(each.schema === 'public'),
      is_typed: 'NO',
    }
  }
}

export function* viewListRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  for (const each of system) {
    if (each.kind !== 'v') continue
    yield {
      ...table(snapshot, each),
      check_option: 'NONE',
      is_updatable: 'NO',
      is_insertable_into: 'NO',
      is_trigger_updatable: 'NO',
      is_trigger_deletable: 'NO',
      is_trigger_insertable_into: 'NO',
    }
  }
}

export function* columnListRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  for (const each of listed(snapshot, system)) {
    for (const [position, column] of each.columns.entries()) {
      yield {
        ...table(snapshot, each),
        column_name: column.name,
        ordinal_position: position + 1,
        is_nullable: yes(column.isNullable),
        ...typeColumns(snapshot.database, column.type),
        dtd_identifier: String(position + 1),
        is_self_referencing: 'NO',
        is_identity: 'NO',
        identity_cycle: 'NO',
        is_generated: 'NEVER',
        is_updatable: yes(each.schema === 'public'),
      }
    }
  }
}

const OCTETS_MAX = 2 ** 30
/** Significant bits of numbers; those of integers have a scale, 0. */
const INTEGER_BITS = new Map([
  ['int2', 16],
  ['int4', 32],
  ['int8', 64],
])
const FLOAT_BITS = new Map([
  ['float4', 24],
  ['float8', 53],
])
const FRACTIONAL_TIMES = new Set(['time', 'timestamp', 'timestamptz', 'interval'])
const COLLATED = new Set(['text', 'varchar', 'bpchar'])

function typeColumns(database: string, type: DataType): CatalogRow {
  const { name } = type
  const integerBits = INTEGER_BITS.get(name)
  const bits = integerBits ?? FLOAT_BITS.get(name)
  const radix = bits === undefined ? (name === 'numeric' ? 10 : null) : 2
  return {
    data_type: name.startsWith('_') ? 'ARRAY' : formatType(type.oid, null),
    character_octet_length: COLLATED.has(name) ? OCTETS_MAX : null,
    numeric_precision: bits,
    numeric_precision_radix: radix,
    numeric_scale: integerBits === undefined ? null : 0,
    datetime_precision: FRACTIONAL_TIMES.has(name) ? 6 : name === 'date' ? 0 : null,
    udt_catalog: database,
    udt_schema: 'pg_catalog',
    udt_name: name,
    ...(name === 'name'
      ? { collation_catalog: database, collation_schema: 'pg_catalog', collation_name: 'C' }
      : {}),
  }
}

export function* tableConstraintRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation } of snapshot.tables) {
    const row = {
      constraint_catalog: snapshot.database,
      constraint_schema: 'public',
      ...table(snapshot, relation),
      is_deferrable: 'NO',
      initially_deferred: 'NO',
      enforced: 'YES',
    }
    yield { ...row, constraint_name: keyName(relation.name), constraint_type: 'PRIMARY KEY' }
    for (const [position, { isNullable }] of relation.columns.entries()) {
      if (isNullable) continue
      const name = `2200_${relation.oid}_${position + 1}_not_null`
      yield { ...row, constraint_name: name, constraint_type: 'CHECK' }
    }
  }
}

export function* keyColumnRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation } of snapshot.tables) {
    for (const [position, index] of keyColumns(relation.columns).entries()) {
      yield {
        constraint_catalog: snapshot.database,
        constraint_schema: 'public',
        constraint_name: keyName(relation.name),
        ...table(snapshot, relation),
        column_name: relation.columns[index]!.name,
        ordinal_position: position + 1,
      }
    }
  }
}

export function* constraintTableRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation } of snapshot.tables) {
    yield {
      ...table(snapshot, relation),
      constraint_catalog: snapshot.database,
      constraint_schema: 'public',
      constraint_name: keyName(relation.name),
    }
  }
}

export function* enabledRoleRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  const own = rolesOf(snapshot).find(({ name }) => name === snapshot.user)
  for (const { name } of own?.isSuperuser ? rolesOf(snapshot) : own ? [own] : []) {
    yield { role_name: name }
  }
}

export function* characterSetRows({ database }: CatalogSnapshot): Iterable<CatalogRow> {
  yield {
    character_set_name: 'UTF8',
    character_repertoire: 'UCS',
    form_of_use: 'UTF8',
    default_collate_catalog: database,
    default_collate_schema: 'pg_catalog',
    default_collate_name: 'C',
  }
}

/** What the session's role may do with each table, as `grantee`. */
export function* privilegeRows(snapshot: CatalogSnapshot): Iterable<CatalogRow> {
  for (const role of rolesOf(snapshot)) {
    const kinds = role.canWrite ? ['INSERT', 'SELECT', 'DELETE', 'TRUNCATE'] : ['SELECT']
    for (const { relation } of snapshot.tables) {
      for (const kind of kinds) {
        yield {
          grantor: OWNER_NAME,
          grantee: role.name,
          ...table(snapshot, relation),
          privilege_type: kind,
          is_grantable: yes(role.name === OWNER_NAME),
          with_hierarchy: yes(kind === 'SELECT'),
        }
      }
    }
  }
}

export function* routineListRows({ database, functions }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { oid, name, kind, result } of routinesOf(functions).values()) {
    if (kind === 'aggregate') continue
    const specific = { specific_catalog: database, specific_schema: 'pg_catalog' }
    yield {
      ...specific,
      specific_name: `${name}_${oid}`,
      routine_catalog: database,
      routine_schema: 'pg_catalog',
      routine_name: name,
      routine_type: 'FUNCTION',
      data_type: result.title,
      type_udt_catalog: database,
      type_udt_schema: 'pg_catalog',
      type_udt_name: result.name,
      routine_body: 'EXTERNAL',
      external_language: 'INTERNAL',
      parameter_style: 'GENERAL',
      security_type: 'INVOKER',
    }
  }
}
