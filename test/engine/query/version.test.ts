// Versions of answers against the answers: random writes, late points, deletes, retentions, drops and
// flushes; whenever a version is the same, so is the answer.

import { describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { Answer, LatestRequest, QueryRequest } from '../../../engine/query/query.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const HOUR = 3_600_000_000_000n
const HOURS = 12
const FIRST = CLOCK_START - BigInt(HOURS) * HOUR

const at = (hours: number): string =>
  String(FIRST + BigInt(Math.round(hours * 3600)) * 1_000_000_000n)

function contentOf({ columns, series }: Answer): string {
  const shown = series.map(({ tags, time, fields }) => {
    const cells = fields.map(({ values, valid }) =>
      Array.from(time, (_, row) => (valid?.[row] === 0 ? null : String(values[row]))),
    )
    return [[...tags], [...time].map(String), cells]
  })
  return JSON.stringify([columns, shown])
}

const REQUESTS: readonly QueryRequest[] = [
  { table: 'm' },
  { table: 'm', start: at(2), end: at(5), precision: 'ns' },
  { table: 'm', start: at(2), end: at(5), where: "s = '1'", precision: 'ns' },
  { table: 'm', end: at(3), order: 'desc', limit: 3, precision: 'ns' },
  { table: 'm', start: at(8), precision: 'ns' },
  ...['count(*) AS n', 'sum(a)', 'increase(a)', 'rate(a)', 'first(b)'].map((select) => {
    return {
      table: 'm',
      start: at(3),
      end: at(6),
      every: '1h',
      select: [select],
      precision: 'ns',
    } as const
  }),
  {
    table: 'm',
    start: at(4),
    end: at(6),
    every: '30m',
    select: ['last(a)'],
    by: '*',
    precision: 'ns',
    fill: { kind: 'previous', lookback: '3h' },
  },
]
const LATEST: readonly LatestRequest[] = [
  { table: 'm' },
  { table: 'm', start: at(6), precision: 'ns' },
]

async function act(
  database: Database,
  random: Random,
  advance: (by: bigint) => void,
): Promise<void> {
  const choice = random.int(20)
  if (choice < 11) {
    const lines: string[] = []
    // Half of the batches have only points behind all others.
    const base = random.chance(0.5) ? HOURS - 1 : random.int(HOURS)
    for (let i = random.int(5); i >= 0; i--) {
      const field = random.pick(['a', 'b', ...(random.chance(0.05) ? ['c'] : [])])
      const time = at(base + random.int(50) / 50)
      lines.push(`m,s=${random.int(3)} ${field}=${random.int(50)} ${time}`)
    }
    const batch = database.batch()
    batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
    await batch.commit(random.pick(['fsync', 'memory'])).catch(() => {})
  } else if (choice < 13) {
    const start = random.int(HOURS)
    const range = { start: at(start), end: at(start + 1 + random.int(2)), precision: 'ns' } as const
    await database.deleteRows('m', {
      ...range,
      ...(random.chance(0.5) ? { where: "s = '2'" } : {}),
    })
  } else if (choice === 13)
    await database.putTable('m', { retention: random.pick(['6h', '10h', '20h', null]) })
  else if (choice === 14) advance(HOUR / 4n)
  else if (choice === 15) await database.flush()
  else if (choice === 16) await database.compact()
  else if (choice === 17 && random.chance(0.3)) await database.dropColumn('m', 'c').catch(() => {})
  else if (choice === 18 && random.chance(0.2)) {
    await database.dropTable('m')
    await database.putTable('m', { tags: ['s'], fields: { a: 'float', b: 'float' } })
  } else advance(1_000_000_000n)
}

test.each(seedsOf(10))('equal versions have equal answers, seed %i', async (seed) => {
  const random = randomOf(seed)
  const host = await simulatedHost(openMemoryStorage(), seed)
  const database = await openDatabase(host, { ...SMALL_OPTIONS, trustClock: true })
  await database.putTable('m', { tags: ['s'], fields: { a: 'float', b: 'float' } })
  const known = new Map<string, string>()
  let again = 0
  for (let i = 0; i < 50; i++) {
    await act(database, random, (by) => host.advance(by))
    const check = async (name: string, version: string | null, answer: Answer): Promise<void> => {
      expect(version).not.toBeNull()
      const content = contentOf(answer)
      const before = known.get(`${name} ${version}`)
      if (before !== undefined) {
        again++
        expect(content, `action ${i}, ${name}`).toBe(before)
      }
      known.set(`${name} ${version}`, content)
    }
    for (const [k, request] of REQUESTS.entries()) {
      const version = database.versions.query(request, '')
      await check(`query ${k}`, version, await database.query(request))
    }
    for (const [k, request] of LATEST.entries()) {
      const version = database.versions.latest(request, '')
      await check(`latest ${k}`, version, await database.latest(request))
    }
    const listed = database.versions.list('m', ['series'])
    const { series } = await database.series('m')
    const content = JSON.stringify(series)
    expect(known.get(listed) ?? content).toBe(content)
    known.set(listed, content)
  }
  // A version that never stays would pass all the rest.
  expect(again).toBeGreaterThan(50)
  await database.close()
})

describe('a version', () => {
  async function opened() {
    const host = await simulatedHost(openMemoryStorage())
    const database = await openDatabase(host, SMALL_OPTIONS)
    const write = async (...lines: string[]): Promise<void> => {
      const batch = database.batch()
      batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
      await batch.commit()
    }
    await write(`m,s=1 a=1 ${at(1)}`)
    return {
      database,
      write,
      version: (request: QueryRequest) => database.versions.query(request, ''),
    }
  }

  test.each<Partial<QueryRequest>>([
    { start: 'now-1h' },
    { start: '-1h' },
    { end: 'now' },
    { start: '0', end: 'now' },
    { where: "time > now() - interval '1 hour'" },
    { where: "time > 'now'" },
    { where: 'time > current_timestamp' },
    { origin: 'now', every: '1h', select: 'count(a)' },
  ])('is not given to what moves with the clock: %j', async (members) => {
    const { database, version } = await opened()
    expect(version({ table: 'm', ...members })).toBeNull()
    await database.close()
  })

  test('stays while points arrive behind the range, also across a flush', async () => {
    const { database, write, version } = await opened()
    const request = { table: 'm', start: at(0), end: at(2), precision: 'ns' } as const
    const before = version(request)
    for (let i = 0; i < 50; i++) await write(`m,s=1 a=1 ${at(3 + i / 50)}`)
    await database.flush()
    await database.compact()
    expect(version(request)).toBe(before)
    await write(`m,s=1 a=1 ${at(1.5)}`)
    expect(version(request)).not.toBe(before)
    await database.close()
  })

  test('of a question that looks before its start changes with what lies there', async () => {
    const { database, write, version } = await opened()
    const range = { table: 'm', start: at(2), end: at(3), every: '1h', precision: 'ns' } as const
    const fill = { kind: 'previous', lookback: '2h' } as const
    const increase = { ...range, select: ['increase(a)'] }
    const filled = { ...range, select: ['last(a)'], fill }
    const plain = { ...range, select: ['last(a)'] }
    const before = [increase, filled, plain].map(version)
    await write(`m,s=1 a=5 ${at(1.5)}`)
    const after = [increase, filled, plain].map(version)
    expect(after.map((one, i) => one === before[i])).toEqual([false, false, true])
    await database.close()
  })

  test('is another one after a restart', async () => {
    const host = await simulatedHost(openMemoryStorage())
    const other = await simulatedHost(openMemoryStorage(), 2)
    const versions: (string | null)[] = []
    for (const one of [host, other]) {
      const database = await openDatabase(one, SMALL_OPTIONS)
      await database.putTable('m', { fields: { a: 'float' } })
      versions.push(database.versions.query({ table: 'm' }, ''))
      await database.close()
    }
    expect(versions[0]).not.toBe(versions[1])
  })
})
