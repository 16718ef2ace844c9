// Tables, columns, indexes and constraints: pg_class, pg_attribute, pg_index, pg_constraint and the
// views over them. A table's key (tags, then time) is its primary key, with an index and a constraint.

import type { RelationColumn } from '../relation.ts'
import { typeOf } from '../type.ts'
import { arrayOf } from './array.ts'
import type { CatalogRow, CatalogShape } from './catalog-relation.ts'
import { indexDefinition } from './definition.ts'
import { keyColumns, keyName } from './key.ts'
import { constraintOid, indexOid, OWNER_OID } from './oid.ts'
import { CATALOG_OID, INFORMATION_OID, OWNER_NAME, PUBLIC_OID } from './server-rows.ts'
import type { CatalogSnapshot, CatalogTable } from './snapshot.ts'
import { typeTraits } from './type-traits.ts'

const HEAP = 2
const BTREE = 403
const PAGE_SIZE = 8_192
/** Operator classes of B-trees: text_ops and timestamptz_ops. */
const OPERATOR_CLASSES = new Map([
  ['text', 3126],
  ['timestamptz', 3127],
])

const RELATION = {
  relowner: OWNER_OID,
  relpersistence: 'p',
  relispopulated: true,
  relreplident: 'n',
}

export function* classRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  for (const table of snapshot.tables) yield* tableRows(table)
  for (const { oid, name, schema, kind, columns } of system) {
    yield {
      ...RELATION,
      oid,
      relname: name,
      relnamespace: schema === 'pg_catalog' ? CATALOG_OID : INFORMATION_OID,
      relam: kind === 'r' ? HEAP : 0,
      relkind: kind,
      relnatts: columns.length,
      relhasrules: kind === 'v',
    }
  }
}

function* tableRows({ relation, points, byteSize, options }: CatalogTable): Iterable<CatalogRow> {
  const { oid, name, columns } = relation
  const pages = Math.ceil(byteSize / PAGE_SIZE)
  yield {
    ...RELATION,
    oid,
    relname: name,
    relnamespace: PUBLIC_OID,
    relam: HEAP,
    relfilenode: oid,
    relpages: pages,
    reltuples: points,
    relallvisible: pages,
    relhasindex: true,
    relkind: 'r',
    relnatts: columns.length,
    relreplident: 'd',
    reloptions: options.length > 0 ? arrayOf(typeOf('_text'), options) : null,
  }
  yield {
    ...RELATION,
    oid: indexOid(name),
    relname: keyName(name),
    relnamespace: PUBLIC_OID,
    relam: BTREE,
    relfilenode: indexOid(name),
    reltuples: points,
    relkind: 'i',
    relnatts: keyColumns(columns).length,
  }
}

export function* attributeRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  for (const { relation } of snapshot.tables) {
    const { oid, name, columns } = relation
    for (const [position, column] of columns.entries()) yield attributeRow(oid, position, column)
    for (const [position, index] of keyColumns(columns).entries()) {
      const column = { ...columns[index]!, isNullable: true }
      yield attributeRow(indexOid(name), position, column)
    }
  }
  for (const { oid, columns } of system) {
    for (const [position, column] of columns.entries()) yield attributeRow(oid, position, column)
  }
}

function attributeRow(
  attrelid: number,
  position: number,
  { name, type, isNullable }: RelationColumn,
): CatalogRow {
  const { isByValue, align, storage, collation } = typeTraits(type)
  return {
    attrelid,
    attname: name,
    atttypid: type.oid,
    attstattarget: -1,
    attlen: type.size,
    attnum: position + 1,
    attndims: type.name.startsWith('_') ? 1 : 0,
    attcacheoff: -1,
    atttypmod: -1,
    attbyval: isByValue,
    attalign: align,
    attstorage: storage,
    attnotnull: !isNullable,
    attislocal: true,
    attcollation: collation,
  }
}

export function* indexRows({ tables }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation } of tables) {
    const { oid, name, columns } = relation
    const key = keyColumns(columns)
    const types = key.map((position) => columns[position]!.type)
    const oidVector = (oids: number[]) => arrayOf(typeOf('oidvector'), oids)
    yield {
      indexrelid: indexOid(name),
      indrelid: oid,
      indnatts: key.length,
      indnkeyatts: key.length,
      indisunique: true,
      indisprimary: true,
      indimmediate: true,
      indisvalid: true,
      indisready: true,
      indislive: true,
      indkey: arrayOf(
        typeOf('int2vector'),
        key.map((position) => position + 1),
      ),
      indcollation: oidVector(types.map((type) => typeTraits(type).collation)),
      indclass: oidVector(types.map((type) => OPERATOR_CLASSES.get(type.name) ?? 0)),
      indoption: arrayOf(
        typeOf('int2vector'),
        key.map(() => 0),
      ),
    }
  }
}

export function* constraintRows({ tables }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation } of tables) {
    const { oid, name, columns } = relation
    yield {
      oid: constraintOid(name),
      conname: keyName(name),
      connamespace: PUBLIC_OID,
      contype: 'p',
      convalidated: true,
      conrelid: oid,
      conindid: indexOid(name),
      confupdtype: ' ',
      confdeltype: ' ',
      confmatchtype: ' ',
      conislocal: true,
      connoinherit: true,
      conkey: arrayOf(
        typeOf('_int2'),
        keyColumns(columns).map((position) => position + 1),
      ),
    }
  }
}

export function* tableViewRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  const tableowner = OWNER_NAME
  const row = { tableowner, hasrules: false, hastriggers: false, rowsecurity: false }
  for (const { relation } of snapshot.tables) {
    yield { ...row, schemaname: 'public', tablename: relation.name, hasindexes: true }
  }
  for (const { schema, name, kind } of system) {
    if (kind === 'r') yield { ...row, schemaname: schema, tablename: name, hasindexes: false }
  }
}

export function* viewRows(
  snapshot: CatalogSnapshot,
  system: readonly CatalogShape[],
): Iterable<CatalogRow> {
  const viewowner = OWNER_NAME
  for (const { schema, name, kind } of system) {
    if (kind === 'v') yield { schemaname: schema, viewname: name, viewowner }
  }
}

export function* indexViewRows({ tables }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation } of tables) {
    yield {
      schemaname: 'public',
      tablename: relation.name,
      indexname: keyName(relation.name),
      indexdef: indexDefinition(relation, false),
    }
  }
}

export function* tableStatisticsRows({ tables }: CatalogSnapshot): Iterable<CatalogRow> {
  for (const { relation, points } of tables) {
    const row: Record<string, unknown> = { relid: relation.oid, schemaname: 'public' }
    for (const name of COUNTERS) row[name] = 0n
    yield { ...row, relname: relation.name, n_live_tup: BigInt(points) }
  }
}

const COUNTERS = [
  'seq_scan seq_tup_read idx_scan idx_tup_fetch n_tup_ins n_tup_upd n_tup_del n_tup_hot_upd',
  'n_live_tup n_dead_tup n_mod_since_analyze n_ins_since_vacuum vacuum_count autovacuum_count',
  'analyze_count autoanalyze_count',
]
  .join(' ')
  .split(' ')
