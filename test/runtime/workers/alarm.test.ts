// What an object does while nobody asks, by its alarm alone: what has grown old moves to the bucket, and
// rollups follow the points; then it sets no alarm that has nothing to do.

import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { type TestShard, openTestShard } from './shard-fixture.ts'

const HOUR_MS = 3_600_000
const JSON_HEADERS = { 'Content-Type': 'application/json' }

afterEach(() => void vi.useRealTimers())

const alarmOf = (shard: TestShard): Promise<number | null> =>
  shard.inside((_, ctx) => ctx.storage.getAlarm())

/** Ends the instance, and lets time pass until the alarm, which runs in a new one. */
async function sleepUntilAlarm(shard: TestShard): Promise<number> {
  await shard.abort()
  const at = (await alarmOf(shard))!
  expect(at).not.toBeNull()
  vi.useFakeTimers({ toFake: ['Date'], now: at })
  expect(await runDurableObjectAlarm(shard.stub() as never)).toBe(true)
  return at
}

/** Points of noise a second apart, up to `newest` milliseconds since 1970. */
function linesUntil(newest: number, count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const noise = (Math.imul(i, 2654435761) >>> 8) / 8
    return `cpu,host=a v=${noise} ${newest - (count - 1 - i) * 1_000}`
  }).join('\n')
}

test('what has grown old moves to the bucket, at the hour at which it is old enough', async () => {
  const shard = await openTestShard()
  // Old enough in two hours.
  const newest = Date.now() - 46 * HOUR_MS
  await shard.write(linesUntil(newest, 20_000), 'precision=ms')
  await sleepUntilAlarm(shard)
  const hot = (await shard.send('/v1/tables/cpu')).body
  expect(hot.diskBytes).toBeGreaterThan(16_384)
  expect(hot.coldBytes).toBe(0)
  let at = 0
  for (let i = 0; (await shard.send('/v1/tables/cpu')).body.coldBytes === 0; i++) {
    expect(i).toBeLessThan(3)
    at = await sleepUntilAlarm(shard)
  }
  expect(at).toBeGreaterThanOrEqual(newest + 48 * HOUR_MS)
  expect(at).toBeLessThan(newest + 49 * HOUR_MS)
  const { diskBytes, coldBytes, points } = (await shard.send('/v1/tables/cpu')).body
  expect([coldBytes, points]).toEqual([diskBytes, 20_000])
  await shard.abort()
  expect(await alarmOf(shard)).toBeNull()
})

test('a rollup has the buckets of what was written, though nobody asks', async () => {
  const shard = await openTestShard()
  const rollups = [{ name: 'cpu_1m', every: '1m', select: { n: 'count(v)', high: 'max(v)' } }]
  const body = JSON.stringify({ fields: { v: 'float' }, rollups })
  const put = { method: 'PUT', headers: JSON_HEADERS, body }
  expect(await shard.send('/v1/tables/cpu', put)).toMatchObject({ status: 200 })
  const minute = Math.floor(Date.now() / 60_000) * 60_000
  const from = minute - 10 * 60_000
  const lines = Array.from({ length: 300 }, (_, i) => `cpu v=${i} ${from + i * 1_000}`)
  await shard.write(lines.join('\n'), 'precision=ms')
  const bucketsOf = async (): Promise<unknown> => {
    const { status, body: answer } = await shard.query({ table: 'cpu_1m' })
    return status === 404 ? null : (answer.series[0]?.fields.n ?? null)
  }
  expect(await bucketsOf()).toBeNull()
  // The points are flushed by the first alarm, the buckets at the latest by one behind it.
  for (let i = 0; (await alarmOf(shard)) !== null; i++) {
    expect(i).toBeLessThan(3)
    await sleepUntilAlarm(shard)
  }
  expect(await bucketsOf()).toEqual([60, 60, 60, 60, 60])
  expect((await shard.query({ table: 'cpu_1m' })).body.series[0].fields.high.at(-1)).toBe(299)
  expect((await shard.send('/v1/tables/cpu_1m')).body.diskBytes).toBeGreaterThan(0)
})
