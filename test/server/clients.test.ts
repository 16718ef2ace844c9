// Clients that exist, against the live server: InfluxDB's library, its two write routes, curl.

import { spawn } from 'node:child_process'
import { InfluxDB, Point } from '@influxdata/influxdb-client'
import { describe, expect, test } from 'vitest'
import { useLiveServer } from './live.ts'

const live = useLiveServer()
const { send, query } = live

describe('clients', () => {
  test("InfluxDB's own library writes every type, escapes and all", async () => {
    const influx = new InfluxDB({ url: live.url, token: 'any' })
    const api = influx.getWriteApi('org', 'influx', 'ns', { maxRetries: 0, flushInterval: 0 })
    const odd = 'a b,c=d\\ "é"'
    const point = new Point(odd)
      .tag('k e,y=', odd)
      .floatField('f l,t=', 1.5)
      .intField('i', '-9007199254740991') // more it would round itself
      .uintField('u', '18446744073709551615')
      .booleanField('b', true)
      .stringField('s', 'x\\ "y"\nz,=')
      .timestamp('1790000000000000001')
    api.writePoint(point)
    await api.close()
    const { series } = await query({ table: odd, time: 'ns' }, 'influx')
    expect(series).toEqual([
      {
        tags: { 'k e,y=': odd },
        time: ['1790000000000000001'],
        fields: {
          b: [true],
          'f l,t=': [1.5],
          i: [-9007199254740991],
          s: ['x\\ "y"\nz,='],
          u: ['18446744073709551615'],
        },
      },
    ])
  })

  test('InfluxDB 2: a type conflict stores the rest, a malformed line nothing', async () => {
    await send('/api/v2/write?bucket=two', 'm u=1 1')
    const conflict = await send('/api/v2/write?bucket=two', 'm u=2 2\nm u="x" 3\nm u=4 4')
    expect([conflict.status, conflict.body]).toMatchObject([
      422,
      { code: 'unprocessable entity', line: 2 },
    ])
    expect((await query({ table: 'm' }, 'two'))['series'][0].fields.u).toEqual([1, 2, 4])
    const malformed = await send('/api/v2/write?bucket=two', 'm u=5 5\nm u= 6')
    expect([malformed.status, malformed.body]).toMatchObject([400, { code: 'invalid', line: 2 }])
    expect((await query({ table: 'm' }, 'two'))['rowCount']).toBe(3)
  })

  test('InfluxDB 1: good lines of a bad batch are stored', async () => {
    const answer = await send('/write?db=one&precision=s', 'm u=1 1\nm u= 2\nm u=3 3')
    expect(answer.status).toBe(400)
    expect(answer.body['error']).toMatch(/^partial write: .* dropped=1$/)
    expect((await query({ table: 'm', time: 's' }, 'one'))['series'][0].time).toEqual([1, 3])
    expect((await send('/write?db=one', 'm u=4 4')).status).toBe(204)
  })

  test('curl needs no header', async () => {
    const curl = (...args: string[]) => run('curl', ['-sS', ...args])
    const write = await curl(
      '--data-binary',
      'curled,host=a u=0.5 1790000000000000000',
      `${live.url}/v1/write`,
    )
    expect(JSON.parse(write)).toMatchObject({ written: 1 })
    const answer = await curl('-d', '{"table":"curled"}', `${live.url}/v1/query`)
    expect(JSON.parse(answer)).toMatchObject({ rowCount: 1 })
    const url = await curl(
      '-G',
      `${live.url}/v1/query`,
      '--data-urlencode',
      'table=curled',
      '--data-urlencode',
      "where=host = 'a'",
    )
    expect(JSON.parse(url)).toMatchObject({ rowCount: 1 })
    const head = await curl('-I', `${live.url}/v1/query?table=curled`)
    expect(head).toMatch(/^HTTP\/1.1 200 OK/)
  })
})

test('metrics count what was written', async () => {
  const text = await (await fetch(`${live.url}/metrics`)).text()
  expect(text).toMatch(/^omendb_points_written_total\{db="influx"\} 1$/m)
  expect(text).toMatch(/^omendb_series\{db="default"\} \d+$/m)
})

function run(command: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args)
    let text = ''
    child.stdout.on('data', (chunk) => (text += chunk))
    child.stderr.on('data', (chunk) => (text += chunk))
    child.on('error', reject)
    child.on('close', () => resolve(text))
  })
}
