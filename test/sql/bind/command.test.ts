// Commands bound: what they will do, their tags, and what they refuse.

import { describe, expect, test } from 'vitest'
import type { Command } from '../../../sql/tree.ts'
import { bindText, errorOf } from '../bind-setup.ts'

async function commandOf(text: string): Promise<Command> {
  const { body } = await bindText(text)
  if (!('command' in body)) throw new Error(`${text}: no command`)
  return body.command
}

describe('INSERT', () => {
  test('the seed’s statement has a time of milliseconds, a value and metadata', async () => {
    const command = await commandOf(`INSERT INTO metrics VALUES (1790000000000, 1.5, '{"a":1}')`)
    if (command.kind !== 'insert' || command.source.kind !== 'values') throw new Error(command.kind)
    const values = command.source.rows[0]!.map((one) => one.kind === 'constant' && one.value)
    expect(values).toEqual([1_790_000_000_000_000_000n, 1.5, '{"a":1}'])
    expect(command.conflict).toEqual({ kind: 'upsert' })
  })

  test('parameters and literals take the types of their columns', async () => {
    const text =
      'INSERT INTO cpu (time, host, usage, cores) VALUES ($1, $2, $3, 1), ($4, $2, 2, $5)'
    const { parameters } = await bindText(text)
    expect(parameters.map(({ name }) => name)).toEqual(
      'timestamptz text float8 timestamptz int8'.split(' '),
    )
  })

  test.each([
    ['INSERT INTO cpu (time, foo) VALUES (1, 2)', '42703 24'],
    ['INSERT INTO cpu (time, time) VALUES (1, 2)', '42701 24'],
    ['INSERT INTO cpu (time) VALUES (1, 2)', '42601 35'],
    ['INSERT INTO cpu (time, usage) VALUES (1)', '42601 24'],
    ['INSERT INTO cpu (time, usage) VALUES (1, true)', '42804 42'],
    ["INSERT INTO cpu (time, usage) VALUES (1, 'x')", '22P02 42'],
    ['INSERT INTO nope VALUES (1)', '42P01 13'],
    ['UPDATE cpu SET usage = 1', '0A000 0'],
  ])('%s is %s', async (text, error) => {
    expect(await errorOf(text)).toBe(error)
  })

  test('ON CONFLICT keeps, or names the columns that take the new value', async () => {
    const insert = `INSERT INTO cpu (time, host, usage) VALUES (1, 'a', 2) ON CONFLICT`
    expect(await commandOf(`${insert} DO NOTHING`)).toMatchObject({ conflict: { kind: 'nothing' } })
    const update = `${insert} (host, time) DO UPDATE SET usage = excluded.usage`
    expect(await commandOf(update)).toMatchObject({ conflict: { kind: 'update', columns: [2] } })
    expect(await errorOf(`${insert} (usage) DO NOTHING`)).toBe('42P10 0')
    expect(await errorOf(update.replace('excluded.', 'cpu.'))).toMatch(/^0A000/)
  })

  test('RETURNING and DELETE read the row of the table', async () => {
    const { columns } = await bindText(
      'DELETE FROM cpu c WHERE c.usage > 1 RETURNING time, c.usage u',
    )
    expect(columns!.map(({ name, type }) => `${name} ${type.name}`)).toEqual([
      'time timestamptz',
      'u float8',
    ])
  })
})

describe('tables', () => {
  test('CREATE TABLE has columns, a key and settings', async () => {
    const command = await commandOf(
      `CREATE TABLE IF NOT EXISTS t (time timestamptz NOT NULL, host text, usage double precision,
       PRIMARY KEY (host, time)) WITH (retention = '30 d')`,
    )
    if (command.kind !== 'createTable') throw new Error(command.kind)
    expect(
      command.columns.map((one) => `${one.name} ${one.type.name} ${one.isPrimaryKey}`),
    ).toEqual(['time timestamptz true', 'host text true', 'usage float8 false'])
    expect([...command.settings]).toEqual([['retention', '30 d']])
  })

  test.each([
    ['CREATE TABLE t (a int, a text)', '42701 0'],
    ['CREATE TABLE t (a nope)', '42704 19'],
    ['CREATE TABLE t (a int, PRIMARY KEY (b))', '42703 24'],
    ['CREATE TABLE t (a int PRIMARY KEY, PRIMARY KEY (a))', '42P16 36'],
    ['CREATE TABLE t (a int CHECK (a > 0))', '0A000 23'],
    ['CREATE TABLE t (a serial)', '0A000 19'],
    ['ALTER TABLE cpu DROP COLUMN nope', '42703 0'],
    ['ALTER TABLE nope ADD COLUMN a int', '42P01 0'],
    ['TRUNCATE cpu, nope', '42P01 0'],
  ])('%s is %s', async (text, error) => {
    expect(await errorOf(text)).toBe(error)
  })
})

describe('COPY', () => {
  test('formats have PostgreSQL’s defaults', async () => {
    expect(await commandOf('COPY cpu (time, usage) FROM STDIN')).toMatchObject({
      targets: [0, 2],
      options: { format: 'text', delimiter: '\t', nullText: '\\N', hasHeader: false },
    })
    expect(await commandOf('COPY (SELECT 1) TO STDOUT CSV HEADER')).toMatchObject({
      options: { format: 'csv', delimiter: ',', nullText: '', hasHeader: true, escape: '"' },
    })
  })

  test.each([
    ['COPY cpu FROM STDIN (FORMAT nope)', '22023 22'],
    ["COPY cpu FROM STDIN (DELIMITER 'ab')", '0A000 0'],
    ["COPY cpu FROM STDIN (FORMAT binary, DELIMITER ',')", '42601 0'],
    ['COPY cpu FROM STDIN (nope)', '42601 22'],
    ["COPY cpu FROM '/tmp/x'", '0A000 0'],
    ['COPY cpu (nope) FROM STDIN', '42703 0'],
  ])('%s is %s', async (text, error) => {
    expect(await errorOf(text)).toBe(error)
  })
})

describe('sessions', () => {
  test.each<[string, string, object]>([
    ['SET statement_timeout TO 5000', 'SET', { kind: 'set', value: '5000', isLocal: false }],
    ['SET LOCAL TimeZone = DEFAULT', 'SET', { name: 'timezone', value: null, isLocal: true }],
    ['RESET ALL', 'RESET', { kind: 'set', name: 'all', value: null }],
    ['START TRANSACTION READ ONLY', 'START TRANSACTION', { kind: 'begin', isReadOnly: true }],
    ['END', 'COMMIT', { kind: 'commit' }],
    ['ROLLBACK TO SAVEPOINT a', 'ROLLBACK', { kind: 'rollbackTo', name: 'a' }],
    [
      'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
      'DECLARE CURSOR',
      { kind: 'declare', isHold: true },
    ],
    ['FETCH ALL FROM c', 'FETCH', { kind: 'fetch', count: Infinity, isMove: false }],
    ['MOVE 5 IN c', 'MOVE', { kind: 'fetch', count: 5, isMove: true }],
    ['CLOSE ALL', 'CLOSE CURSOR ALL', { kind: 'closeCursor', name: null }],
    ['DEALLOCATE a', 'DEALLOCATE', { kind: 'deallocate', name: 'a' }],
    ['DISCARD ALL', 'DISCARD ALL', { kind: 'discard' }],
    ['UNLISTEN *', 'UNLISTEN', { kind: 'nothing' }],
  ])('%s', async (text, tag, command) => {
    expect((await bindText(text)).tag).toBe(tag)
    expect(await commandOf(text)).toMatchObject(command)
  })

  test('the text of a PREPARE keeps the places of its statement', async () => {
    const text = 'PREPARE "as" (numeric(3, 1), text) /* as */ AS SELECT $1 + nope'
    const command = await commandOf(text)
    if (command.kind !== 'prepare') throw new Error(command.kind)
    expect(command.text.trim()).toBe('SELECT $1 + nope')
    expect(command.text.indexOf('nope')).toBe(text.indexOf('nope'))
    expect(command.types.map(({ name }) => name)).toEqual(['numeric', 'text'])
  })

  test('EXPLAIN knows the parameters of what it explains', async () => {
    const { parameters, columns } = await bindText('EXPLAIN (ANALYZE, FORMAT json) SELECT $1::int4')
    expect(parameters.map(({ name }) => name)).toEqual(['int4'])
    expect(columns!.map(({ name, type }) => `${name} ${type.name}`)).toEqual(['QUERY PLAN json'])
  })
})
