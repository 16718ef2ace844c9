// InfluxDB 3's write route, and the precisions of the three dialects, against the live server.

import { describe, expect, test } from 'vitest'
import { useLiveServer } from './live.ts'

const live = useLiveServer()
const { send, query } = live

const timesOf = async (table: string): Promise<unknown> => {
  const { series } = await query({ table, time: 'ns' })
  return series[0].time
}

describe('POST /api/v3/write_lp', () => {
  test('takes each time in the unit that its size says', async () => {
    const answer = await send(
      '/api/v3/write_lp?db=default',
      'auto v=1 1790000001\nauto v=2 1790000002000\nauto v=3 1790000003000000\nauto v=4 1790000004000000000\nauto v=5 -1\n',
    )
    expect(answer).toEqual({ status: 204, body: null })
    expect(await timesOf('auto')).toEqual([
      '-1000000000',
      '1790000001000000000',
      '1790000002000000000',
      '1790000003000000000',
      '1790000004000000000',
    ])
  })

  test('stores the good lines of a bad batch, and lists the others', async () => {
    const answer = await send(
      '/api/v3/write_lp?precision=ns',
      'p v=1 1\np v= 2\np v="x" 3\np v=4 4',
    )
    expect(answer).toEqual({
      status: 400,
      body: {
        error: 'partial write of line protocol occurred',
        data: [
          { original_line: 'p v= 2', line_number: 2, error_message: "missing value of field 'v'" },
          {
            original_line: 'p v="x" 3',
            line_number: 3,
            error_message: "column 'v' is float, sent string",
          },
        ],
      },
    })
    expect(await timesOf('p')).toEqual(['1', '4'])
  })

  test('stores nothing of one with accept_partial=false', async () => {
    const path = '/api/v3/write_lp?precision=ns&accept_partial=false'
    expect(await send(path, 'none v=1 1\nnone v= 2')).toEqual({
      status: 400,
      body: {
        error: 'parsing failed for write_lp endpoint',
        data: {
          original_line: 'none v= 2',
          line_number: 2,
          error_message: "missing value of field 'v'",
        },
      },
    })
    await live.get('/v1/tables/none', 404)
  })

  test.each([
    ['nanosecond', '7'],
    ['us', '7000'],
    ['millisecond', '7000000'],
    ['second', '7000000000'],
  ])('precision=%s', async (precision, time) => {
    const path = `/api/v3/write_lp?precision=${precision}&no_sync=true`
    expect((await send(path, `unit_${precision} v=1 7`)).status).toBe(204)
    expect(await timesOf(`unit_${precision}`)).toEqual([time])
  })

  test.each(['precision=d', 'accept_partial=yes', 'no_sync=1', 'db=a%2Fb'])(
    'refuses %s in its shape',
    async (parameter) => {
      const { status, body } = await send(`/api/v3/write_lp?${parameter}`, 'x v=1 1')
      expect([status, Object.keys(body)]).toEqual([400, ['error']])
    },
  )
})

test.each([
  ['n', 1n],
  ['u', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
])('InfluxDB 1: precision=%s', async (precision, unit) => {
  expect((await send(`/write?precision=${precision}`, `one_${precision} v=1 7`)).status).toBe(204)
  expect(await timesOf(`one_${precision}`)).toEqual([String(7n * unit)])
})

test('ping is a 204 with a version, in words if it is asked for', async () => {
  for (const method of ['GET', 'HEAD']) {
    const response = await fetch(`${live.url}/ping`, { method })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(response.headers.get('x-influxdb-version')).toMatch(/^1\.8/)
  }
  const verbose = await fetch(`${live.url}/ping?verbose=true`)
  expect([verbose.status, Object.keys((await verbose.json()) as object)]).toEqual([
    200,
    ['version'],
  ])
})
