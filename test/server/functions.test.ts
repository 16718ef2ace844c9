// Distinct values, modes, areas and moving averages over HTTP, with numbers that were worked out by hand.

import { beforeAll, describe, expect, test } from 'vitest'
import { type Json, useLiveServer } from './live.ts'

const live = useLiveServer()
const { send, sendJson, query } = live

/** Two tanks; times in seconds. The level of a: 2 at 0, 4 at 10, 6 at 30, 6 at 70; of b: 10 at 20. */
beforeAll(async () => {
  const lines = [
    'tank,id=a level=2,state="open",n=1i,ok=true 0',
    'tank,id=a level=4,state="shut",n=2i,ok=false 10',
    'tank,id=a level=6,state="open",n=2i,ok=false 30',
    'tank,id=a level=6,state="warm",n=3i,ok=false 70',
    'tank,id=b level=10,state="shut",n=9007199254740993i,ok=true 20',
  ].join('\n')
  expect((await send('/v1/write?precision=s', lines)).status).toBe(200)
})

async function fieldsOf(more: Json): Promise<Json[]> {
  const answer = await query({ table: 'tank', precision: 's', time: 's', ...more })
  return answer['series'].map(({ time, fields }: Json) => ({ time, ...fields }))
}

async function problemOf(more: Json): Promise<Json> {
  const body = { table: 'tank', precision: 's', ...more }
  const answer = await sendJson('/v1/query', body)
  expect(answer.status).toBeGreaterThanOrEqual(400)
  return answer.body
}

describe('distinct_count and mode', () => {
  test('take every type; ties go to the least value', async () => {
    const select = ['level', 'state', 'n', 'ok'].flatMap((name) => [
      `distinct_count(${name}) AS ${name}_count`,
      `mode(${name}) AS ${name}_mode`,
    ])
    expect(await fieldsOf({ select, start: 0, end: 100 })).toEqual([
      {
        time: [0],
        ...{ level_count: [4], level_mode: [6], state_count: [3], state_mode: ['open'] },
        ...{ n_count: [4], n_mode: [2], ok_count: [2], ok_mode: [false] },
      },
    ])
  })

  test('keep integers beyond 2^53 exact, and count none as 0', async () => {
    const select = ['mode(n) AS m', 'distinct_count(n) AS d', 'count(*) AS c']
    const more = { where: "id = 'b'", every: '10s', start: 20, end: 30 }
    expect(await fieldsOf({ select, ...more })).toEqual([
      { time: [20], m: ['9007199254740993'], d: [1], c: [1] },
    ])
    const filled = await fieldsOf({ select, ...more, end: 40, fill: 'null' })
    expect(filled).toEqual([
      { time: [20, 30], m: ['9007199254740993', null], d: [1, null], c: [1, null] },
    ])
  })

  test('page by cursor as they are whole', async () => {
    const more = { table: 'tank', select: 'mode(state)', by: 'id', every: '10s', order: 'desc' }
    const whole = await query(more)
    const rows: unknown[] = []
    let cursor: string | null = null
    do {
      const page: Json = await query({ ...more, limit: 1, cursor })
      for (const { tags, time, fields } of page['series']) rows.push([tags, time, fields])
      cursor = page['cursor']
    } while (cursor !== null)
    expect(rows.length).toBe(whole['rowCount'])
    expect(rows[0]).toEqual([{ id: 'a' }, [70_000], { 'mode(state)': ['warm'] }])
  })
})

describe('integral', () => {
  test('adds trapezoids of each series over the group', async () => {
    // (2+4)/2·10 + (4+6)/2·20 + 6·40 = 30 + 100 + 240; one point has no area.
    expect(await fieldsOf({ select: 'integral(level) AS x' })).toEqual([{ time: [0], x: [370] }])
    expect(await fieldsOf({ select: 'integral(level) AS x', by: 'id' })).toMatchObject([
      { x: [370] },
      { x: [null] },
    ])
  })

  test('belongs to the bucket of the later point, and buckets add up', async () => {
    const more = { select: 'integral(level) AS x', where: "id = 'a'", every: '20s' }
    expect(await fieldsOf({ ...more, start: 0, end: 80 })).toEqual([
      { time: [0, 20, 60], x: [30, 100, 240] },
    ])
    // The point at 10 lies one bucket before the range, the one at 30 more than that before 60.
    expect(await fieldsOf({ ...more, start: 20, end: 40 })).toEqual([{ time: [20], x: [100] }])
    expect(await fieldsOf({ ...more, start: 60, end: 80 })).toEqual([{ time: [60], x: [null] }])
  })
})

describe('time_weighted_mean', () => {
  test('holds a value until the next or the end of its bucket', async () => {
    const more = { select: 'time_weighted_mean(level) AS x', where: "id = 'a'" }
    // The range is the bucket: 2·10 + 4·20 + 6·40 + 6·30, of 100 seconds.
    expect(await fieldsOf({ ...more, start: 0, end: 100 })).toEqual([{ time: [0], x: [5.2] }])
    // Without an end, until the last point: 2·10 + 4·20 + 6·40 of 70.
    expect(await fieldsOf(more)).toMatchObject([{ x: [340 / 70] }])
    expect(await fieldsOf({ ...more, every: '40s', start: 0, end: 80 })).toEqual([
      // 2·10 + 4·20 + 6·10 of 40; 6 alone.
      { time: [0, 40], x: [4, 6] },
    ])
  })

  test('is averaged over the series of a group', async () => {
    const more = { select: 'time_weighted_mean(level) AS x', start: 0, end: 40 }
    expect(await fieldsOf({ ...more, every: '40s' })).toEqual([{ time: [0], x: [(4 + 10) / 2] }])
  })
})

describe('moving_average', () => {
  const more = { select: 'moving_average(level, 3) AS x', where: "id = 'a'", every: '10s' }

  test('is the mean of the points of n buckets, also of those before start', async () => {
    expect(await fieldsOf({ ...more })).toEqual([{ time: [0, 10, 30, 70], x: [2, 3, 5, 6] }])
    expect(await fieldsOf({ ...more, start: 30, end: 40 })).toEqual([{ time: [30], x: [5] }])
  })

  test('reaches into empty buckets when these are made, and fill takes the rest', async () => {
    const filled = { ...more, start: 30, end: 70 }
    expect(await fieldsOf({ ...filled, fill: 'null' })).toEqual([
      { time: [30, 40, 50, 60], x: [5, 6, 6, null] },
    ])
    expect(await fieldsOf({ ...filled, fill: -1 })).toMatchObject([{ x: [5, 6, 6, -1] }])
  })

  test('of integers is exact before the division, beside other aggregates', async () => {
    const select = ['moving_average(n, 2) AS x', 'sum(n) AS s', 'moving_average(n, 1) AS y']
    expect(await fieldsOf({ select, every: '10s', start: 10, end: 31 })).toEqual([
      {
        time: [10, 20, 30],
        x: [1.5, 4_503_599_627_370_498, 4_503_599_627_370_498],
        s: ['2', '9007199254740993', '2'],
        y: [2, 9_007_199_254_740_992, 2],
      },
    ])
  })

  test('takes the bucket of start whole, alone as beside a longer one', async () => {
    const one = 'moving_average(level, 1) AS one'
    const asked = { ...more, every: '40s', start: 30, end: 40 }
    expect(await fieldsOf({ ...asked, select: one })).toEqual([{ time: [0], one: [4] }])
    const both = [one, 'moving_average(level, 3) AS x']
    expect(await fieldsOf({ ...asked, select: both })).toEqual([{ time: [0], one: [4], x: [4] }])
  })

  test('follows the calendar of a zone', async () => {
    const days = { select: 'moving_average(level, 2) AS x', tz: 'Europe/Berlin', every: '1d' }
    expect(await fieldsOf({ ...days, fill: 'null', start: 0, end: 3 * 86_400 })).toEqual([
      { time: [-3_600, 82_800, 169_200, 255_600], x: [5.6, 5.6, null, null] },
    ])
  })

  test.each([
    [{ select: 'moving_average(level, 3)' }, 400, 'bad_request', 1],
    [{ ...more, select: 'moving_average(level, 0)' }, 400, 'bad_request', 23],
    [{ ...more, select: 'moving_average(level, 1.5)' }, 400, 'bad_request', 23],
    [{ ...more, select: 'moving_average(level, 10001)' }, 400, 'bad_request', 23],
    [{ ...more, select: 'moving_average(level)' }, 422, 'type_conflict', 1],
    [{ ...more, select: 'moving_average(state, 3)' }, 422, 'type_conflict', 1],
    [{ ...more, select: 'integral(ok)' }, 422, 'type_conflict', 1],
    [{ ...more, select: 'time_weighted_mean(state)' }, 422, 'type_conflict', 1],
  ])('%j is %i %s at %i', async (body, status, code, position) => {
    expect(await problemOf(body)).toMatchObject({ status, code, position })
  })
})

test('exports have them, too', async () => {
  const parameters = new URLSearchParams({
    ...{ table: 'tank', by: 'id', precision: 's', time: 's', every: '40s' },
    select: 'mode(state) AS m,integral(level) AS i,distinct_count(level) AS d',
  })
  const text = await (await fetch(`${live.url}/v1/export?${parameters}`)).text()
  expect(text.split('\n').slice(0, 3)).toEqual([
    'time,id,m,i,d',
    '0,a,open,130,3',
    '40,a,warm,240,1',
  ])
})

describe('where by regular expressions', () => {
  test.each([
    ["state ~ '^(open|warm)$'", 3],
    ["state !~ 'op'", 3],
    ["state ~* '^OPEN$' AND id ~ '^[ab]$'", 2],
    ["id !~* 'A'", 1],
    ["NOT state ~ 'a|u'", 2],
    [{ state: { match: 'en$' }, id: ['a', 'b'] }, 2],
    [{ id: { match: '^b' } }, 1],
    ["state ~ '(a+)+$'", 0],
  ])('%j finds %i points, by GET, too', async (where, count) => {
    const answer = await query({ table: 'tank', where, select: 'level' })
    expect(answer['rowCount']).toBe(count)
    const text = typeof where === 'string' ? where : JSON.stringify(where)
    const parameters = new URLSearchParams({ table: 'tank', where: text, select: 'level' })
    expect((await live.get(`/v1/query?${parameters}`))['rowCount']).toBe(count)
  })

  test('what is not offered is named with its place, and where the pattern is', async () => {
    const problem = await problemOf({ where: "id = 'a' AND state ~ 'x\\b'" })
    expect(problem).toMatchObject({
      ...{ status: 400, code: 'bad_request', sqlstate: '2201B', position: 22 },
      detail: 'where: the escape \\b in a regular expression, at character 2 of it',
    })
  })

  test('deletes and series take them', async () => {
    const dry = await fetch(
      `${live.url}/v1/tables/tank/rows?dryRun=true&where=${encodeURIComponent("state ~ 'u'")}`,
      { method: 'DELETE' },
    )
    expect(await dry.json()).toMatchObject({ deleted: 2 })
    const where = encodeURIComponent("id ~ '^b'")
    expect(await live.get(`/v1/tables/tank/series?where=${where}`)).toMatchObject({
      series: [{ tags: { id: 'b' } }],
    })
  })
})
