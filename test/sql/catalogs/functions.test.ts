// Functions of the catalogs beside PostgreSQL 15: called as the executor calls them, and compared with
// its answer to the same call.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { accessFunctions } from '../../../sql/catalogs/access-functions.ts'
import { valuesOf } from '../../../sql/catalogs/array.ts'
import { definitionFunctions } from '../../../sql/catalogs/definition-functions.ts'
import { keywords } from '../../../sql/catalogs/keyword.ts'
import { nameFunctions } from '../../../sql/catalogs/name-functions.ts'
import { objectCasts } from '../../../sql/catalogs/object-casts.ts'
import { constraintOid, indexOid, tableOid } from '../../../sql/catalogs/oid.ts'
import { sessionFunctions } from '../../../sql/catalogs/session-functions.ts'
import { catalogTableFunctions } from '../../../sql/catalogs/table-functions.ts'
import { readTypeName } from '../../../sql/catalogs/type-text.ts'
import { vectorOf, valueAt } from '../../../sql/catalogs/vector.ts'
import type { ScalarFunction } from '../../../sql/function.ts'
import { identifiers } from '../../../sql/functions/identifier.ts'
import type { SqlError } from '../../../sql/sql-error.ts'
import { allTypes, typeOf, type DataType } from '../../../sql/type.ts'
import { missingPostgres, startPostgres, type Postgres } from '../postgres.ts'
import { DEFINITIONS, snapshotOf, surroundingsOf } from './tables.ts'

const scalars = [
  ...[...definitionFunctions, ...sessionFunctions, ...accessFunctions, ...nameFunctions],
  ...identifiers,
]
const snapshot = snapshotOf({ scalars, aggregates: [], tables: catalogTableFunctions })
const surroundings = surroundingsOf(snapshot)

function find(name: string, types: string): ScalarFunction {
  const list = (given: readonly DataType[]) => given.map((type) => type.name).join(' ')
  const found = scalars.find((each) => each.name === name && list(each.arguments) === types)
  if (!found) throw new Error(`no function ${name}(${types})`)
  return found
}

/** One call, with a constant beside a column, as the executor may give it. */
function call(name: string, types: string, ...values: unknown[]): unknown {
  const { evaluate, arguments: given, result } = find(name, types)
  const vectors = given.map((type, index) =>
    vectorOf(type, index === 0 ? 2 : 1, () => values[index]),
  )
  const own = { arguments: given, result: result as DataType }
  const answer = evaluate(vectors, 2, null, surroundings, own)
  return valueAt(answer, result as DataType, 1)
}

function castText(source: string, target: string, value: unknown): unknown {
  const cast = objectCasts.find(
    (each) => each.source.name === source && each.target.name === target,
  )
  const vector = vectorOf(typeOf(source), 1, () => value)
  return valueAt(cast!.evaluate([vector], 1, null, surroundings), typeOf(target), 0)
}

function failure(run: () => unknown): string {
  try {
    return `answered ${String(run())}`
  } catch (error) {
    const { sqlstate, message } = error as SqlError
    return `${sqlstate} ${message}`
  }
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

/** As PostgreSQL writes an array of texts. */
const arrayText = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join()}}`

async function oracle(text: string, parameters: readonly unknown[] = []): Promise<unknown[]> {
  return (await postgres.query(text, parameters)).rows.map((row) => row[0])
}

against('format_type prints every type with every modifier as there', async () => {
  const oids = [0, 1, 999_999, ...allTypes().map(({ oid }) => oid)]
  const modifiers = [null, -1, 0, 3, 4, 5, 24, 655_366, 65_540, 1_048_580]
  const expected = await oracle(
    `SELECT format_type(o, m) FROM unnest('{${oids.join()}}'::oid[]) WITH ORDINALITY a(o, n),
     unnest('{${modifiers.map((each) => each ?? 'NULL').join()}}'::int[]) WITH ORDINALITY b(m, k)
     WHERE o NOT IN (1186) AND (m IS NULL OR m < 0 OR o IN (25, 701, 1042, 1043, 1114, 1184, 1083, 1700, 1015, 1231))
     ORDER BY n, k`,
  )
  const modified = new Set([25, 701, 1042, 1043, 1114, 1184, 1083, 1700, 1015, 1231])
  const own = oids
    .filter((oid) => oid !== 1186)
    .flatMap((oid) =>
      modifiers
        .filter((modifier) => modifier === null || modifier < 0 || modified.has(oid))
        .map((modifier) => call('format_type', 'oid int4', oid, modifier)),
    )
  expect(own).toEqual(expected)
  expect(call('format_type', 'oid int4', null, -1)).toBeNull()
})

against('quote_ident quotes what has to be, keywords included', async () => {
  const names = [
    ...keywords.map(({ word }) => word),
    '',
    'Cpu',
    'a b',
    'a"b',
    'é',
    '1a',
    'a1',
    '_',
    'a$',
  ]
  const expected = await oracle(
    'SELECT quote_ident(n) FROM unnest($1::text[]) WITH ORDINALITY t(n, i) ORDER BY i',
    [arrayText(names)],
  )
  expect(names.map((name) => call('quote_ident', 'text', name))).toEqual(expected)
})

against('pg_get_keywords lists all of them', async () => {
  const { rows } = await postgres.query('SELECT * FROM pg_get_keywords() ORDER BY word COLLATE "C"')
  const [list] = catalogTableFunctions
  const own = [...list!.rows([], surroundings)].map((row) =>
    row.map((value) => (typeof value === 'boolean' ? (value ? 't' : 'f') : value)),
  )
  expect(own).toEqual(rows)
})

against('pg_size_pretty rounds as there', async () => {
  const sizes = [0n, 1n, -1n, 10_239n, 10_240n, 10_752n, 20_479n, 123_456_789n, -123_456_789n]
  for (let bits = 10n; bits < 63n; bits++) {
    for (const near of [-1n, 0n, 1n, 511n, 513n])
      sizes.push((1n << bits) + near, 10n * (1n << (bits - 4n)) + near)
  }
  const expected = await oracle(
    'SELECT pg_size_pretty(s) FROM unnest($1::bigint[]) WITH ORDINALITY t(s, i) ORDER BY i',
    [arrayText(sizes.map(String))],
  )
  expect(sizes.map((size) => call('pg_size_pretty', 'int8', size))).toEqual(expected)
})

against.each(['cpu', 'Mixed Case'])('definitions of the key of %s read as there', async (name) => {
  const index = `'"${name}_pkey"'::regclass`
  const [definition, whole, first, none] = (
    await postgres.query(`SELECT pg_get_indexdef(${index}), pg_get_indexdef(${index}, 0, true),
      pg_get_indexdef(${index}, 1, true), pg_get_indexdef(${index}, 9, true)`)
  ).rows[0]!
  const oid = indexOid(name)
  expect(call('pg_get_indexdef', 'oid', oid)).toBe(definition)
  expect(call('pg_get_indexdef', 'oid int4 bool', oid, 0, false)).toBe(definition)
  // Pretty leaves the schema out where the search path has it.
  expect(call('pg_get_indexdef', 'oid int4 bool', oid, 0, true)).toBe(whole)
  expect(call('pg_get_indexdef', 'oid int4 bool', oid, 1, true)).toBe(first)
  expect(call('pg_get_indexdef', 'oid int4 bool', oid, 9, true)).toBe(none)
  expect(call('pg_get_indexdef', 'oid', tableOid(name))).toBeNull()
  const [constraint] = await oracle(
    `SELECT pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conname = '${name}_pkey'`,
  )
  expect(call('pg_get_constraintdef', 'oid bool', constraintOid(name), true)).toBe(constraint)
  expect(call('pg_get_constraintdef', 'oid', 1)).toBeNull()
})

const TYPE_NAMES = [
  ...['int', 'integer', 'INT4', 'pg_catalog.int8', 'double precision', 'float', 'real', 'decimal'],
  ...['"char"', 'char', 'character varying', 'varchar(20)', 'numeric(10,2)', 'text[]', '_text'],
  ...[
    'timestamp',
    'timestamp with time zone',
    'timestamptz',
    'time',
    'timestamp without time zone',
  ],
  ...['boolean', 'bigint', 'smallint', 'name', 'regclass', 'interval', 'pg_catalog."char"'],
]

against('regtype reads names of types as there', async () => {
  for (const name of TYPE_NAMES) {
    const [expected] = await oracle(`SELECT '${name}'::regtype::oid`)
    expect(`${name} ${readTypeName(name)?.oid}`).toBe(`${name} ${String(expected)}`)
  }
})

against.each([
  ['regclass', 'nothing'],
  ['regclass', 'public.nothing'],
  ['regclass', 'a b'],
  ['regtype', 'nothing'],
  ['regnamespace', 'nothing'],
  ['regrole', 'nothing'],
  ['regproc', 'nothing'],
])('%s of %s fails as there', async (kind, name) => {
  const theirs = await postgres.query(`SELECT '${name}'::${kind}`).then(
    () => 'answered',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  )
  expect(failure(() => castText('text', kind, name))).toBe(theirs)
  if (name !== 'a b') expect(call(`to_${kind}`, 'text', name)).toBeNull()
})

test('names are objects, and objects names, whatever their case', () => {
  expect(castText('text', 'regclass', 'cpu')).toBe(tableOid('cpu'))
  expect(castText('text', 'regclass', 'public.CPU')).toBe(tableOid('cpu'))
  expect(castText('text', 'regclass', '"Mixed Case"')).toBe(tableOid('Mixed Case'))
  expect(castText('text', 'regclass', 'cpu_pkey')).toBe(indexOid('cpu'))
  expect(castText('text', 'regclass', 'pg_class')).toBe(1259)
  expect(castText('text', 'regclass', '1259')).toBe(1259)
  expect(castText('text', 'regclass', '-')).toBe(0)
  expect(failure(() => castText('text', 'regclass', 'mixed case'))).toMatch(/^42602/)
  expect(castText('regclass', 'text', tableOid('Mixed Case'))).toBe('"Mixed Case"')
  expect(castText('regclass', 'text', 1259)).toBe('pg_class')
  expect(castText('regclass', 'text', 77)).toBe('77')
  expect(castText('regtype', 'text', 1009)).toBe('text[]')
  expect(castText('regnamespace', 'text', 2200)).toBe('public')
  expect(castText('regrole', 'text', 10)).toBe('omendb')
  expect(castText('int8', 'regclass', 1259n)).toBe(1259)
  expect(failure(() => castText('int8', 'regclass', 1n << 40n))).toMatch(/^22003/)
  const overloaded = castText('text', 'regprocedure', 'pg_size_pretty(bigint)')
  expect(castText('regprocedure', 'text', overloaded)).toBe('pg_size_pretty(bigint)')
  expect(failure(() => castText('text', 'regproc', 'pg_get_indexdef'))).toMatch(/^42725/)
})

test('what is visible, who asks, and where, follow the snapshot', () => {
  expect(call('pg_table_is_visible', 'oid', tableOid('cpu'))).toBe(true)
  expect(call('pg_table_is_visible', 'oid', 1)).toBeNull()
  expect(call('pg_get_userbyid', 'oid', 10)).toBe('omendb')
  expect(call('pg_get_userbyid', 'oid', 9)).toBe('unknown (OID=9)')
  expect(valuesOf(call('current_schemas', 'bool', true))).toEqual(['pg_catalog', 'public'])
  expect(failure(() => call('current_setting', 'text', 'nothing'))).toMatch(/^42704/)
  expect(call('current_setting', 'text bool', 'nothing', true)).toBeNull()
  expect(call('current_setting', 'text', 'SERVER_VERSION')).toBe('15.0')
  expect(call('version', '')).toMatch(/^PostgreSQL 15/)
})

test('privileges are those of the role', () => {
  const may = (role: string, privilege: string) =>
    call('has_table_privilege', 'name text text', role, 'cpu', privilege)
  expect(may('reader', 'SELECT')).toBe(true)
  expect(may('reader', 'insert, UPDATE')).toBe(false)
  expect(may('reader', 'INSERT, SELECT')).toBe(true)
  expect(may('writer', 'INSERT')).toBe(true)
  expect(may('writer', 'INSERT WITH GRANT OPTION')).toBe(false)
  expect(may('omendb', 'TRUNCATE')).toBe(true)
  expect(failure(() => may('nobody', 'SELECT'))).toBe('42704 role "nobody" does not exist')
  expect(failure(() => may('reader', 'EAT'))).toBe('22023 unrecognized privilege type: "EAT"')
  expect(failure(() => call('has_table_privilege', 'text text', 'nothing', 'SELECT'))).toMatch(
    /^42P01/,
  )
  expect(call('has_table_privilege', 'oid text', 1, 'SELECT')).toBeNull()
  expect(failure(() => call('has_database_privilege', 'text text', 'nothing', 'CONNECT'))).toMatch(
    /^3D000/,
  )
})

test('sizes are bytes on disk, of databases the sum', () => {
  expect(call('pg_total_relation_size', 'regclass', tableOid('cpu'))).toBe(20_000n)
  expect(call('pg_relation_size', 'regclass', indexOid('cpu'))).toBe(0n)
  expect(call('pg_relation_size', 'regclass', 5)).toBeNull()
  expect(call('pg_database_size', 'name', 'postgres')).toBe(40_000n)
})

test('arrays of keys come apart with their places', () => {
  const [, expand] = catalogTableFunctions
  const key = call('parse_ident', 'text', 'a."B c"')
  expect([...expand!.rows([key], surroundings)]).toEqual([
    ['a', 1],
    ['B c', 2],
  ])
  expect([...expand!.rows([null], surroundings)]).toEqual([])
})
