// Heavy overlap against a naive map: a few series, few times, so that nearly every point is a
// duplicate of one in an older part; fields come and go; flushes, merges and restarts in between.
// Every answer is compared before and after each of them.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../engine/database.ts'
import { type Random, randomOf } from '../random.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const OPTIONS = {
  memtableRowBytes: 1 << 18,
  memtableArenaBytes: 1 << 16,
  cacheBytes: 1 << 20,
  logBytes: 1 << 20,
  limits: { timeoutMs: 1e12 },
}
const DAY = 86_400_000_000_000n
const FIELDS = ['a', 'b', 'c']

/** Values by series, time and field, the last written one. */
type Naive = Map<string, number>

function randomBatch(random: Random, naive: Naive, id: number): string {
  const lines: string[] = []
  const late = random.chance(0.5)
  for (let i = random.int(400); i >= 0; i--) {
    const series = random.int(3)
    // Recent, or anywhere in five partitions.
    const time = late
      ? BigInt(random.int(5)) * DAY + BigInt(random.int(60))
      : BigInt(random.int(60))
    const fields = FIELDS.filter(() => random.chance(0.4))
    if (fields.length === 0) fields.push('a')
    const values = fields.map((field, k) => [field, id * 1_000 + i * 3 + k] as const)
    for (const [field, value] of values) naive.set(`${series} ${time} ${field}`, value)
    lines.push(`m,s=${series} ${values.map(([f, v]) => `${f}=${v}`).join(',')} ${time}`)
  }
  return lines.join('\n')
}

async function readAll(database: Database): Promise<Naive> {
  const found: Naive = new Map()
  const { series, columns } = await database.query({ table: 'm', order: 'asc' })
  for (const { tags, time, fields } of series) {
    for (const [k, { values, valid }] of fields.entries()) {
      for (const [row, at] of time.entries()) {
        if (valid !== null && valid[row] === 0) continue
        found.set(`${tags.get('s')} ${at} ${columns[k + 1]!.name}`, Number(values[row]))
      }
    }
  }
  return found
}

/** Count and sum of each field, by way of summaries where there are any. */
async function totals(database: Database): Promise<number[]> {
  const select = FIELDS.flatMap((field) => [`count(${field})`, `sum(${field})`])
  const { series } = await database.query({ table: 'm', select })
  return series[0]!.fields.map(({ values }) => Number(values[0]))
}

function expectedTotals(naive: Naive): number[] {
  return FIELDS.flatMap((field) => {
    const values = [...naive].filter(([key]) => key.endsWith(field)).map(([, value]) => value)
    return [values.length, values.reduce((sum, value) => sum + value, 0)]
  })
}

const seeds = Array.from({ length: 12 }, (_, i) => i + 1)

test.each(seeds)(
  'duplicates over many parts keep the last write per field, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const disk = new SimulatedDisk(seed)
    const open = async (): Promise<Database> =>
      openDatabase(await simulatedHost(disk.open(), seed), OPTIONS)
    let database = await open()
    const naive: Naive = new Map()
    const check = async (what: string): Promise<void> => {
      expect(await totals(database), `seed ${seed}, ${what}`).toEqual(expectedTotals(naive))
      expect(await readAll(database), `seed ${seed}, ${what}`).toEqual(naive)
    }
    // Every field and series once, whatever chance brings.
    const all = FIELDS.map((field) => `${field}=0`).join(',')
    for (const field of FIELDS) naive.set(`0 0 ${field}`, 0)
    let text = `m,s=0 ${all} 0`
    for (let id = 1; id <= 30; id++) {
      const batch = database.batch()
      batch.lineProtocol(new TextEncoder().encode(text))
      await batch.commit()
      const turn = random.next()
      if (turn < 0.6) await database.flush()
      else if (turn < 0.7) await database.compact()
      else if (turn < 0.8) {
        if (random.chance(0.5)) disk.crash()
        else await database.close()
        database = await open()
      }
      await check(`after batch ${id}`)
      text = randomBatch(random, naive, id)
    }
    await database.compact()
    const batch = database.batch()
    batch.lineProtocol(new TextEncoder().encode(text))
    await batch.commit()
    await check('in memory over one part each')
    await database.flush()
    await database.compact()
    await check('at the end')
    await database.close()
  },
)
