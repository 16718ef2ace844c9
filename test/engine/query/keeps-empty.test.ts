// Raw points with and without a value in the selected fields: `keepsEmpty` answers every point that the
// question over all fields does, in each way of reading them.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import type { AnswerSeries, QueryRequest } from '../../../engine/query/query.ts'

let db: Database
const POINTS = 9_000

async function write(from: number, to: number, step: number, late: number): Promise<void> {
  const lines: string[] = []
  for (let i = from; i < to; i += step) {
    const fields = ['y=1']
    // Whole blocks without x, and single rows.
    if (Math.floor(i / 1_500) % 2 === 0 && i % 3 !== 0) fields.push(`x=${i}`)
    if (i % 5 === 0) fields.push(`s="t${i % 7}"`)
    lines.push(`t,host=h${i % 2} ${fields.join()} ${i * 10 + late}`)
  }
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit('fsync')
}

beforeAll(async () => {
  db = await open('memory:')
  await write(0, POINTS, 1, 0)
  await db.flush()
  // Late ones in memory, and a part that knows no x.
  await write(0, POINTS, 50, 3)
  const only = Array.from({ length: 40 }, (_, i) => `t,host=h0 z=1 ${1_000_000 + i}`)
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(only.join('\n')))
  await batch.commit('fsync')
})
afterAll(() => db.close())

/** Host, time and the values of a field, as one text for each point. */
function rowsOf(series: readonly AnswerSeries[], field: number | null): string[] {
  return series.flatMap(({ tags, time, fields }) =>
    Array.from(time, (at, row) => {
      const vector = field === null ? null : fields[field]!
      const isNull = vector === null || (vector.valid !== null && vector.valid[row] === 0)
      return `${tags.get('host')} ${at} ${isNull ? '' : vector.values[row]}`
    }),
  )
}

async function exported(request: QueryRequest, keepsEmpty: boolean): Promise<AnswerSeries[]> {
  const { chunks } = await db.export(request, { keepsEmpty })
  const found: AnswerSeries[] = []
  for await (const chunk of chunks) found.push(chunk)
  return found
}

const REQUESTS: readonly Partial<QueryRequest>[] = [
  {},
  { order: 'desc' },
  { start: 20_000, end: 60_000, precision: 'ns' },
  { where: 'y > 0' },
  { where: 'x > 100 AND x < 8000' },
  { where: "s = 't3'" },
  { where: { host: 'h1' } },
  { where: 'z = 1' },
]

test.each(REQUESTS)('an export of one field and of none: %o', async (members) => {
  const all = await exported({ table: 't', ...members }, false)
  // s x y z
  const wanted = rowsOf(all, 1)
  expect(wanted.length).toBeGreaterThan(0)
  const one = await exported({ table: 't', select: ['x'], ...members }, true)
  expect(rowsOf(one, 0)).toEqual(wanted)
  const text = await exported({ table: 't', select: ['s'], ...members }, true)
  expect(rowsOf(text, 0)).toEqual(rowsOf(all, 0))
  const none = await exported({ table: 't', select: [], ...members }, true)
  expect(rowsOf(none, null)).toEqual(rowsOf(all, null))
})

test.each(REQUESTS)('pages of one field: %o', async (members) => {
  const request = { table: 't', select: ['x'], limit: 4_000, ...members }
  const wanted = rowsOf((await db.query({ ...request, select: null, limit: 100_000 })).series, 1)
  const found: string[] = []
  let cursor: string | null = null
  do {
    const answer = await db.query({ ...request, cursor }, { keepsEmpty: true })
    found.push(...rowsOf(answer.series, 0))
    ;({ cursor } = answer)
  } while (cursor !== null)
  expect(found.sort()).toEqual(wanted.sort())
})

test('without it such points are left out, and an empty list is refused', async () => {
  const all = await exported({ table: 't' }, false)
  const x = await exported({ table: 't', select: ['x'] }, false)
  const withValue = rowsOf(all, 1).filter((row) => !row.endsWith(' '))
  expect(rowsOf(x, 0)).toEqual(withValue)
  await expect(db.query({ table: 't', select: [] })).rejects.toMatchObject({ code: 'bad_request' })
})

test('aggregates are as they are without it', async () => {
  const request = { table: 't', select: ['mean(x)'], every: '1us' }
  const plain = await db.query(request)
  const kept = await db.query(request, { keepsEmpty: true })
  expect(kept.series).toEqual(plain.series)
})
