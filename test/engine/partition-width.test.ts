import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../engine/database.ts'
import { openMemoryStorage } from '../../engine/storage/memory.ts'
import { simulatedHost } from '../simulated-host.ts'
import { openIngest, writeLines } from './ingest/ingest.ts'

const DAY = 86_400

/** Lines of a table, `count` points `step` seconds apart. */
function lines(table: string, count: number, step: number): string {
  return Array.from({ length: count }, (_, i) => `${table} v=${i} ${i * step * 1e9}`).join('\n')
}

describe('a new table has partitions', () => {
  const cases: [string, number, number, number][] = [
    ['of a day for one point', 1, 1, 1],
    ['of a day for a minute of seconds', 60, 1, 1],
    ['of a day for a year of five minutes', 105_120, 300, 1],
    ['of a day for six days of a point a day', 6, DAY, 1],
    ['of a week for a month of half hours', 1_440, 1_800, 7],
    ['of a month for a year of twelve points a day', 4_380, 7_200, 30],
    ['of a year for ten years of days', 3_650, DAY, 365],
  ]
  test.each(cases)('%s', async (_name, count, step, days) => {
    const ingest = await openIngest()
    await writeLines(ingest, lines('t', count, step))
    expect(ingest.catalog.table('default', 't').partitionSeconds).toBe(days * DAY)
  })

  test('each by its own points, also at both ends of time', async () => {
    const ingest = await openIngest()
    const ends = `far v=1 ${-(2n ** 63n) + 2n}\nfar v=2 ${2n ** 63n - 2n}`
    await writeLines(ingest, `${lines('a', 300, 1)}\n${ends}\n${lines('b', 400, DAY)}`)
    const widthOf = (name: string) => ingest.catalog.table('default', name).partitionSeconds / DAY
    expect(['a', 'far', 'b'].map(widthOf)).toEqual([1, 365, 365])
  })
})

test('forty years of daily points are forty parts, not fourteen thousand, and come back', async () => {
  const storage = openMemoryStorage()
  const db = await openDatabase(await simulatedHost(storage))
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines('t', 14_600, DAY)))
  await batch.commit()
  await db.flush()
  expect((await db.tableStats('t')).parts).toBeLessThanOrEqual(41)
  const answer = await db.query({ table: 't', select: ['count(*) AS n', 'max(v) AS v'] })
  expect(answer.series[0]!.fields.map(({ values }) => Number(values[0]))).toEqual([14_600, 14_599])
  await db.close()
})
