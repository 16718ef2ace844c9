// All relations of pg_catalog and information_schema. Those without rows here are empty, with their
// columns: what they would list (triggers, policies, publications …) does not exist.

import {
  CatalogRelation,
  readShapes,
  type CatalogRow,
  type CatalogShape,
} from './catalog-relation.ts'
import * as tables from './class-rows.ts'
import { INFORMATION_SCHEMA_COLUMNS } from './information-schema-columns.ts'
import * as information from './information-rows.ts'
import { PG_CATALOG_COLUMNS } from './pg-catalog-columns.ts'
import { castRows, operatorRows } from './operator-rows.ts'
import { aggregateRows, routineRows } from './routine-rows.ts'
import * as server from './server-rows.ts'
import type { CatalogSnapshot } from './snapshot.ts'
import { typeRows } from './type-rows.ts'
import { abbreviationRows, zoneRows } from './zone-rows.ts'

type Rows = (snapshot: CatalogSnapshot, system: readonly CatalogShape[]) => Iterable<CatalogRow>

/** Rows that are the same in every database. */
function asRows(make: () => Iterable<object>): Rows {
  return () => make() as Iterable<CatalogRow>
}

const CATALOG_ROWS: Readonly<Record<string, Rows>> = {
  pg_aggregate: aggregateRows,
  pg_am: server.accessMethodRows,
  pg_attribute: tables.attributeRows,
  pg_authid: server.authorityRows,
  pg_cast: castRows,
  pg_class: tables.classRows,
  pg_collation: server.collationRows,
  pg_constraint: tables.constraintRows,
  pg_database: server.databaseRows,
  pg_index: tables.indexRows,
  pg_indexes: tables.indexViewRows,
  pg_language: server.languageRows,
  pg_namespace: server.namespaceRows,
  pg_opclass: server.operatorClassRows,
  pg_operator: operatorRows,
  pg_proc: routineRows,
  pg_roles: server.roleRows,
  pg_settings: server.settingRows,
  pg_stat_activity: server.activityRows,
  pg_stat_all_tables: tables.tableStatisticsRows,
  pg_stat_database: server.databaseStatisticsRows,
  pg_stat_user_tables: tables.tableStatisticsRows,
  pg_tables: tables.tableViewRows,
  pg_tablespace: server.tablespaceRows,
  pg_timezone_abbrevs: asRows(abbreviationRows),
  pg_timezone_names: asRows(zoneRows),
  pg_type: typeRows,
  pg_user: server.userRows,
  pg_views: tables.viewRows,
}

const INFORMATION_ROWS: Readonly<Record<string, Rows>> = {
  character_sets: information.characterSetRows,
  columns: information.columnListRows,
  constraint_column_usage: information.keyColumnRows,
  constraint_table_usage: information.constraintTableRows,
  enabled_roles: information.enabledRoleRows,
  information_schema_catalog_name: information.catalogNameRows,
  key_column_usage: information.keyColumnRows,
  role_table_grants: information.privilegeRows,
  routines: information.routineListRows,
  schemata: information.schemaRows,
  table_constraints: information.tableConstraintRows,
  table_privileges: information.privilegeRows,
  tables: information.tableListRows,
  views: information.viewListRows,
}

const SHAPES = [
  ...readShapes('pg_catalog', PG_CATALOG_COLUMNS),
  ...readShapes('information_schema', INFORMATION_SCHEMA_COLUMNS),
]

const NO_ROWS: Rows = () => []

function relationOf(shape: CatalogShape): CatalogRelation {
  const rows = shape.schema === 'pg_catalog' ? CATALOG_ROWS : INFORMATION_ROWS
  const make = rows[shape.name] ?? NO_ROWS
  return new CatalogRelation(shape, (snapshot) => make(snapshot, SHAPES))
}

const relations = SHAPES.map(relationOf)
const byName = new Map(
  relations.map((relation) => [`${relation.schema}.${relation.name}`, relation]),
)
const byOid = new Map(relations.map((relation) => [relation.oid, relation]))

/** A relation of `pg_catalog` or `information_schema`; null: there is none of this name. */
export function catalogRelation(schema: string, name: string): CatalogRelation | null {
  return byName.get(`${schema}.${name}`) ?? null
}

export function catalogRelationOfOid(oid: number): CatalogRelation | null {
  return byOid.get(oid) ?? null
}
