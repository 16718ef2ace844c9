// The newest points of some twenty series against a naive map: series with few rows and with hundreds,
// last rows that lack a field or do not meet the filter, late and repeated times over overlapping parts
// and memtables, deletes in between.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/query/latest.test.ts` looks further.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { Answer, LatestRequest } from '../../../engine/query/query.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const SERIES = 20
const FIELDS = ['a', 'b'] as const
const TIMEOUT_MS = 120_000

type Row = Partial<Record<(typeof FIELDS)[number], number>>
/** By series, then time. */
type Naive = Map<number, Map<number, Row>>

const tagOf = (series: number): string => `g=${series % 3},s=${String(series).padStart(2, '0')}`

async function write(database: Database, naive: Naive, random: Random): Promise<void> {
  const lines: string[] = []
  const span = random.chance(0.5) ? 40 : 4_000
  for (let series = 0; series < SERIES; series++) {
    const rows = naive.get(series) ?? new Map<number, Row>()
    naive.set(series, rows)
    // Some are absent, some have more rows than are read many series at once.
    const count = random.chance(0.2) ? 0 : random.chance(0.3) ? 300 : random.int(6)
    for (let i = 0; i < count; i++) {
      const time = random.int(span)
      const fields = FIELDS.filter(() => random.chance(0.6))
      if (fields.length === 0) fields.push('a')
      const row = rows.get(time) ?? {}
      for (const field of fields) row[field] = random.int(100)
      rows.set(time, row)
      lines.push(`m,${tagOf(series)} ${fields.map((f) => `${f}=${row[f]}`).join(',')} ${time}`)
    }
  }
  if (lines.length === 0) return
  const batch = database.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

async function remove(database: Database, naive: Naive, random: Random): Promise<void> {
  const start = random.int(4_000)
  const end = start + random.int(2_000)
  const first = random.int(SERIES)
  const where = `s >= '${String(first).padStart(2, '0')}'`
  await database.deleteRows('m', { start, end, where, precision: 'ns' })
  for (const [series, rows] of naive) {
    if (series < first) continue
    for (const time of rows.keys()) if (time >= start && time < end) rows.delete(time)
  }
}

interface Asked {
  readonly fields: readonly (typeof FIELDS)[number][]
  readonly above: number | null
  readonly start: number
  readonly isGrouped: boolean
}

/** `group or series, time: values` of each row of the answer. */
function expected(naive: Naive, { fields, above, start, isGrouped }: Asked): string[] {
  const found = new Map<string, { time: number; text: string }>()
  const bySeries = [...naive].sort(([a], [b]) => (tagOf(a) < tagOf(b) ? -1 : 1))
  for (const [series, rows] of bySeries) {
    const name = isGrouped ? `${series % 3}` : tagOf(series)
    for (const [time, row] of rows) {
      if (time < start || (above !== null && !((row.b ?? -1) > above))) continue
      if (!fields.some((field) => row[field] !== undefined)) continue
      if ((found.get(name)?.time ?? -1) >= time) continue
      found.set(name, { time, text: fields.map((field) => row[field] ?? 'null').join(' ') })
    }
  }
  const names = [...found.keys()].sort()
  return names.map((name) => `${name} ${found.get(name)!.time}: ${found.get(name)!.text}`)
}

function rowsOf({ series }: Answer, isGrouped: boolean): string[] {
  return series.map(({ tags, time, fields }) => {
    const name = isGrouped ? tags.get('g') : `g=${tags.get('g')},s=${tags.get('s')}`
    const values = fields.map(({ values: all, valid }) => (valid?.[0] === 0 ? 'null' : all[0]))
    return `${name} ${time[0]}: ${values.join(' ')}`
  })
}

async function ask(
  database: Database,
  naive: Naive,
  random: Random,
  replay: string,
): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const asked: Asked = {
      fields: random.chance(0.5) ? FIELDS : ['b'],
      above: random.chance(0.4) ? random.int(100) : null,
      start: random.chance(0.3) ? random.int(4_000) : 0,
      isGrouped: random.chance(0.3),
    }
    const request: LatestRequest = {
      table: 'm',
      select: [...asked.fields],
      start: String(asked.start),
      precision: 'ns',
      ...(asked.above === null ? {} : { where: `b > ${asked.above}` }),
      ...(asked.isGrouped ? { by: ['g'] } : {}),
    }
    const rows = rowsOf(await database.latest(request), asked.isGrouped)
    expect(rows, `${replay}: ${JSON.stringify(asked)}`).toEqual(expected(naive, asked))
  }
}

test.each(seedsOf(6))(
  'the newest points are those of a naive map, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const replay = `OMENDB_SEEDS=${seed}-${seed} npx vitest run test/engine/query/latest.test.ts`
    const naive: Naive = new Map()
    const database = await openDatabase(
      await simulatedHost(openMemoryStorage(), seed),
      SMALL_OPTIONS,
    )
    try {
      await write(database, naive, random)
      for (let round = 0; round < 8; round++) {
        await write(database, naive, random)
        if (random.chance(0.5)) await database.flush()
        if (random.chance(0.15)) await database.compact()
        if (random.chance(0.25)) await remove(database, naive, random)
        await ask(database, naive, random, replay)
      }
      await database.flush()
      await ask(database, naive, random, replay)
      await database.compact()
      await ask(database, naive, random, replay)
    } finally {
      await database.close()
    }
  },
  TIMEOUT_MS,
)
