// The newest points of series on many pages of a part, where columns of last rows are kept: all types,
// nulls, some and all series asked for, caches that hold them and caches that do not.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { randomOf } from '../../random.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const SERIES = 2_500
const TIMEOUT_MS = 120_000

/** Fields of the last row of a series, as line protocol has them; every third lacks some. */
function lastFields(series: number): string {
  const fields = [
    `f=${series / 4}`,
    `i=${series * 1_000_003}i`,
    `u=${series}u`,
    `b=${series % 2 === 0}`,
    `s="text ${series % 50}"`,
  ]
  return fields.filter((_, i) => (series + i) % 3 !== 0 || i === 4).join(',')
}

const nameOf = (series: number): string => String(series).padStart(4, '0')

async function write(database: Database, lines: readonly string[]): Promise<void> {
  const batch = database.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

/** What the newest row of a series has to show: f, i, u, b, s. */
function expected(series: number): (string | null)[] {
  const all = [String(series / 4), String(series * 1_000_003), String(series)]
  const row = [...all, String(1 - (series % 2)), `text ${series % 50}`]
  return row.map((value, i) => ((series + i) % 3 !== 0 || i === 4 ? value : null))
}

async function check(database: Database, from: number, to: number): Promise<void> {
  const where = `n >= '${nameOf(from)}' and n < '${nameOf(to)}'`
  const answer = await database.latest({ table: 't', where, select: ['f', 'i', 'u', 'b', 's'] })
  expect(answer.series.length).toBe(to - from)
  for (const [i, { tags, time, fields }] of answer.series.entries()) {
    expect(tags.get('n')).toBe(nameOf(from + i))
    expect(time).toEqual(BigInt64Array.of(9n))
    const row = fields.map(({ values, valid }) => (valid?.[0] === 0 ? null : String(values[0])))
    expect(row).toEqual(expected(from + i))
  }
}

test.each([1 << 15, 1 << 18, 1 << 24])(
  'last points are the same from a cache of %i bytes, asked once and again',
  async (cacheBytes) => {
    const random = randomOf(cacheBytes)
    const host = await simulatedHost(openMemoryStorage())
    const database = await openDatabase(host, { ...SMALL_OPTIONS, cacheBytes })
    const all = Array.from({ length: SERIES }, (_, series) => series)
    const early = all.map((series) => `t,n=${nameOf(series)} f=-1,i=-1i,u=1u,b=true,s="old" 3`)
    await write(database, [
      ...early,
      ...all.map((series) => `t,n=${nameOf(series)} ${lastFields(series)} 9`),
    ])
    await database.flush()
    for (let run = 0; run < 6; run++) {
      const from = random.int(SERIES - 600)
      await check(database, from, from + 60 + random.int(540))
      if (run % 2 === 0) await check(database, 0, SERIES)
    }
    await database.close()
  },
  TIMEOUT_MS,
)

test('what a newer part, a memtable or a delete says comes before kept last rows', async () => {
  const database = await openDatabase(await simulatedHost(openMemoryStorage()), SMALL_OPTIONS)
  const all = Array.from({ length: 100 }, (_, series) => series)
  const last = async (): Promise<(number | null)[]> => {
    const { series } = await database.latest({ table: 't', select: ['f'] })
    const found = new Map(series.map(({ tags, fields }) => [tags.get('n'), fields[0]!.values[0]]))
    return all.map((series) => Number(found.get(nameOf(series)) ?? NaN))
  }
  const lines = (time: number, add: number): string[] =>
    all.map((series) => `t,n=${nameOf(series)} f=${series + add} ${time}`)
  await write(database, lines(1, 0))
  await write(database, lines(5, 1_000))
  await database.flush()
  for (let run = 0; run < 2; run++) expect(await last()).toEqual(all.map((n) => n + 1_000))
  await write(database, lines(7, 2_000).slice(0, 10))
  expect(await last()).toEqual(all.map((n) => n + (n < 10 ? 2_000 : 1_000)))
  await write(database, lines(5, 3_000).slice(10, 20))
  await database.flush()
  const mixed = all.map((n) => n + (n < 10 ? 2_000 : n < 20 ? 3_000 : 1_000))
  for (let run = 0; run < 2; run++) expect(await last()).toEqual(mixed)
  await database.deleteRows('t', { start: 5, end: 6, precision: 'ns' })
  const left = all.map((n) => n + (n < 10 ? 2_000 : 0))
  for (let run = 0; run < 2; run++) expect(await last()).toEqual(left)
  await database.compact()
  for (let run = 0; run < 2; run++) expect(await last()).toEqual(left)
  await database.close()
})
