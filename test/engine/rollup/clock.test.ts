// A rollup is built without the buckets that have expired by then. The clock may be earlier again later: one
// that was wrong and is trusted, or after a start that goes on from the last time a manifest has.

import { expect, test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const HOUR = 3_600_000_000_000n
const DAY = 24n * HOUR

test('buckets that had expired when a rollup was built are answered from points once they have not', async () => {
  const host = await simulatedHost(openMemoryStorage())
  const db = await openDatabase(host, { ...SMALL_OPTIONS, trustClock: true })
  const batch = db.batch()
  const lines = Array.from({ length: 6 }, (_, i) => `t v=${i} ${CLOCK_START - BigInt(i) * HOUR}`)
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
  await db.flush()
  const question = { table: 't', every: '1h', select: ['sum(v)'] }
  const valuesOf = async (): Promise<unknown> =>
    (await db.query(question)).series.map(({ time, fields }) => [[...time], [...fields[0]!.values]])
  const expected = await valuesOf()
  host.advance(3n * DAY)
  const rollup = { name: 't_1h', every: '1h', select: { v: 'sum(v)' }, retention: '1d' }
  await db.putTable('t', { rollups: [rollup] })
  await db.compact()
  host.advance(-3n * DAY)
  expect(await valuesOf()).toEqual(expected)
  await db.close()
})
