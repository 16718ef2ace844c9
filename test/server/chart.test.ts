// Functions of neighbours, quantiles and points for charts over HTTP: by GET and POST alike, in exports
// too, and what is wrong with them is a problem that names its member.

import { beforeAll, expect, test } from 'vitest'
import { type Json, useLiveServer } from './live.ts'

const live = useLiveServer()
const { send, get, query } = live

/** A counter that begins again after 50 points, ten seconds apart. */
beforeAll(async () => {
  const line = (i: number): string => `requests,host=a total=${(i % 50) * 3} ${1_000 + i * 10}`
  const lines = Array.from({ length: 100 }, (_, i) => line(i)).join('\n')
  expect((await send('/v1/write?precision=s', lines)).status).toBe(200)
})

const SELECT = [
  ...['rate(total) AS r', 'increase(total) AS i', 'delta(total) AS d'],
  ...['derivative(total) AS v', 'median(total) AS m', 'quantile(total, 0.25) AS q'],
  'approx_quantile(total, 1) AS a',
]

test('rates, quantiles and their like answer by GET as by POST', async () => {
  const body = {
    table: 'requests',
    select: SELECT,
    every: '250s',
    start: 1_250_000,
    end: 1_750_000,
  }
  const answer = await query(body)
  expect(answer['series'][0]).toMatchObject({
    time: [1_250_000, 1_500_000],
    // The first difference of each bucket begins in the bucket before.
    fields: {
      r: [0.3, (24 * 3 + 0) / 250],
      i: [75, 72],
      d: [75, -75],
      v: [0.3, -0.3],
      m: [111, 36],
      q: [93, 18],
      a: [147, 72],
    },
  })
  const parameters = new URLSearchParams({
    ...{ table: 'requests', select: SELECT.join(','), every: '250s' },
    ...{ start: '1250000', end: '1750000' },
  })
  const byUrl = (await get(`/v1/query?${parameters}`)) as Json
  expect(byUrl['series']).toEqual(answer['series'])
})

test.each(['lttb', 'm4', 'minmax'])('%s chooses real points, in order', async (method) => {
  const path = `/v1/query?table=requests&select=total&points=10&method=${method}`
  const { series, rowCount } = (await get(path)) as Json
  const { time, fields } = series[0]
  expect(rowCount).toBe(time.length)
  expect(time.length).toBeLessThanOrEqual(10)
  expect(time).toEqual([...time].sort((a: number, b: number) => a - b))
  time.forEach((at: number, i: number) => {
    expect(fields.total[i]).toBe((((at / 1_000 - 1_000) / 10) % 50) * 3)
  })
  expect(fields.total).toContain(147)
  const descending = (await get(`${path}&order=desc`)) as Json
  expect(descending['series'][0].time).toEqual([...time].reverse())
  const pages = (await get(`${path}&limit=3`)) as Json
  const rest = (await get(`${path}&limit=1000&cursor=${pages['cursor']}`)) as Json
  expect([...pages['series'][0].time, ...rest['series'][0].time]).toEqual(time)
})

test('an export has the points that a query has', async () => {
  const answer = await fetch(`${live.url}/v1/export?table=requests&select=total&points=4&method=m4`)
  const lines = (await answer.text()).trim().split('\n')
  expect(lines).toHaveLength(4)
  expect(lines[1]).toBe('1970-01-01T00:16:40Z,a,0')
})

test.each([
  ['select=total&points=1', 400, '/points'],
  ['select=total&method=m4', 400, '/method'],
  ['select=mean(total)&points=5', 400, '/points'],
  ['select=quantile(total,2)', 400, '/select'],
  ['select=quantile(total)', 422, '/select'],
])('%s is refused', async (parameters, status, pointer) => {
  const body = await get(`/v1/query?table=requests&${parameters}`, status)
  expect((body as Json)['errors'][0].pointer).toBe(pointer)
})
