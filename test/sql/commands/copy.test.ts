// COPY beside PostgreSQL 15: what goes out is the same byte for byte, what comes in gives the same rows,
// or the same error with its place.

import { createRequire } from 'node:module'
import type { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { openEngine, run, start } from './setup.ts'

const CREATE = `CREATE TABLE cpu (time timestamptz, host text, u float8, n int8, ok bool, note text,
  PRIMARY KEY (host, time))`

/** What is used of pg and pg-copy-streams, which come without types. */
interface Client {
  connect(): Promise<void>
  end(): Promise<void>
  query<Stream>(stream: Stream): Stream
}

const require = createRequire(import.meta.url)
const pg = require('pg') as { Client: new (options: object) => Client }
const streams = require('pg-copy-streams') as {
  from(text: string): Writable
  to(text: string): Readable
}

let oracle: Postgres
let client: Client
let engine: Database

beforeAll(async () => {
  if (missingPostgres !== null) return
  oracle = await startPostgres()
  client = new pg.Client({ host: oracle.host, user: 'postgres', database: 'postgres' })
  await client.connect()
  await oracle.query(CREATE)
}, 120_000)

beforeEach(async () => {
  engine = await openEngine()
  await run(engine, CREATE)
})

afterAll(async () => {
  await client?.end()
  await oracle?.close()
}, 60_000)

async function ours(text: string): Promise<Buffer> {
  const running = await start(engine, text)
  if (running.kind !== 'copyOut') throw new Error(running.kind)
  const chunks: Uint8Array[] = []
  for await (const chunk of running.chunks) chunks.push(chunk.bytes)
  return Buffer.concat(chunks)
}

async function theirs(text: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of client.query(streams.to(text))) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** What a COPY gave: its rows, or its error. */
type Given = { readonly rows: unknown } | { readonly error: readonly (string | undefined)[] }

interface Placed {
  readonly message: string
  readonly where?: string | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
}

function placeOf(state: string, { message, where, detail, hint }: Placed): Given {
  // PostgreSQL hints at the datestyle where it is of no use.
  return { error: [state, message, where, detail, state === '22008' ? undefined : hint] }
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  // One buffer for all, as a connection may have.
  const own = new Uint8Array(size)
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size)
    own.set(part)
    yield own.subarray(0, part.length)
  }
}

const ROWS = 'SELECT * FROM cpu ORDER BY host, time'

async function takenHere(text: string, bytes: Uint8Array, size: number): Promise<Given> {
  try {
    const running = await start(engine, text)
    if (running.kind !== 'copyIn') throw new Error(running.kind)
    const tag = await running.copy(cut(bytes, size))
    const { rows } = await run(engine, ROWS)
    expect(tag).toBe(`COPY ${rows.length}`)
    return { rows }
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return placeOf(error.sqlstate, error)
  } finally {
    await run(engine, 'DELETE FROM cpu')
  }
}

async function takenThere(text: string, bytes: Uint8Array): Promise<Given> {
  try {
    const stream = client.query(streams.from(text))
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject).on('finish', () => resolve())
      stream.end(bytes)
    })
    return { rows: (await oracle.query(ROWS)).rows }
  } catch (error) {
    const found = error as { code: string; message: string }
    return placeOf(found.code, found)
  } finally {
    await oracle.query('DELETE FROM cpu')
  }
}

const TEXTS = `(VALUES (1, 'plain'), (2, ''), (3, NULL), (4, E'tab\\tline\\nback\\\\slash'), (5, '\\.'),
  (6, 'a,b'), (7, 'say "hi"'), (8, E'\\r\\b\\f\\x0b'), (9, '\\N'), (10, 'ü😀'), (11, ' space '), (12, ';|:')) t(i, s)`

const OUT: readonly string[] = [
  `(SELECT i, s FROM ${TEXTS} ORDER BY i)`,
  `(SELECT s FROM ${TEXTS} ORDER BY i)`,
  `(SELECT 1::int2 a, 2::int4 b, 3::int8 c, 1.5::float8 d, 'NaN'::float8 e, -1e300::float8 f, 0.1::float4 g,
    true h, false i, NULL::bool j)`,
  `(SELECT timestamptz '2026-01-01 00:00:00.123456Z' a, timestamptz '1999-12-31Z' b, date '2026-02-03' c,
    timestamp '2026-01-01 12:00' d, interval '1 mon 2 days 03:04:05.5' e, timestamptz 'infinity' f)`,
  `(SELECT 0::numeric a, 12345.678::numeric b, -0.00012::numeric c, 10000::numeric d, 'NaN'::numeric e)`,
  `(SELECT t FROM generate_series(timestamptz '1700-01-01Z', '2200-01-01Z', interval '1000 days 3.000001 s') t)`,
  `(SELECT g * 0.00013::float8, g * 1e13::float8, -g::float8 / 7 FROM generate_series(0, 99) g)`,
  `(SELECT '{1,NULL,3}'::int4[] a, ARRAY['a"b','c,d',NULL] b, '{}'::text[] c)`,
  `(SELECT '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid a, '\\x00ff5c'::bytea b, '{"a": [1, 2]}'::jsonb c)`,
  `(SELECT 1 AS "a,b", 2 AS "q""q" WHERE false)`,
]
const OUT_OPTIONS: readonly string[] = [
  '',
  '(FORMAT csv)',
  '(FORMAT binary)',
  '(HEADER)',
  '(FORMAT csv, HEADER)',
  "(FORMAT csv, NULL '1')",
  "(DELIMITER ':')",
  "(DELIMITER ';', NULL 'null')",
  "(FORMAT csv, DELIMITER '|', QUOTE '''', ESCAPE '\\', NULL 'plain')",
]

// The reason is that of missingPostgres.
describe.skipIf(missingPostgres !== null)('COPY beside PostgreSQL', () => {
  test.each(OUT.flatMap((query) => OUT_OPTIONS.map((options) => [query, options] as const)))(
    'COPY %s TO STDOUT %s',
    async (query, options) => {
      const text = `COPY ${query} TO STDOUT ${options}`
      expect((await ours(text)).toString('latin1')).toBe((await theirs(text)).toString('latin1'))
    },
  )

  test.each(IN())('COPY … FROM STDIN %s: %j', async (options, data, size) => {
    const text = `COPY cpu FROM STDIN ${options}`
    const bytes = Buffer.from(data, 'latin1')
    const wanted = await takenThere(text, bytes)
    for (const step of size === 0 ? [1, 7, 65_536] : [size]) {
      expect(await takenHere(text, bytes, step), `in steps of ${step}`).toEqual(wanted)
    }
  })

  test('a table goes out and comes back, in each format', async () => {
    const insert = `INSERT INTO cpu SELECT timestamptz '2026-01-01Z' + g * interval '0.25 s', 'h' || (g % 7)::text,
      g / 3.0::float8, g * 1000003, g % 2 = 0, CASE WHEN g % 5 = 0 THEN NULL ELSE E'n\\t"' || g::text END
      FROM generate_series(1, 2000) g`
    await run(engine, insert)
    await oracle.query(insert)
    for (const format of ['text', 'csv', 'binary']) {
      const text = `COPY (${ROWS}) TO STDOUT (FORMAT ${format})`
      const bytes = await ours(text)
      expect(bytes.equals(await theirs(text)), format).toBe(true)
      const before = (await run(engine, ROWS)).rows
      await run(engine, 'TRUNCATE cpu')
      const running = await start(engine, `COPY cpu FROM STDIN (FORMAT ${format})`)
      if (running.kind !== 'copyIn') throw new Error(running.kind)
      expect(await running.copy(cut(bytes, 1000))).toBe('COPY 2000')
      expect((await run(engine, ROWS)).rows, format).toEqual(before)
    }
    await oracle.query('DELETE FROM cpu')
  })

  test.each(seedsOf(3))(
    'seed %i: data made of pieces gives the same',
    { timeout: 120_000 },
    async (seed) => {
      const random = randomOf(seed)
      for (let i = 0; i < 60; i++) {
        const isCsv = random.int(2) === 0
        const options = isCsv ? '(FORMAT csv)' : ''
        const bytes = Buffer.from(pieces(random, isCsv), 'latin1')
        const wanted = await takenThere(`COPY cpu FROM STDIN ${options}`, bytes)
        const size = 1 + random.int(40)
        const found = await takenHere(`COPY cpu FROM STDIN ${options}`, bytes, size)
        expect(found, JSON.stringify([options, bytes.toString('latin1'), size])).toEqual(wanted)
      }
    },
  )
})

const pick = <T>(random: Random, items: readonly T[]): T => items[random.int(items.length)]!

const CELLS = {
  u: [
    '1',
    '-0.5',
    '1e3',
    'NaN',
    '3.14159265358979',
    '1.7976931348623157e308',
    '0.1',
    ' 7 ',
    '-Infinity',
  ],
  n: ['1', '-9223372036854775808', '9007199254740993', '+5', '123456789012345'],
  ok: ['t', 'f', 'true', 'off', '1'],
  note: ['x', 'a b', '\xc3\xbc', 'long '.repeat(30)],
}
const WRONG = ['', 'x', '1.2.3', '99999999999999999999', '1e999', '-', '.']

/** Lines of a COPY, most of them right, with escapes or quotes here and there. */
function pieces(random: Random, isCsv: boolean): string {
  const lines = Array.from({ length: 1 + random.int(5) }, (_, line) => {
    const second = String(line).padStart(2, '0')
    const time = pick(random, [
      `2026-01-01 00:00:${second}+00`,
      `2026-01-01T00:00:${second}.25Z`,
      `2026-01-01 00:00:${second}.123456-03:30`,
      `2026-02-28 23:59:${second}`,
      `Jan 5 2026 10:00:${second}`,
    ])
    const cells = [
      time,
      pick(random, ['a', 'b', 'host']) + String(line),
      ...Object.values(CELLS).map((one) => pick(random, one)),
    ]
    if (random.int(4) === 0) cells[2 + random.int(4)] = pick(random, WRONG)
    if (random.int(3) === 0) cells[3 + random.int(3)] = isCsv ? '' : '\\N'
    if (random.int(12) === 0) cells[random.int(2)] = isCsv ? '' : '\\N'
    if (random.int(12) === 0) cells.pop()
    if (random.int(12) === 0) cells.push('more')
    if (random.int(3) === 0) {
      const at = random.int(cells.length)
      const tricky = isCsv
        ? [`"${cells[at]!}"`, `"a""b,c"`, `x"y"z`, '"two\nlines"', '"open', `""`]
        : ['a\\tb', 'a\\\\b', '\\x41\\101', 'q\\\nr', '\\q', 'a\\.b']
      cells[at] = pick(random, tricky)
      // An empty tag is refused here.
      if (at === 1 && cells[at] === '""') cells[at] = 'c'
    }
    return cells.join(isCsv ? ',' : '\t')
  })
  const ending = pick(random, ['\n', '\n', '\n', '\r\n', '\r'])
  if (random.int(10) === 0) lines.splice(random.int(lines.length + 1), 0, '\\.')
  const text = lines.join(ending)
  // Without its line's end the mark is an error in PostgreSQL 15.
  const last = text.endsWith('\\.') ? ending : pick(random, ['', ending, ending, ending])
  return random.int(15) === 0
    ? `${text}${last}`.replace('a', pick(random, ['\r', '\n']))
    : text + last
}

const T = '2026-01-01 00:00:00+00'

/** Options, data in latin1, and the size of its chunks, 0: several. */
function IN(): (readonly [options: string, data: string, size: number])[] {
  const text = [
    `${T}\ta\t1.5\t2\tt\tnote\n`,
    `${T}\ta\t1.5\t2\tt\tnote`,
    `${T}\ta\t1\t\\N\t\\N\t\\N\r\n2026-01-02Z\tb\t2\t3\tf\tx\r\n`,
    `${T}\ta\t1\t2\tt\tx\r2026-01-02Z\tb\t2\t3\tf\tx\r`,
    `${T}\ta\t1\t2\tt\tx\n\\.\nrubbish\n`,
    '',
    '\n',
    `${T}\ta\tx\t2\tt\tnote\n`,
    `${T}\ta\t1\t2\tt\tnote\n${T}\tb\t1e999\t2\tt\tnote\n`,
    `${T}\ta\t1\t2\tt\n`,
    `${T}\ta\t1\t2\tt\tnote\tmore\n`,
    `\\N\ta\t1\t2\tt\tnote\n`,
    `${T}\t\\N\t1\t2\tt\tnote\n`,
    `yesterday-ish\ta\t1\t2\tt\tnote\n`,
    `2026-13-01Z\ta\t1\t2\tt\tnote\n`,
    `${T}\ta\t1\t9223372036854775808\tt\tnote\n`,
    `${T}\ta\t1\t2\tmaybe\tnote\n`,
    `${T}\ta\t1\t2\tt\t\xff\n`,
    `${T}\ta\t1\t2\tt\t\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80\n`,
    `${T}\ta\t1\t2\tt\t\\tx\\\\y\\x41\\101\\q\\\nz\n`,
    `${T}\ta\t1\t2\tt\tx\r\n2026-01-02Z\tb\t1\t2\tt\tx\n`,
    `${T}\ta\t1\t2\tt\tx\n2026-01-02Z\tb\t1\t2\tt\tx\r\n`,
    `${T}\ta\t1\t2\tt\t${'y'.repeat(300)}\n${T}\tb\t${'z'.repeat(300)}\t2\tt\tx\n`,
  ]
  const csv = [
    `${T},a,1.5,2,t,note\n`,
    `${T},a,1.5,,,\n`,
    `${T},a,1.5,2,t,"a,b ""q"" \nline"\n2026-01-02Z,b,x,2,t,n\n`,
    `${T},a,1.5,2,t,""\n`,
    `${T},a,1.5,2,t,"open\n`,
    `"${T}","a","1.5","2","t",x"y"z\r\n`,
    `${T},a,1.5,2,t,x\n\\.\n`,
    `${T},a,1.5\n`,
    `${T},a,1.5,2,t,x,y\n`,
    `${T},a,1.5,2,t,a\rb\n2026-01-02Z,b,1,2,t,n\n`,
    `${T},"",x,2,t,n\n`,
  ]
  const header = ['time,host,u,n,ok,note\n', `"any\nthing"\n${T},a,1.5,2,t,x\n${T},b,w,2,t,x\n`]
  return [
    ...text.map((data) => ['', data, 0] as const),
    ...csv.map((data) => ['(FORMAT csv)', data, 0] as const),
    ...header.map((data) => ['(FORMAT csv, HEADER)', data, 0] as const),
    ['(HEADER)', `whatever\n${T}\ta\t1\t2\tt\tx\n`, 0],
    ["(DELIMITER ';', NULL 'nil')", `${T};a;1;nil;t;a\\;b\n`, 0],
    ["(FORMAT csv, QUOTE '''', ESCAPE '\\')", `${T},a,1,2,t,'it\\'s \\\\ x'\n`, 0],
    ['(FORMAT binary)', 'PGCOPY\n\xff\r\n\0', 0],
    ['(FORMAT binary)', 'rubbish', 0],
    ['(FORMAT binary)', 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff', 0],
    ['(FORMAT binary)', 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02', 0],
    ['(FORMAT binary)', 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01x', 0],
  ]
}
