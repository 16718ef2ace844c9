// SELECT bound: columns and their types, parameters, scopes, and the nodes that come of it.

import { describe, expect, test } from 'vitest'
import { bindText, columnsOf, errorOf, queryOf } from '../bind-setup.ts'

describe('columns', () => {
  test.each<[string, string[]]>([
    ['SELECT 1, 1.5, 5000000000, true', ['int4', 'numeric', 'int8', 'bool']],
    [`SELECT 'a' || 'b', NULL`, ['text', 'text']],
    ['SELECT usage + 1, cores + 1, cores / 2.0 FROM cpu', ['float8', 'int8', 'numeric']],
    [`SELECT time - time, time - interval '1 h' FROM cpu`, ['interval', 'timestamptz']],
    [`SELECT CASE WHEN busy THEN 1 ELSE 2.5 END FROM cpu`, ['numeric']],
    ['SELECT ARRAY[1, 2.5], ARRAY[]::int8[]', ['_numeric', '_int8']],
    ['SELECT 1 UNION SELECT 2.5', ['numeric']],
    ['VALUES (1, NULL), (2.5, 3)', ['numeric', 'int4']],
  ])('%s', async (text, types) => {
    expect((await columnsOf(text)).map((one) => one.split(' ').at(-1))).toEqual(types)
  })

  test('a star is the columns in their order, those of USING first and once', async () => {
    const { columns } = await bindText('SELECT * FROM cpu JOIN mem USING (host, time)')
    expect(columns!.map(({ name }) => name)).toEqual(
      'host time usage cores busy used note'.split(' '),
    )
  })

  test('a name that is only equal but for case is found, an exact one first', async () => {
    expect(await columnsOf('SELECT load, "Load" FROM mixed')).toEqual([
      'load float8',
      'Load float8',
    ])
  })
})

describe('parameters', () => {
  test('they become what they are used as', async () => {
    const text = 'SELECT $1 + cores, $2::date FROM cpu WHERE time > $3 AND host = $4 LIMIT $5'
    const { parameters } = await bindText(text)
    const names = parameters.map(({ name }) => name)
    expect(names).toEqual(['int8', 'date', 'timestamptz', 'text', 'int8'])
  })

  test('one that nothing decides is 42P18', async () => {
    expect(await errorOf('SELECT $1 IS NULL')).toBe('42P18 0')
  })
})

describe('times', () => {
  test('a bare integer beside a time is milliseconds since 1970', async () => {
    const node = await queryOf('SELECT 1 FROM cpu WHERE time >= 1790000000000')
    expect(JSON.stringify(node, replacer)).toContain('1790000000000000000n')
  })

  test('one that nanoseconds cannot hold is 22008 at its place', async () => {
    expect(await errorOf('SELECT 1 FROM cpu WHERE time > 9223372036855')).toBe('22008 32')
  })
})

describe('groups', () => {
  test('a column that is neither grouped nor in an aggregate is 42803 at its place', async () => {
    expect(await errorOf('SELECT host, usage FROM cpu GROUP BY host')).toBe('42803 14')
    expect(await errorOf('SELECT host FROM cpu HAVING count(*) > 1')).toBe('42803 8')
  })

  test('GROUP BY takes names of the input before those of the output', async () => {
    expect(await errorOf('SELECT host AS note, note AS host FROM mem GROUP BY host')).toBe(
      '42803 22',
    )
  })

  test('equal aggregates are computed once', async () => {
    const node = await queryOf('SELECT sum(usage), sum(usage) + 1 FROM cpu HAVING sum(usage) > 1')
    const text = JSON.stringify(node, replacer)
    expect(text.match(/"isDistinct":false/g)).toHaveLength(1)
  })
})

describe('rows around', () => {
  test('a subquery reads the row around it as outer of depth one, and says so', async () => {
    const text = 'SELECT (SELECT max(used) FROM mem m WHERE m.host = c.host) FROM cpu c'
    const found = JSON.stringify(await queryOf(text), replacer)
    expect(found).toContain('"kind":"outer"')
    expect(found).toContain('"isCorrelated":true')
  })

  test('one that reads nothing around it is not correlated', async () => {
    const found = JSON.stringify(await queryOf('SELECT (SELECT max(used) FROM mem)'), replacer)
    expect(found).toContain('"isCorrelated":false')
  })

  test('LATERAL reads what is left of it, a common subquery does not', async () => {
    const lateral = `SELECT * FROM cpu c LEFT JOIN LATERAL
      (SELECT used FROM mem m WHERE m.host = c.host LIMIT 1) l ON true`
    expect(JSON.stringify(await queryOf(lateral), replacer)).toContain('"isLateral":true')
    expect(await errorOf('SELECT * FROM cpu c, (SELECT c.host) s')).toBe('42P01 30')
  })
})

describe('depth', () => {
  test.each([
    ['sums', (count: number) => `SELECT ${'1+'.repeat(count)}1`],
    ['queries', (count: number) => `SELECT ${'(SELECT '.repeat(count)}1${')'.repeat(count)}`],
    ['unions', (count: number) => `SELECT 1 ${'UNION SELECT 1 '.repeat(count)}`],
  ])('%s are bound a hundred and fifty deep, and 54001 two thousand deep', async (_, of) => {
    expect(await errorOf(of(150))).toBe('no error')
    expect(await errorOf(of(2_000))).toMatch(/^54001/)
  })
})

/** Trees as text; functions of tables by their names. */
function replacer(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
