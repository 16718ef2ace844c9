// The client against the real app over a real database: every call once, exact where it matters.

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createClient, OmenDBError, rows, type Client } from '../../client/index.ts'
import { open } from '../../engine/node.ts'
import { startServer } from '../../server/node.ts'

let client: Client
let url: string

beforeEach(async () => {
  const db = await open('memory:')
  const server = await startServer(db, { port: 0 })
  url = server.url
  client = createClient({ url, retry: false })
  onTestFinished(async () => {
    await server.close()
    await db.close()
  })
})

const CPU = 'cpu,host=a usage=0.5,n=1i 1000000000\ncpu,host=b usage=0.25 2000000000'

describe('writing', () => {
  test('line protocol as text and bytes is stored and counted', async () => {
    expect(await client.write(CPU)).toEqual({ written: 2, rejected: 0, ack: 'fsync', errors: [] })
    const bytes = new TextEncoder().encode('cpu,host=é usage=1 3')
    expect(await client.write(bytes, { precision: 's', ack: 'memory' })).toMatchObject({
      written: 1,
      ack: 'memory',
    })
    expect(await client.tables()).toEqual([{ name: 'cpu', points: 3, series: 3 }])
  })

  test('64-bit integers and nanoseconds survive the way there and back', async () => {
    const time = 1_790_000_000_123_456_789n
    await client.points(
      {
        table: 't',
        tags: { host: 'a' },
        time: [time],
        fields: { n: [2n ** 63n - 1n], u: [2n ** 64n - 1n] },
        types: { u: 'unsigned' },
      },
      { precision: 'ns' },
    )
    const answer = await client.query({ table: 't', time: 'ns', where: { n: { gt: 2n ** 62n } } })
    expect([...rows(answer)]).toEqual([
      { time: String(time), host: 'a', n: String(2n ** 63n - 1n), u: String(2n ** 64n - 1n) },
    ])
  })

  test('typed arrays, Dates and rows are points', async () => {
    const written = await client.write([
      {
        table: 't',
        time: new Float64Array([1, 2]),
        fields: { v: new Float64Array([0.5, Number.NaN]) },
      },
      { table: 't', rows: [{ time: new Date(3), tags: { k: 'x' }, fields: { v: 1.5 } }] },
    ])
    // A point of nulls alone names nothing.
    expect(written).toMatchObject({ written: 2, rejected: 0 })
    const answer = await client.query({ table: 't' })
    expect([...rows(answer)]).toEqual([
      { time: 1, v: 0.5 },
      { time: 3, k: 'x', v: 1.5 },
    ])
  })

  test('partial writes list what was refused', async () => {
    const answer = await client.write(`${CPU}\nbad\n`, { partial: true })
    expect(answer).toMatchObject({ written: 2, rejected: 1, errors: [{ line: 3, input: 'bad' }] })
  })

  test('CSV and NDJSON are imported, and export gives back what import takes', async () => {
    const csv = 'ts,host,v,n\n1,a,0.5,7\n2,b,,8\n'
    const options = { table: 't', time: 'ts', tags: ['host'], types: { n: 'integer' } } as const
    expect((await client.import(csv, options)).written).toBe(2)
    const text = async (format: 'csv' | 'ndjson'): Promise<string> =>
      new Response(await client.export({ table: 't' }, { format })).text()
    const exported = await text('ndjson')
    await client.import(exported, {
      table: 'u',
      format: 'ndjson',
      tags: ['host'],
      types: { n: 'integer' },
    })
    await client.import(await text('csv'), { table: 'w', tags: ['host'], types: { n: 'integer' } })
    for (const table of ['u', 'w']) {
      const { series } = await client.query({ table })
      expect(series).toEqual((await client.query({ table: 't' })).series)
    }
  })
})

describe('reading', () => {
  test('buckets, groups and conditions are asked for in the shapes of the API', async () => {
    await client.write(CPU)
    const answer = await client.query({
      table: 'cpu',
      start: new Date(0),
      end: 10_000,
      where: { host: ['a', 'b'] },
      select: { u: 'mean(usage)' },
      by: ['host'],
      every: '5s',
      fill: { kind: 'previous', maxGap: '1m' },
    })
    expect([...rows(answer)]).toEqual([
      { time: 0, host: 'a', u: 0.5 },
      { time: 5_000, host: 'a', u: 0.5 },
      { time: 0, host: 'b', u: 0.25 },
      { time: 5_000, host: 'b', u: 0.25 },
    ])
    expect(answer.stats.series).toBe(2)
  })

  test('pages put together are the whole', async () => {
    await client.write(CPU)
    await client.write('cpu,host=c usage=3 3000000000')
    const found: unknown[] = []
    for await (const page of client.pages({ table: 'cpu', limit: 1, order: 'desc' })) {
      found.push(...rows(page))
    }
    expect(found).toMatchObject([{ host: 'c' }, { host: 'b' }, { host: 'a' }])
  })

  test('latest has the newest point of each series', async () => {
    await client.write(CPU)
    await client.write('cpu,host=a usage=9 5000000000')
    const answer = await client.latest({
      table: 'cpu',
      select: ['usage'],
      where: { host: ['a', 'b'] },
      time: 'rfc3339',
    })
    expect([...rows(answer)]).toEqual([
      { time: '1970-01-01T00:00:05Z', host: 'a', usage: 9 },
      { time: '1970-01-01T00:00:02Z', host: 'b', usage: 0.25 },
    ])
  })

  test('tables, series, tags and what they take can be looked at, and a table dropped', async () => {
    await client.write(CPU)
    expect(await client.table('cpu', { time: 'ns' })).toMatchObject({
      name: 'cpu',
      tags: ['host'],
      fields: { n: 'integer', usage: 'float' },
      points: 2,
      series: 2,
      firstTime: '1000000000',
      lastTime: '2000000000',
    })
    expect(await client.series('cpu', { limit: 1 })).toMatchObject({
      series: [{ tags: { host: 'a' } }],
      cursor: expect.any(String) as string,
    })
    expect(await client.tagKeys('cpu')).toEqual(['host'])
    expect(await client.tagValues('cpu', 'host', { where: { host: 'b' } })).toEqual({
      values: ['b'],
      cursor: null,
    })
    expect(await client.tableStats('cpu')).toMatchObject({
      name: 'cpu',
      columns: expect.any(Array) as unknown[],
    })
    await client.dropTable('cpu')
    expect(await client.tables()).toEqual([])
  })

  test('databases are apart', async () => {
    await client.write(CPU, { database: 'other' })
    expect(await client.tables()).toEqual([])
    const other = createClient({ url, database: 'other' })
    expect(await other.tables()).toMatchObject([{ name: 'cpu' }])
  })
})

describe('errors', () => {
  const thrownBy = async (call: Promise<unknown>): Promise<OmenDBError> =>
    (await call.then(
      () => null,
      (error: unknown) => error,
    )) as OmenDBError

  test('a malformed line has its place', async () => {
    const error = await thrownBy(client.write('cpu v=1 1\ncpu v= 2'))
    expect(error).toBeInstanceOf(OmenDBError)
    expect(error).toMatchObject({
      status: 400,
      code: 'line_protocol',
      written: 0,
      errors: [{ line: 2 }],
    })
    expect(error.requestId).toMatch(/./)
  })

  test('an unknown table, a conflict of types and bad SQL have their codes', async () => {
    await client.write(CPU)
    expect(await thrownBy(client.query({ table: 'nope' }))).toMatchObject({
      status: 404,
      code: 'not_found',
    })
    expect(await thrownBy(client.write('cpu usage="x"'))).toMatchObject({
      status: 422,
      code: 'type_conflict',
    })
    expect(await thrownBy(client.query({ table: 'cpu', where: 'usage >' }))).toMatchObject({
      status: 400,
      code: 'sql_syntax',
      position: expect.any(Number) as number,
    })
  })
})
