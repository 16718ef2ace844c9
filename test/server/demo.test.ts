// The sample data: the same for every run, bounded, only in empty databases, and never behind.

import { describe, expect, onTestFinished, test } from 'vitest'
import { open, type Database } from '../../engine/node.ts'
import {
  DEMO_FIELDS,
  DEMO_HISTORY_STEPS,
  DEMO_HOST_COUNT,
  DEMO_STEP,
  demoCommands,
  demoTags,
  demoValues,
  startDemo,
  type DemoClock,
} from '../../server/demo.ts'

const STEP = 178_000_000

/** The values of a host at one step. */
function valuesAt(host: number, step: number): number[] {
  const targets = DEMO_FIELDS.map(() => new Float64Array(1))
  demoValues(host, step, 1, targets)
  return targets.map((target) => target[0]!)
}

/** A clock that stands still until it is moved; calls what is due on the way. */
class ManualClock implements DemoClock {
  private time: bigint
  private waiting: { at: bigint; call: () => void }[] = []

  constructor(step: number) {
    this.time = BigInt(step) * DEMO_STEP + 3_000_000_000n
  }

  now(): bigint {
    return this.time
  }

  after(delayMs: number, call: () => void): () => void {
    const entry = { at: this.time + BigInt(delayMs) * 1_000_000n, call }
    this.waiting.push(entry)
    return () => void (this.waiting = this.waiting.filter((one) => one !== entry))
  }

  get nextDelayMs(): number {
    return Number((this.waiting[0]!.at - this.time) / 1_000_000n)
  }

  get waitingCount(): number {
    return this.waiting.length
  }

  move(steps: number): void {
    this.time += BigInt(steps) * DEMO_STEP
    const due = this.waiting.filter((one) => one.at <= this.time)
    this.waiting = this.waiting.filter((one) => one.at > this.time)
    for (const { call } of due) call()
  }
}

async function openEmpty(): Promise<Database> {
  const db = await open('memory:')
  onTestFinished(() => db.close())
  return db
}

const fail = (error: unknown): void => {
  throw error
}

async function countOf(db: Database): Promise<number> {
  const tables = await db.tables()
  return tables.find(({ name }) => name === 'cpu')?.points ?? 0
}

async function newestSteps(db: Database): Promise<number[]> {
  const { series } = await db.latest({ table: 'cpu' })
  return series.map(({ time }) => Number(time[0]! / DEMO_STEP))
}

describe('values', () => {
  test('depend on host and step alone, not on the run or on how many are asked for', () => {
    const targets = DEMO_FIELDS.map(() => new Float64Array(100))
    demoValues(3, STEP, 100, targets)
    for (const index of [0, 1, 57, 99]) {
      expect(targets.map((target) => target[index])).toEqual(valuesAt(3, STEP + index))
    }
    // Written down once: another machine, another year must find the same.
    expect(valuesAt(3, STEP)).toMatchInlineSnapshot(`
      [
        20.6,
        8.02,
        55.53,
        2.5,
        6.73,
        1.17,
        2.81,
        1.22,
        0.95,
        0.47,
      ]
    `)
  })

  test('are percentages with two decimals that add up to 100', () => {
    for (let host = 0; host < DEMO_HOST_COUNT; host++) {
      for (let step = STEP; step < STEP + 2_000; step += 7) {
        const hundredths = valuesAt(host, step).map((value) => Math.round(value * 100))
        const values = valuesAt(host, step)
        expect(values.every((value, field) => value === hundredths[field]! / 100)).toBe(true)
        expect(values.every((value) => value >= 0 && value <= 100)).toBe(true)
        expect(hundredths.reduce((sum, value) => sum + value, 0)).toBe(10_000)
      }
    }
  })

  test('move in small steps, differ between hosts, and host_8 is always above 20', () => {
    const walks = [2, 8].map((host) =>
      Array.from({ length: 360 }, (_, i) => valuesAt(host, STEP + i)[0]!),
    )
    for (const walk of walks) {
      for (const [index, value] of walk.slice(1).entries()) {
        expect(Math.abs(value - walk[index]!)).toBeLessThan(5)
      }
      expect(new Set(walk).size).toBeGreaterThan(100)
    }
    expect(walks[0]).not.toEqual(walks[1])
    expect(walks[1]!.every((value) => value > 20)).toBe(true)
  })
})

describe('an empty database', () => {
  test('gets the 24 h before now: 10 hosts, 10 fields, a point every 10 s', async () => {
    const db = await openEmpty()
    const demo = await startDemo(db, new ManualClock(STEP), fail)
    await demo.stop()
    expect([demo.isRunning, demo.written]).toEqual([true, 86_400])
    const table = await db.table('cpu')
    expect([table.points, table.series]).toEqual([86_400, 10])
    expect(Object.entries(table.fields)).toEqual(
      [...DEMO_FIELDS].sort().map((name) => [name, 'float']),
    )
    expect(table.firstTime).toBe(BigInt(STEP - DEMO_HISTORY_STEPS + 1) * DEMO_STEP)
    expect(table.lastTime).toBe(BigInt(STEP) * DEMO_STEP)
    const { series } = await db.query({
      table: 'cpu',
      select: [...DEMO_FIELDS],
      start: `${table.lastTime}`,
      precision: 'ns',
    })
    const shown = series.map(({ tags, fields }) => [tags, fields.map(({ values }) => values[0])])
    const hosts = Array.from({ length: DEMO_HOST_COUNT }, (_, host) => host)
    expect(shown).toEqual(
      hosts
        .map((host) => [demoTags(host), valuesAt(host, STEP)])
        .sort(([a], [b]) =>
          [...(a as Map<string, string>).values()] < [...(b as Map<string, string>).values()]
            ? -1
            : 1,
        ),
    )
  })

  test('gets each further step when it is due, also those it slept through', async () => {
    const db = await openEmpty()
    const clock = new ManualClock(STEP)
    const demo = await startDemo(db, clock, fail)
    expect(clock.nextDelayMs).toBe(7_000)
    clock.move(1)
    await demo.stop()
    expect(await countOf(db)).toBe(86_410)

    const later = await startDemo(db, clock, fail)
    expect(later.written).toBe(0)
    clock.move(30)
    await later.stop()
    expect(await countOf(db)).toBe(86_710)
    expect(await newestSteps(db)).toEqual(Array.from({ length: 10 }, () => STEP + 31))
    expect(clock.waitingCount).toBe(0)
  })

  test('a step that could not be stored is reported, and tried again with the next', async () => {
    const db = await openEmpty()
    const clock = new ManualClock(STEP)
    const reported: unknown[] = []
    let isFull = false
    const flaky = new Proxy(db, {
      get(target, name) {
        if (name === 'batch' && isFull) throw new Error('no space')
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const demo = await startDemo(flaky, clock, (error) => reported.push(error))
    isFull = true
    clock.move(1)
    await expect.poll(() => clock.waitingCount).toBe(1)
    expect(reported.map(String)).toEqual(['Error: no space'])
    isFull = false
    clock.move(1)
    await demo.stop()
    expect(await countOf(db)).toBe(86_420)
  })
})

describe('a database with data', () => {
  test('of an earlier demo is caught up with, but not beyond 24 h', async () => {
    const db = await openEmpty()
    await (await startDemo(db, new ManualClock(STEP), fail)).stop()
    const near = await startDemo(db, new ManualClock(STEP + 50), fail)
    await near.stop()
    expect([near.isRunning, near.written]).toEqual([true, 500])
    const far = await startDemo(db, new ManualClock(STEP + 100_000), fail)
    await far.stop()
    expect(far.written).toBe(86_400)
    expect(await newestSteps(db)).toEqual(Array.from({ length: 10 }, () => STEP + 100_000))
  })

  test('of an earlier demo and a user beside it is caught up with', async () => {
    const db = await openEmpty()
    await (await startDemo(db, new ManualClock(STEP), fail)).stop()
    const batch = db.batch()
    batch.lineProtocol(new TextEncoder().encode('cpu,host=a usage=0.5 1\nmem v=1 1\n'))
    await batch.commit()
    const demo = await startDemo(db, new ManualClock(STEP + 1), fail)
    await demo.stop()
    expect([demo.isRunning, demo.written]).toEqual([true, 10])
  })

  test.each([
    ['another table', 'mem v=1 1'],
    ['a cpu table of other columns', 'cpu,hostname=host_0 usage=1 1'],
    ['a cpu table of other types', 'cpu,hostname=host_0 usage_user="x" 1'],
    [
      'a cpu table in the shape of TSBS',
      `cpu,hostname=host_0,region=r ${DEMO_FIELDS.map((name) => `${name}=1`).join(',')} 1`,
    ],
  ])('with %s is left alone', async (_what, line) => {
    const db = await openEmpty()
    const batch = db.batch()
    batch.lineProtocol(new TextEncoder().encode(line))
    await batch.commit()
    const before = await db.tables()
    const clock = new ManualClock(STEP)
    const demo = await startDemo(db, clock, fail)
    await demo.stop()
    expect([demo.isRunning, demo.written, clock.waitingCount]).toEqual([false, 0, 0])
    expect(await db.tables()).toEqual(before)
  })

  test('in another database is left alone', async () => {
    const db = await openEmpty()
    const batch = db.batch({ database: 'mine' })
    batch.lineProtocol(new TextEncoder().encode('mem v=1 1'))
    await batch.commit()
    const demo = await startDemo(db, new ManualClock(STEP), fail)
    await demo.stop()
    expect(demo.isRunning).toBe(false)
    expect(await db.tables()).toEqual([])
  })
})

test('the commands name the server, and send the token of the shell if there is one', () => {
  const open = demoCommands('http://127.0.0.1:9', false)
  expect(open).toHaveLength(3)
  for (const command of open)
    expect(command).toMatch(/^curl -s .*http:\/\/127\.0\.0\.1:9\/v1\/.*start=-1h/)
  const closed = demoCommands('http://127.0.0.1:9', true)
  for (const command of closed)
    expect(command).toContain('-H "Authorization: Bearer $OMENDB_TOKEN"')
})
