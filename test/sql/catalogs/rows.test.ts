// The catalogs beside PostgreSQL 15: the columns of every relation, and the rows of a table, its key and
// every type, value for value but for oids that are ours.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { valuesOf } from '../../../sql/catalogs/array.ts'
import { catalogRelation } from '../../../sql/catalogs/catalogs.ts'
import { readShapes } from '../../../sql/catalogs/catalog-relation.ts'
import { INFORMATION_SCHEMA_COLUMNS } from '../../../sql/catalogs/information-schema-columns.ts'
import { PG_CATALOG_COLUMNS } from '../../../sql/catalogs/pg-catalog-columns.ts'
import { objectText, type ObjectKind } from '../../../sql/catalogs/object-name.ts'
import { OBJECT_KINDS } from '../../../sql/catalogs/object-casts.ts'
import { typeRoutines } from '../../../sql/catalogs/type-traits.ts'
import type { RunContext } from '../../../sql/relation.ts'
import { allTypes, type DataType } from '../../../sql/type.ts'
import { missingPostgres, startPostgres, type Postgres } from '../postgres.ts'
import { DEFINITIONS, snapshotOf, surroundingsOf } from './tables.ts'

const snapshot = snapshotOf({ scalars: [], aggregates: [], tables: [] })
const surroundings = surroundingsOf(snapshot)

const run: RunContext = {
  surroundings,
  check: () => {},
  pause: async () => {},
  hold: () => {},
}

let postgres: Postgres

beforeAll(async () => {
  if (missingPostgres !== null) return
  postgres = await startPostgres()
  for (const definition of DEFINITIONS) await postgres.query(definition)
}, 120_000)

afterAll(() => postgres?.close())

// The reason to skip: there is no PostgreSQL 15 to compare with.
const against = test.skipIf(missingPostgres !== null)

/** A value as PostgreSQL prints it. */
function textOf(type: DataType, value: unknown): string {
  if (type.name === 'bool') return value === 1 ? 't' : 'f'
  if (type.name === 'oidvector' || type.name === 'int2vector') return valuesOf(value).join(' ')
  if (type.element) return `{${valuesOf(value).join()}}`
  if (OBJECT_KINDS.includes(type.name as ObjectKind)) {
    const text = objectText(snapshot, type.name as ObjectKind, value as number)
    return text === String(value) ? (routineNames.get(value as number) ?? text) : text
  }
  return String(value)
}

/** Type functions come with a function table, which is empty here. */
const routineNames = new Map(typeRoutines().map(({ oid, name }) => [oid, name]))

type Row = Record<string, string | null>

/** All rows of a relation with these columns. */
async function rowsOf(schema: string, name: string, only?: readonly string[]): Promise<Row[]> {
  const relation = catalogRelation(schema, name)!
  const columns = relation.columns
    .map((_, index) => index)
    .filter((index) => only?.includes(relation.columns[index]!.name) ?? true)
  const scan = relation.scan({ columns, conditions: [], limit: null }, surroundings)
  const rows: Row[] = []
  for await (const { rowCount, columns: vectors } of scan.batches(run)) {
    for (let row = 0; row < rowCount; row++) {
      rows.push(
        Object.fromEntries(
          columns.map((column, index) => {
            const { name: columnName, type } = relation.columns[column]!
            const { values, valid } = vectors[index]!
            return [columnName, valid && !valid[row] ? null : textOf(type, values[row])]
          }),
        ),
      )
    }
  }
  return rows
}

async function oracleRows(text: string): Promise<Row[]> {
  const { columns, rows } = await postgres.query(text)
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]!])))
}

/** Without columns that are of this machine, this moment, or whose oids each gives itself. */
function without(rows: readonly Row[], names: readonly string[]): Row[] {
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))),
  )
}

against(
  'every relation of both schemas is there with its columns in order, types, oid',
  async () => {
    const shapes = [
      ...readShapes('pg_catalog', PG_CATALOG_COLUMNS),
      ...readShapes('information_schema', INFORMATION_SCHEMA_COLUMNS),
    ]
    const own = shapes.map(({ schema, name, kind, columns }) => {
      const list = columns.map(
        (column) => `${column.name} ${column.type.oid} ${column.isNullable ? 'f' : 't'}`,
      )
      return { schema, name, kind, columns: list.join() }
    })
    const theirs = await oracleRows(`
    SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
      string_agg(format('%s %s %s', a.attname,
        CASE WHEN t.typtype = 'd' THEN t.typbasetype WHEN t.typname = '_pg_statistic' THEN 2277 ELSE t.oid END,
        CASE WHEN a.attnotnull THEN 't' ELSE 'f' END), ',' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
    WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v')
      AND a.attnum > 0 GROUP BY 1, 2, 3`)
    const order = (rows: readonly Row[]) =>
      rows.map(({ schema, name, kind, columns }) => `${schema}.${name} ${kind}: ${columns}`).sort()
    expect(order(own)).toEqual(order(theirs))
  },
)

against('tables of pg_catalog have the oids that PostgreSQL fixes', async () => {
  const theirs = await oracleRows(
    `SELECT relname, oid FROM pg_class WHERE relnamespace = 11 AND relkind = 'r'`,
  )
  for (const { relname, oid } of theirs) {
    expect(`${relname} ${catalogRelation('pg_catalog', relname!)?.oid}`).toBe(`${relname} ${oid}`)
  }
})

against('pg_type says of every type what PostgreSQL says', async () => {
  const names = allTypes().map(({ oid }) => oid)
  const theirs = await oracleRows(`SELECT * FROM pg_type WHERE oid IN (${names.join()})`)
  const byOid = new Map(theirs.map((row) => [row['oid'], row]))
  for (const row of await rowsOf('pg_catalog', 'pg_type')) {
    const expected = byOid.get(row['oid']!)
    const skipped = ['typsubscript', 'typanalyze', 'typcollation']
    expect(without([row], skipped)).toEqual(without([expected!], skipped))
  }
})

const FILES = ['relfilenode', 'relpages', 'reltuples', 'relallvisible', 'reltoastrelid']
const OWN_OIDS = ['oid', 'reltype', 'relfrozenxid', 'relminmxid', 'reloptions']

against.each(['cpu', 'Mixed Case'])('pg_class has table and index of %s as there', async (name) => {
  const names = [name, `${name}_pkey`]
  const rows = await rowsOf('pg_catalog', 'pg_class')
  const own = rows.filter((row) => names.includes(row['relname']!))
  const quoted = names.map((each) => `'${each}'`)
  const theirs = await oracleRows(
    `SELECT * FROM pg_class WHERE relname IN (${quoted.join()}) ORDER BY relname <> '${name}'`,
  )
  const skipped = [...FILES, ...OWN_OIDS]
  expect(without(own, skipped)).toEqual(without(theirs, skipped))
})

against('pg_attribute has the columns of tables and keys as there', async () => {
  const rows = await rowsOf('pg_catalog', 'pg_attribute')
  const classes = await rowsOf('pg_catalog', 'pg_class', ['oid', 'relname'])
  const nameOf = new Map(classes.map((row) => [row['oid'], row['relname']]))
  const own = rows
    .map((row) => ({ ...row, attrelid: nameOf.get(row['attrelid']!)! }))
    .filter(({ attrelid }) => /^(cpu|Mixed Case)/.test(attrelid))
  const theirs = await oracleRows(`
    SELECT a.*, c.relname AS attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 2200 AND a.attnum > 0`)
  const key = (row: Row) => `${row['attrelid']} ${row['attnum']!.padStart(4)}`
  const order = (given: readonly Row[]) => [...given].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  // Later versions of 15 keep a number of their own in the options.
  const skipped = ['attoptions']
  expect(without(order(own), skipped)).toEqual(without(order(theirs), skipped))
})

against('pg_index and pg_constraint have the key as there', async () => {
  const own = await rowsOf('pg_catalog', 'pg_index')
  const theirs = await oracleRows(
    `SELECT i.* FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 2200
     ORDER BY c.relname DESC`,
  )
  const oids = ['indexrelid', 'indrelid']
  expect(without(own, oids)).toEqual(without(theirs, oids))
  const constraints = await rowsOf('pg_catalog', 'pg_constraint')
  const expected = await oracleRows(
    `SELECT * FROM pg_constraint WHERE connamespace = 2200 ORDER BY conname DESC`,
  )
  const skipped = ['oid', 'conrelid', 'conindid']
  expect(without(constraints, skipped)).toEqual(without(expected, skipped))
})

const STANDARD = ['tables', 'columns', 'key_column_usage', 'information_schema_catalog_name']

against.each(STANDARD)(
  'information_schema.%s says of our tables what it says there',
  async (name) => {
    const relation = catalogRelation('information_schema', name)!
    const hasTables = relation.columns.some((column) => column.name === 'table_schema')
    const rows = await rowsOf('information_schema', name)
    const own = hasTables ? rows.filter((row) => row['table_schema'] === 'public') : rows
    const where = hasTables ? `WHERE table_schema = 'public'` : ''
    const theirs = await oracleRows(`SELECT * FROM information_schema.${name} ${where}`)
    const sorted = (given: readonly Row[]) =>
      given
        .map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))
        .sort()
    expect(sorted(own)).toEqual(sorted(theirs))
  },
)

against('primary keys stand in table_constraints, in pg_indexes and pg_tables', async () => {
  const constraints = (await rowsOf('information_schema', 'table_constraints')).filter(
    (row) => row['constraint_type'] === 'PRIMARY KEY',
  )
  const theirs = await oracleRows(
    `SELECT * FROM information_schema.table_constraints
     WHERE table_schema = 'public' AND constraint_type = 'PRIMARY KEY' ORDER BY table_name DESC`,
  )
  expect(constraints).toEqual(theirs)
  expect(await rowsOf('pg_catalog', 'pg_indexes')).toEqual(
    await oracleRows(`SELECT * FROM pg_indexes WHERE schemaname = 'public' ORDER BY 2 DESC`),
  )
  const tables = (await rowsOf('pg_catalog', 'pg_tables')).filter(
    (row) => row['schemaname'] === 'public',
  )
  const expected = await oracleRows(
    `SELECT * FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename DESC`,
  )
  expect(without(tables, ['tableowner'])).toEqual(without(expected, ['tableowner']))
})

test('rows come in batches, and not more than are wanted', async () => {
  const relation = catalogRelation('pg_catalog', 'pg_type')!
  const count = async (limit: number | null) => {
    let rows = 0
    const scan = relation.scan({ columns: [0], conditions: [], limit }, surroundings)
    for await (const batch of scan.batches(run)) rows += batch.rowCount
    return rows
  }
  expect(await count(3)).toBe(3)
  expect(await count(0)).toBe(0)
  expect(await count(null)).toBe(allTypes().length)
})

test('a relation that is not there is null, and one without rows is empty', async () => {
  expect(catalogRelation('pg_catalog', 'cpu')).toBeNull()
  expect(catalogRelation('information_schema', 'pg_class')).toBeNull()
  expect(await rowsOf('pg_catalog', 'pg_trigger')).toEqual([])
})
