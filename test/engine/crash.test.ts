// Random writes, flushes, compactions and drops on the simulated disk, with a crash at a random
// storage call or a failing call; then recovery, and comparison with what was acknowledged.
// OMENDB_CRASH_SEEDS and OMENDB_CRASH_SEED make it large, or run one seed again.

import { expect, test } from 'vitest'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { seededRandom } from '../kernel.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedCrash, SimulatedDisk } from '../simulated-storage.ts'

const SEEDS = Number(process.env['OMENDB_CRASH_SEEDS'] ?? 100)
const FIRST = Number(process.env['OMENDB_CRASH_SEED'] ?? 1)

const SMALL: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 13,
  logBytes: 1 << 15,
  cacheBytes: 1 << 20,
}

/** Fields of a point by name: what a query must show for them. */
type Point = Map<string, number | string>
/** Points by "table series time". */
type Model = Map<string, Point>

interface Write {
  readonly lines: string
  readonly points: [string, Point][]
}

function randomWrite(random: () => number): Write {
  const below = (n: number): number => Math.floor(random() * n)
  const lines: string[] = []
  const points: [string, Point][] = []
  for (let i = 1 + below(40); i > 0; i--) {
    const [table, host, time] = [`t${below(2)}`, `h${below(4)}`, below(60) * 20_000_000_000_000]
    const point: Point = new Map()
    if (random() < 0.8) point.set('x', Math.round(random() * 1000) / 10)
    if (random() < 0.4) point.set('s', 'v'.repeat(below(9)))
    if (point.size === 0) point.set('n', below(1000))
    const fields = [...point].map(([name, value]) =>
      typeof value === 'string' ? `${name}="${value}"` : `${name}=${value}`,
    )
    lines.push(`${table},host=${host} ${fields.join(',')} ${time}`)
    points.push([`${table} ${host} ${time}`, point])
  }
  return { lines: lines.join('\n'), points }
}

function applyTo(model: Model, write: Write): Model {
  const next = new Map(model)
  for (const [key, point] of write.points) {
    next.set(key, new Map([...(next.get(key) ?? []), ...point]))
  }
  return next
}

async function readAll(db: Database): Promise<Model> {
  const model: Model = new Map()
  for (const table of ['t0', 't1']) {
    const answer = await db.query({ table }).catch((error: unknown) => {
      if (error instanceof OmenError && error.code === 'not_found') return null
      throw error
    })
    for (const { tags, time, fields } of answer?.series ?? []) {
      for (const [row, at] of time.entries()) {
        const point: Point = new Map()
        for (const [i, { values, valid }] of fields.entries()) {
          if (valid !== null && valid[row] === 0) continue
          point.set(answer!.columns[i + 1]!.name, values[row] as number | string)
        }
        model.set(`${table} ${tags.get('host')} ${at}`, point)
      }
    }
  }
  return model
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}

function textOf(model: Model): string {
  const rows = [...model].map(([key, point]) => `${key} ${JSON.stringify([...point].sort(byName))}`)
  return rows.sort().join('\n')
}

/** Waits for storage work that a crash leaves half done, which must not touch the disk any more. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
}

async function write(db: Database, { lines }: Write): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines))
  await batch.commit()
}

/** Every state that the database may be in: what is acknowledged, with or without what is not known. */
class Truth {
  states: Model[] = [new Map()]

  acknowledged(change: (model: Model) => Model): void {
    this.states = this.states.map(change)
  }
  unknown(change: (model: Model) => Model): void {
    this.states = [...this.states, ...this.states.map(change)]
  }
  settle(found: Model, where: string): void {
    const text = textOf(found)
    const isKnown = this.states.some((state) => textOf(state) === text)
    if (!isKnown) expect(text, where).toBe(textOf(this.states[0]!))
    this.states = [found]
  }
}

function withoutTable(table: string): (model: Model) => Model {
  return (model) => new Map([...model].filter(([key]) => !key.startsWith(`${table} `)))
}

/** One round: open, act until the end or a failure. Returns true when the machine has stopped. */
async function live(db: Database, truth: Truth, random: () => number): Promise<boolean> {
  for (let step = 0; step < 12; step++) {
    const choice = random()
    const change = randomWrite(random)
    const effect =
      choice < 0.75
        ? (model: Model) => applyTo(model, change)
        : choice < 0.8
          ? withoutTable('t1')
          : (model: Model) => model
    try {
      if (choice < 0.75) await write(db, change)
      else if (choice < 0.8) await dropIfThere(db, 't1')
      else if (choice < 0.9) await db.flush()
      else await db.compact()
      truth.acknowledged(effect)
    } catch (error) {
      truth.unknown(effect)
      if (error instanceof SimulatedCrash) return true
      if (!(error instanceof OmenError)) throw error
    }
  }
  return false
}

async function dropIfThere(db: Database, table: string): Promise<void> {
  await db.dropTable(table).catch((error: unknown) => {
    if (!(error instanceof OmenError) || error.code !== 'not_found') throw error
  })
}

async function runSeed(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const disk = new SimulatedDisk(seed)
  const truth = new Truth()
  for (let round = 0; round < 4; round++) {
    const where = `OMENDB_CRASH_SEED=${seed} OMENDB_CRASH_SEEDS=1, round ${round}: ${disk.describe()}`
    const call = disk.calls + 1 + Math.floor(random() * 120)
    if (random() < 0.7) disk.crashAt(call)
    else disk.failAt(call, random() < 0.5 ? 'EIO' : 'ENOSPC')
    try {
      const db = await openDatabase(await simulatedHost(disk.open(), seed), SMALL)
      truth.settle(await readAll(db), where)
      const isStopped = await live(db, truth, random)
      if (!isStopped && random() < 0.5) await db.close()
    } catch (error) {
      if (!(error instanceof SimulatedCrash) && !(error instanceof OmenError)) throw error
    }
    await rest()
    disk.failAt(0, 'EIO')
    disk.crashAt(Infinity)
    if (random() < 0.7) disk.crash()
    else disk.kill()
  }
  const db = await openDatabase(await simulatedHost(disk.open(), seed), SMALL).catch(
    (error: unknown) => {
      throw new Error(`OMENDB_CRASH_SEED=${seed}: ${disk.describe()}`, { cause: error })
    },
  )
  truth.settle(await readAll(db), `OMENDB_CRASH_SEED=${seed} OMENDB_CRASH_SEEDS=1, at the end`)
  await db.close()
}

test(
  `no acknowledged point is lost in ${SEEDS} runs that crash anywhere`,
  { timeout: SEEDS * 2_000 },
  async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) await runSeed(seed)
  },
)
