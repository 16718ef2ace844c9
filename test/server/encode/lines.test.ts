// Exports as line protocol: read back by the naive parser of test/assembly, and by our own /v1/write.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import type { AnswerColumn, AnswerSeries } from '../../../engine/query/query.ts'
import { createApp } from '../../../server/app.ts'
import { encodeLines } from '../../../server/encode/lines.ts'
import { parseLines } from '../../assembly/line-protocol-reference.ts'
import { openKernel, seededRandom } from '../../kernel.ts'
import { joinChunks } from './pieces.ts'
import { of } from './series.ts'

const instance = await openKernel()
const FORMAT = { time: 'ns', integers: 'auto' } as const

const COLUMNS: AnswerColumn[] = [
  { name: 'time', type: 'timestamp' },
  { name: 'f', type: 'float' },
  { name: 'i', type: 'integer' },
  { name: 'u', type: 'unsigned' },
  { name: 'b', type: 'boolean' },
  { name: 's', type: 'string' },
]

function encode(
  table: string,
  columns: AnswerColumn[],
  ...series: AnswerSeries[]
): Promise<string> {
  const head = { table, columns, tags: [] }
  return joinChunks(encodeLines(head, of(series), FORMAT, () => instance))
}

describe('a line', () => {
  test('has the fields that have a value, with the letters of their types, and nanoseconds', async () => {
    const text = await encode('m', COLUMNS, {
      tags: new Map<string, string | null>([
        ['host', 'a'],
        ['rack', null],
      ]),
      time: BigInt64Array.of(1n, -5n, 1_790_000_000_000_000_001n),
      fields: [
        { values: Float64Array.of(0.5, -0, 1e300), valid: Uint8Array.of(1, 1, 0) },
        { values: BigInt64Array.of(-(2n ** 63n), 2n, 3n), valid: Uint8Array.of(1, 0, 0) },
        { values: BigUint64Array.of(2n ** 64n - 1n, 2n, 0n), valid: Uint8Array.of(1, 0, 1) },
        { values: Uint8Array.of(1, 0, 0), valid: Uint8Array.of(1, 1, 0) },
        { values: ['', 'x', 'q"\\\n\t\u0001 é'], valid: Uint8Array.of(1, 0, 1) },
      ],
    })
    expect(text).toBe(
      'm,host=a f=0.5,i=-9223372036854775808i,u=18446744073709551615u,b=true,s="" 1\n' +
        'm,host=a f=-0,b=false -5\n' +
        'm,host=a u=0u,s="q\\"\\\\\n\t\u0001 é" 1790000000000000001\n',
    )
  })

  test('leaves out what is no number, and a row that has nothing else is no line', async () => {
    const text = await encode('m', COLUMNS.slice(0, 2), {
      tags: new Map(),
      time: BigInt64Array.of(1n, 2n, 3n, 4n),
      fields: [{ values: Float64Array.of(NaN, 1, Infinity, -Infinity), valid: null }],
    })
    expect(text).toBe('m f=1 2\n')
  })

  test('escapes names and tags', async () => {
    const columns: AnswerColumn[] = [COLUMNS[0]!, { name: 'a b,c=d"\\e', type: 'float' }]
    const text = await encode('t b,c=d"\\=', columns, {
      tags: new Map([['k =,\\ x', 'v =,\\ x']]),
      time: BigInt64Array.of(7n),
      fields: [{ values: Float64Array.of(1), valid: null }],
    })
    expect(text).toBe('t\\ b\\,c=d"\\\\=,k\\ \\=\\,\\\\ x=v\\ \\=\\,\\\\ x a\\ b\\,c\\=d"\\e=1 7\n')
    expect(parseLines(text)).toEqual([
      {
        table: 't b,c=d"\\=',
        tags: { 'k =,\\ x': 'v =,\\ x' },
        fields: { 'a b,c=d"\\e': { type: 'float', value: 1 } },
        time: 7n,
      },
    ])
  })

  test.each([
    ['#m', COLUMNS, new Map(), 'table "#m" would be a comment'],
    ['m\\', COLUMNS, new Map(), 'table "m\\\\" ends with a backslash'],
    ['m', COLUMNS, new Map([['k\\', 'x']]), 'tag "k\\\\" ends with a backslash'],
    ['m', COLUMNS, new Map([['k', 'C:\\']]), 'tag k "C:\\\\" ends with a backslash'],
    ['m', COLUMNS, new Map([['k', 'a\nb']]), 'tag k "a\\nb" has a line break'],
  ])('is refused where the grammar has no way to say %s', async (table, columns, tags, message) => {
    const one = { tags, time: BigInt64Array.of(1n), fields: [] }
    await expect(encode(table, columns.slice(0, 1), one)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(message) as string,
    })
  })
})

describe('an export as line protocol', () => {
  let db: Database
  let app: ReturnType<typeof createApp>

  beforeAll(async () => {
    db = await open('memory:')
    app = createApp(db, { log: () => {} })
  })
  afterAll(() => db.close())

  const post = (path: string, type: string, body: string) =>
    app.request(`http://localhost${path}`, {
      method: 'POST',
      body,
      headers: { 'Content-Type': type },
    })
  const get = (path: string) => app.request(`http://localhost${path}`)

  test('is taken by /v1/write, and exported again it is the same, whatever names and strings are', async () => {
    const random = seededRandom(7)
    const pick = (parts: readonly string[], least: number): string => {
      const count = least + Math.floor(random() * 5)
      const text = Array.from({ length: count }, () => parts[Math.floor(random() * parts.length)])
      return text.join('')
    }
    const names = [',', '=', ' ', '"', '\\', 'a', 'é', '😀', "'", '\\,', '\\=', '#', '{']
    const texts = [...names, '\n', '\r\n', '\t', '\u0001', '\\"', '\\\\', '\\n']
    const rows = Array.from({ length: 200 }, (_, i) => ({
      time: `${(BigInt(i) - 100n) * 7_777_777_777_777_777n}`,
      tags: { [`k${pick(names, 0)}z`]: `${pick(names, 1)}z`, plain: 'x' },
      fields: {
        ['s' + pick(names, 0) + 'z']: pick(texts, 0),
        f: random() < 0.5 ? -0 : random() * 10 ** (random() * 600 - 300),
        n: `${BigInt.asIntN(64, BigInt(Math.floor(random() * 2 ** 53)) << 11n)}`,
        u: `${BigInt(Math.floor(random() * 2 ** 53)) << 11n}`,
        b: random() < 0.5,
      },
    }))
    const body = { table: 'a, =\\,b', rows, types: { n: 'integer', u: 'unsigned' } }
    const written = await post('/v1/points?precision=ns', 'application/json', JSON.stringify(body))
    expect([written.status, await written.text()]).toEqual([200, expect.any(String)])
    const table = encodeURIComponent('a, =\\,b')
    const exported = await (await get(`/v1/export?format=lp&table=${table}`)).text()
    const again = await post('/v1/write?db=other', 'text/plain', exported)
    expect(await again.json()).toMatchObject({ written: 200, rejected: 0 })
    const copy = await get(`/v1/export?format=lp&db=other&table=${table}`)
    expect(await copy.text()).toBe(exported)
    for (const format of ['csv', 'ndjson'] as const) {
      const [one, two] = await Promise.all(
        ['default', 'other'].map(async (name) =>
          (await get(`/v1/export?format=${format}&db=${name}&table=${table}`)).text(),
        ),
      )
      expect(two).toBe(one)
    }
  })

  test('is refused before it begins if a tag of some series cannot be said', async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => {
      return { time: i, tags: { d: i === 2_999 ? 'zC:\\' : `c${i}` }, fields: { v: 1 } }
    })
    await post('/v1/points', 'application/json', JSON.stringify({ table: 'disk', rows }))
    const refused = await get('/v1/export?table=disk&format=lp')
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({
      code: 'unsupported',
      detail:
        'tag d "zC:\\\\" ends with a backslash, which line protocol cannot say; use another format',
    })
    const others = await get(`/v1/export?table=disk&format=lp&where=d%3D'c7'`)
    expect(await others.text()).toBe('disk,d=c7 v=1 7000000\n')
  })

  test('is of raw points alone, with their exact times', async () => {
    await post('/v1/write', 'text/plain', 'cpu,host=a u=1 1')
    for (const [more, pointer] of [
      ['select=mean(u)', '/format'],
      ['time=ms', '/time'],
      ['integers=string', '/integers'],
    ]) {
      const refused = await get(`/v1/export?table=cpu&format=lp&${more}`)
      expect(await refused.json()).toMatchObject({ status: 400, errors: [{ pointer }] })
    }
    const answer = await get('/v1/export?table=cpu&format=lp&select=u+AS+w')
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await answer.text()).toBe('cpu,host=a w=1 1\n')
  })
})
