// Queries of a source beyond its retention, against the naive database of test/reference.ts, which has
// every point that was ever taken and knows neither retention nor rollups. Which of them count is said
// here minute by minute (`counter`): those that have not expired, and those that have if a rollup that
// can answer holds their bucket and the bucket lies wholly in the range.
// `OMENDB_SEEDS=100-199 npx vitest run test/engine/rollup/frozen-differential.test.ts`.

import { afterAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { QueryRequest } from '../../../engine/query/query.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { ReferenceDatabase, type ReferencePoint } from '../../reference.ts'
import { differenceOf } from '../../reference/comparison.ts'
import { unlimitedContext } from '../../reference/context.ts'
import { CLOCK_START, type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'

const MINUTE = 60_000_000_000n
const RETENTION = 360
const STEPS = 40
const OPTIONS = { trustClock: true, memoryBytes: 64 << 20, limits: { timeoutMs: 1e12 } }
const FIELDS = { x: 'float', n: 'integer', word: 'string' } as const
const seeds = seedsOf(4)
const answered = { frozen: 0, cut: 0, points: 0 }

/** Minutes; `keeps`: retention of its own, or for ever. What it stores of each field is all there is. */
interface Stored {
  readonly width: number
  readonly keeps: number
  readonly fields: readonly string[]
}

/** Widths that divide each other and some that do not; some fine ones are kept longer than coarse ones. */
const SETS: readonly (readonly Stored[])[] = [
  [
    { width: 10, keeps: 2_000, fields: ['x', 'n', 'word', '*'] },
    { width: 60, keeps: Infinity, fields: ['x', 'n', 'word', '*'] },
  ],
  [
    { width: 5, keeps: Infinity, fields: ['x', '*'] },
    { width: 120, keeps: 1_500, fields: ['x', 'n'] },
    { width: 180, keeps: 700, fields: ['x', 'n', 'word'] },
  ],
  [
    { width: 30, keeps: 200, fields: ['x', 'n', 'word', '*'] },
    { width: 60, keeps: 600, fields: ['n', '*'] },
    { width: 360, keeps: Infinity, fields: ['n', 'word', 'x'] },
  ],
]
const MULTIPLES = [5, 10, 30, 60, 120, 180, 360, 720, 1_440]
const CALLS: Record<string, readonly string[]> = {
  x: ['count', 'sum', 'mean', 'min', 'max', 'spread', 'first', 'last'],
  n: ['count', 'sum', 'mean', 'min', 'max', 'spread', 'first', 'last'],
  word: ['count', 'min', 'max', 'first', 'last'],
}

function selectOf({ fields }: Stored): Record<string, string> {
  const all = fields.flatMap((field) =>
    field === '*' ? ['count(*)'] : CALLS[field]!.map((call) => `${call}(${field})`),
  )
  return Object.fromEntries(all.map((text, i) => [`s${i}`, text]))
}

function at(minute: number): bigint {
  return CLOCK_START + BigInt(minute) * MINUTE
}

/** Start of a bucket; the clock's start is one of all. */
function floor(minute: number, width: number): number {
  return Math.floor(minute / width) * width
}

class Model {
  readonly stored: readonly Stored[]
  /** Minutes that the clock was moved: it ticks less than one by itself. */
  now = 0
  /** The truth, by host, rack and minute; each half a minute behind that. */
  readonly points = new Map<string, { point: ReferencePoint; minute: number }>()

  constructor(stored: readonly Stored[]) {
    this.stored = stored
  }

  /** Points before this minute have expired. */
  get cutoff(): number {
    return this.now - RETENTION
  }

  /** Greatest common multiple of the widths, so that no bucket is cut there. */
  get grain(): number {
    return 360
  }

  write(minute: number, tags: Record<string, string>, fields: ReferencePoint['fields']): void {
    const key = `${tags['host']} ${tags['rack']} ${minute}`
    const before = this.points.get(key)?.point.fields ?? {}
    const point = { table: 't', tags, time: at(minute) + MINUTE / 2n }
    this.points.set(key, { minute, point: { ...point, fields: { ...before, ...fields } } })
  }

  /** Which points count for a query, by their minutes. */
  counter(asked: Asked): (minute: number) => boolean {
    const usable = this.stored
      .filter(({ width }) => asked.every === null || asked.every % width === 0)
      .filter(() => !asked.isRaw && (asked.every !== null || asked.hasStart))
      .filter(({ fields }) => asked.fields.every((field) => fields.includes(field)))
      .sort((a, b) => b.width - a.width)
    // One is the coarsest that is used, and those whose buckets make up its buckets go with it.
    const together = usable.map(({ width }) => usable.filter((other) => width % other.width === 0))
    const lost = together.map((rollups) => {
      let count = 0
      for (let minute = -RETENTION; minute < this.cutoff; minute++) {
        const isAsked = asked.ranges.some(([start, end]) => minute >= start && minute < end)
        if (isAsked && !rollups.some((one) => this.holds(one, minute, asked))) count++
      }
      return count
    })
    const rollups = together[lost.indexOf(Math.min(...lost))] ?? []
    return (minute) =>
      minute >= this.cutoff || rollups.some((one) => this.holds(one, minute, asked))
  }

  /** Has a rollup the bucket of a minute, and lies that wholly in what is asked for? */
  private holds({ width, keeps }: Stored, minute: number, { ranges }: Asked): boolean {
    const bucket = floor(minute, width)
    // The clock is some milliseconds past the minute.
    const isKept = bucket > this.now - keeps
    return isKept && ranges.some(([start, end]) => bucket >= start && bucket + width <= end)
  }

  /** The naive database of the points that count. */
  reference(asked: Asked): ReferenceDatabase {
    const reference = new ReferenceDatabase()
    // The columns are there whatever counts.
    const all = { x: 0, n: 0n, word: '' }
    reference.write([{ table: 't', tags: { host: 'a', rack: 'r' }, time: 0n, fields: typed(all) }])
    reference.delete({ table: 't', end: 1 }, CONTEXT)
    const counts = this.counter(asked)
    const counted = [...this.points.values()].filter(({ minute }) => counts(minute))
    reference.write(counted.map(({ point }) => point))
    return reference
  }
}

interface Asked {
  /** Null: one bucket, which is named by the query's start if it has one. */
  readonly every: number | null
  readonly hasStart: boolean
  readonly fields: readonly string[]
  /** Minutes: of the query, and of what its fill looks back on. */
  readonly ranges: readonly (readonly [start: number, end: number])[]
  /** Does its condition ask something of single points? */
  readonly isRaw: boolean
}

const CONTEXT = unlimitedContext(CLOCK_START)

function typed(values: Record<string, number | bigint | string>): ReferencePoint['fields'] {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      return [name, { type: FIELDS[name as keyof typeof FIELDS], value }]
    }),
  )
}

function lineOf({ tags, time, fields }: ReferencePoint): string {
  const texts = Object.entries(fields).map(([name, field]) => {
    const { value } = field!
    if (typeof value === 'string') return `${name}="${value}"`
    return `${name}=${value}${typeof value === 'bigint' ? 'i' : ''}`
  })
  const names = Object.entries(tags).map(([key, value]) => `,${key}=${value}`)
  return `t${names.join('')} ${texts.join()} ${time}`
}

async function write(db: Database, model: Model, random: Random): Promise<void> {
  const batch = db.batch({ precision: 'ns' })
  for (let i = 1 + random.int(25); i > 0; i--) {
    const tags = { host: random.pick(['a', 'b', 'c']), rack: random.pick(['r', 's']) }
    const minute = model.cutoff + random.int(random.chance(0.6) ? RETENTION : 40)
    // Whole numbers: a sum is the same in any order.
    const values: Record<string, number | bigint | string> = {}
    if (random.chance(0.8)) values['x'] = random.int(1_000) / 4
    if (random.chance(0.6)) values['n'] = BigInt(random.int(2_000) - 1_000)
    if (random.chance(0.3)) values['word'] = random.pick(['', 'ö', 'aa', 'zebra'])
    if (Object.keys(values).length === 0) continue
    model.write(minute, tags, typed(values))
    const point = { table: 't', tags, time: at(minute) + MINUTE / 2n, fields: typed(values) }
    batch.lineProtocol(new TextEncoder().encode(`${lineOf(point)}\n`))
  }
  await batch.commit()
}

async function writeTooLate(db: Database, model: Model): Promise<void> {
  const batch = db.batch({ precision: 'ns' })
  batch.lineProtocol(new TextEncoder().encode(`t,host=a x=1 ${at(model.cutoff - 1)}`))
  await expect(batch.commit()).rejects.toMatchObject({ code: 'expired' })
}

/** Of what has expired only whole buckets can be deleted: one that is cut may be final already. */
async function remove(db: Database, model: Model, random: Random): Promise<void> {
  const whole = (minute: number): number =>
    minute < model.cutoff ? floor(minute, model.grain) : minute
  const start = random.chance(0.2) ? null : whole(model.now - random.int(2_000))
  const end = random.chance(0.2) ? null : whole((start ?? model.cutoff) + random.int(1_500))
  const host = random.pick(['a', 'b', 'c', null])
  if (start === null && end === null && host === null) return
  const { deleted } = await db.deleteRows('t', {
    ...(start === null ? {} : { start: String(at(start)) }),
    ...(end === null ? {} : { end: String(at(end)) }),
    ...(host === null ? {} : { where: { host } }),
    precision: 'ns',
  })
  let count = 0
  for (const [key, { point, minute }] of model.points) {
    const isInside = minute >= (start ?? -Infinity) && minute < (end ?? Infinity)
    if (!isInside || (host !== null && point.tags['host'] !== host)) continue
    model.points.delete(key)
    if (minute >= model.cutoff) count++
  }
  // Expired points that are still there count, too.
  expect(deleted).toBeGreaterThanOrEqual(count)
}

/** A request, and what of it decides which points count. */
function questionOf(random: Random, model: Model): { request: QueryRequest; asked: Asked } {
  const every = random.chance(0.2) ? null : random.pick(MULTIPLES)
  const names = random.chance(0.2) ? ['*'] : ['x', 'n', 'word'].filter(() => random.chance(0.5))
  const fields = names.length === 0 ? ['x'] : names
  const select = fields.map((field) =>
    field === '*' ? 'count(*)' : `${random.pick(CALLS[field]!)}(${field})`,
  )
  const minute = (): number => {
    const any = model.now - random.int(3_000)
    return random.chance(0.5) ? floor(any, random.pick(MULTIPLES)) : any
  }
  const bounds = [minute(), minute()].sort((a, b) => a - b)
  const start = random.chance(0.6) ? bounds[0]! : null
  const end = random.chance(0.4) ? bounds[1]! : null
  const isRaw = random.chance(0.1)
  const isFilled = random.chance(0.3) && every !== null
  const lookback = isFilled && random.chance(0.5) ? random.int(800) : 0
  const inWhere = random.chance(0.3)
  const conditions = [
    ...(isRaw ? [`(x > 50 OR x IS NULL)`] : []),
    ...(random.chance(0.3) ? [`host <> '${random.pick(['a', 'b'])}'`] : []),
    ...(inWhere && start !== null ? [`time >= '${text(start)}'`] : []),
    ...(inWhere && end !== null ? [`time < '${text(end)}'`] : []),
  ]
  const range = [start ?? -Infinity, end ?? Infinity] as const
  const ranges = [range, ...(start === null ? [] : [[start - lookback, start] as const])]
  return {
    asked: {
      ...{ every, fields, isRaw, hasStart: start !== null && !inWhere },
      ranges: inWhere ? [range] : ranges,
    },
    request: {
      ...{ table: 't', precision: 'ns', select: [...new Set(select)] },
      ...(every === null ? {} : { every: `${every}m` }),
      ...(random.chance(0.5) ? { by: random.pick([['host'], ['rack'], '*']) } : {}),
      ...(start !== null && !inWhere ? { start: String(at(start)) } : {}),
      ...(end !== null && !inWhere ? { end: String(at(end)) } : {}),
      ...(conditions.length > 0 ? { where: conditions.join(' AND ') } : {}),
      ...(isFilled ? { fill: fillOf(random, lookback) } : {}),
      ...(random.chance(0.3) ? { order: 'desc' as const } : {}),
      ...(random.chance(0.4) ? { limit: 1 + random.int(20) } : {}),
    },
  }
}

function text(minute: number): string {
  return new Date(Number(at(minute) / 1_000_000n)).toISOString()
}

function fillOf(random: Random, lookback: number): QueryRequest['fill'] {
  if (lookback === 0) return random.pick(['null', 'previous', 'linear'])
  return { kind: random.pick(['previous', 'linear']), lookback: `${lookback}m` }
}

async function ask(db: Database, model: Model, random: Random, where: string): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const { request, asked } = questionOf(random, model)
    const reference = model.reference(asked)
    let [mine, theirs] = [request, request]
    for (let page = 0; page < 3; page++) {
      const expected = reference.query(theirs, CONTEXT)
      const found = await db.query(mine)
      const difference = differenceOf(found, expected, true)
      const rollup = `(rollup: ${found.stats.rollup})`
      if (difference !== null) {
        throw new Error(`${where}\n${JSON.stringify(request)} ${rollup}\n${difference}`)
      }
      if (page === 0) note(model, asked, found.stats.rollup)
      if (found.cursor === null) break
      mine = { ...request, cursor: found.cursor }
      theirs = { ...request, cursor: expected.cursor }
    }
  }
}

/** What kinds of questions there were. */
function note(model: Model, asked: Asked, rollup: string | null): void {
  if (rollup === null) answered.points++
  const old = [...model.points.values()].filter(({ minute }) => minute < model.cutoff)
  const counts = model.counter(asked)
  const counted = old.filter(({ minute }) => counts(minute)).length
  const inside = old.filter(({ minute }) =>
    asked.ranges.some(([start, end]) => minute >= start && minute < end),
  ).length
  if (counted > 0) answered.frozen++
  if (counted > 0 && counted < inside) answered.cut++
}

test.each(seeds)(
  'what has expired counts in whole buckets, seed %i',
  { timeout: 300_000 },
  async (seed) => {
    const random = randomOf(seed + 11_000_000)
    const model = new Model(random.pick(SETS))
    const disk = new SimulatedDisk(seed)
    let host!: SimulatedHost
    const open = async (): Promise<Database> => {
      host = await simulatedHost(disk.open(), seed)
      host.advance(BigInt(model.now) * MINUTE)
      return openDatabase(host, OPTIONS)
    }
    let db = await open()
    await db.putTable('t', {
      ...{ tags: ['host', 'rack'], fields: FIELDS, retention: `${RETENTION}m` },
      rollups: model.stored.map((one) => ({
        ...{ name: `every ${one.width}`, every: `${one.width}m`, select: selectOf(one) },
        ...(one.keeps === Infinity ? {} : { retention: `${one.keeps}m` }),
      })),
    })
    await db.refresh()
    for (let step = 0; step < STEPS; step++) {
      const where = `OMENDB_SEEDS=${seed}-${seed}, step ${step}`
      await write(db, model, random)
      if (random.chance(0.1)) await writeTooLate(db, model)
      if (random.chance(0.15)) await remove(db, model, random)
      if (random.chance(0.3)) await db.flush()
      if (random.chance(0.4)) {
        const minutes = random.pick([1, 7, 60, 500])
        model.now += minutes
        host.advance(BigInt(minutes) * MINUTE)
        if (random.chance(0.5)) host.fireTimers()
      }
      if (random.chance(0.2)) await db.refresh()
      if (random.chance(0.2)) await db.compact()
      if (random.chance(0.1)) {
        const end = random.int(4)
        if (end < 2) await db.close()
        else if (end === 2) disk.crash()
        else disk.kill()
        db = await open()
      }
      await ask(db, model, random, where)
    }
    await db.compact()
    await db.refresh()
    await db.compact()
    await ask(db, model, random, `seed ${seed}, end`)
    await db.close()
  },
)

afterAll(() => {
  // Questions that no expired point decides would prove nothing.
  expect(answered.frozen).toBeGreaterThan(10 * seeds.length)
  expect(answered.cut).toBeGreaterThan(seeds.length)
  expect(answered.points).toBeGreaterThan(seeds.length)
})
