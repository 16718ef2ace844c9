// Tails over several shards: every point and every changed bucket, once, or a gap that says so, whatever
// happens to shards, calls and the map meanwhile.

import { describe, expect, it } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import type { Coordinator } from '../../../engine/shards/coordinator.ts'
import type { AnswerSeries } from '../../../engine/query/query.ts'
import type { TailEvent, TailOptions, TailRequest, TailStream } from '../../../engine/tail/tail.ts'
import { randomOf, seedsOf } from '../../random.ts'
import { CLOCK_START } from '../../simulated-host.ts'
import { Deployment, Lost } from './deployment.ts'
import { insist, isPassing, write } from './insist.ts'

const SECOND = 1_000_000_000n

/** Two points of each of `count` hosts at these seconds behind the clock's start. */
function lines(seconds: readonly number[], count = 8): string {
  return seconds
    .flatMap((second) =>
      Array.from({ length: count }, (_, i) => {
        return `m,h=h${i} v=${second * 10 + i},w=${i}i ${CLOCK_START + BigInt(second) * SECOND}`
      }),
    )
    .join('\n')
}

/** Points as texts. */
function cells(series: readonly AnswerSeries[], fields = ['v', 'w']): string[] {
  return series.flatMap(({ tags, time, fields: columns }) =>
    Array.from(time, (at, row) => {
      const values = fields.map((_, i) => {
        const { values: all, valid } = columns[i]!
        return valid === null || valid[row] === 1 ? String(all[row]) : 'null'
      })
      return `${[...tags].join(';')} ${at} ${values.join(' ')}`
    }),
  )
}

/** What a reader knows who adds up events, and asks anew at gaps. */
class Reader {
  readonly known = new Map<string, string>()
  readonly seen: string[] = []
  gaps = 0
  id = ''
  private readonly target: Pick<Database, 'query'> & { tail: Coordinator['tail'] }
  private readonly request: TailRequest
  private stream: TailStream | null = null

  constructor(target: Reader['target'], request: TailRequest) {
    this.target = target
    this.request = request
  }

  async open(options: TailOptions = {}): Promise<this> {
    // What a comment would have told meanwhile.
    this.id = this.stream?.id ?? this.id
    const resume = this.id === '' ? {} : { lastEventId: this.id }
    this.stream = await this.target.tail(this.request, { ...resume, ...options })
    if (this.id === '') this.id = this.stream.id
    return this
  }

  async take(): Promise<TailEvent> {
    const next = await this.stream!.next()
    if (next.done === true) throw new Lost('the tail ended')
    const event = next.value
    this.id = this.stream!.idOf(event)
    this.seen.push(event.kind)
    if (event.kind === 'gap') {
      this.gaps++
      await this.askAnew()
    } else this.add(event.series)
    return event
  }

  async askAnew(): Promise<void> {
    const { series } = await insist(() => this.target.query({ ...this.request, limit: 1_000_000 }))
    this.known.clear()
    this.add(series)
  }

  async close(): Promise<void> {
    await this.stream?.return()
  }

  private add(series: readonly AnswerSeries[]): void {
    for (const text of cells(series)) {
      const [tags, time, ...values] = text.split(' ')
      const key = `${tags} ${time}`
      const before = this.known.get(key)?.split(' ')
      // A write that names some fields leaves the others.
      this.known.set(
        key,
        values.map((one, i) => (one === 'null' ? (before?.[i] ?? one) : one)).join(' '),
      )
    }
  }
}

/** Three shards with points on both sides of a fence. */
async function deploySplit(seed = 1): Promise<{ deployment: Deployment; one: Coordinator }> {
  const deployment = await Deployment.start(seed)
  const one = await deployment.coordinator()
  await write(one, lines([-100, -90]))
  await deployment.catalog.split('default', deployment.shards()[0]!)
  return { deployment, one }
}

const LATER = 86_400 * 2

describe('points', () => {
  it('come from all shards, late ones too, and go on behind an id', async () => {
    const { deployment, one } = await deploySplit()
    const reader = await new Reader(one, { table: 'm' }).open()
    const count = async (): Promise<number> => {
      while (reader.known.size < wanted) await reader.take()
      return reader.known.size
    }
    let wanted = 16
    await write(one, lines([LATER, LATER + 1]))
    expect(await count()).toBe(16)
    await write(one, lines([-50]))
    wanted = 24
    expect(await count()).toBe(24)
    await reader.close()
    await write(one, lines([LATER + 2, -40]))
    await reader.open()
    wanted = 40
    expect(await count()).toBe(40)
    expect(reader.seen).not.toContain('gap')
    await reader.close()
    await deployment.close()
  })

  it('of an id of another database begin with a gap; ids are one text a shard', async () => {
    const { deployment, one } = await deploySplit()
    const reader = await new Reader(one, { table: 'm' }).open()
    expect(reader.id).toMatch(/^\d+-[0-9a-f]{8}(\.\d+-[0-9a-f]{8}){2}$/)
    for (const lastEventId of ['1-00000000', 'nonsense', '1', '1-00000000.2-11111111']) {
      const other = await one.tail({ table: 'm' }, { lastEventId })
      expect((await other.next()).value).toMatchObject({ kind: 'gap', reason: 'missed' })
      await other.return()
    }
    await reader.close()
    await deployment.close()
  })

  it('are followed over a split, to the halves that it makes', async () => {
    const { deployment, one } = await deploySplit()
    const reader = await new Reader(one, { table: 'm' }).open()
    await deployment.catalog.split('default', deployment.shards().at(-1)!)
    await write(one, lines([LATER]))
    while (reader.known.size < 8) await reader.take()
    expect(reader.seen).not.toContain('gap')
    await reader.close()
    // Who followed the only shard of a database is told, and goes on over those that there are now.
    const second = await Deployment.start(2)
    const direct = await second.coordinator()
    await write(direct, lines([-100]))
    const db = await second.database(second.shards()[0]!)
    const before = await db.tail({ table: 'm' })
    const waiting = before.next()
    waiting.catch(() => {})
    const id = before.id
    await second.catalog.split('default', second.shards()[0]!)
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' })
    await write(direct, lines([LATER]))
    const after = new Reader(direct, { table: 'm' })
    after.id = id
    await after.open()
    while (after.known.size < 8) await after.take()
    expect(after.seen).not.toContain('gap')
    await after.close()
    await Promise.all([deployment.close(), second.close()])
  })

  it('tell columns that came meanwhile, and end when the table is dropped', async () => {
    const { deployment, one } = await deploySplit()
    const tail = await one.tail({ table: 'm' })
    await write(one, `m,h=h1,z=new extra="x" ${CLOCK_START + BigInt(LATER) * SECOND}`)
    const { value } = await tail.next()
    expect(value.columns.map(({ name }: { name: string }) => name)).toEqual([
      'time',
      'extra',
      'v',
      'w',
    ])
    expect(value.series[0].fields[0].values).toEqual(['x'])
    const waiting = tail.next()
    await one.dropTable('m')
    await expect(waiting).rejects.toMatchObject({ code: 'not_found' })
    await deployment.close()
  })

  it('are refused for what a query is refused for', async () => {
    const { deployment, one } = await deploySplit()
    for (const [request, code] of [
      [{ table: 'none' }, 'not_found'],
      [{ table: 'm', select: 'nope' }, 'unknown_column'],
      [{ table: 'm', select: 'mean(v)' }, 'bad_request'],
      [{ table: 'm', where: '(' }, 'sql_syntax'],
    ] as const) {
      await expect(one.tail(request)).rejects.toMatchObject({ code })
    }
    await deployment.close()
  })
})

describe('buckets', () => {
  const REQUEST = { table: 'm', select: { v: 'sum(v)', w: 'count(*)' }, every: '10m' } as const

  it('are those of all shards together, also where a fence lies in one', async () => {
    const { deployment, one } = await deploySplit()
    const reader = await new Reader(one, REQUEST).open()
    await write(one, lines([-30, 200, LATER]))
    const expected = async (): Promise<string[]> => cells((await one.query(REQUEST)).series)
    const shown = (): string[] => [...reader.known].map(([key, value]) => `${key} ${value}`)
    while (reader.known.size < 3) await reader.take()
    await write(one, lines([-20]))
    const wanted = await expected()
    while (shown().sort().join() !== wanted.sort().join()) await reader.take()
    await reader.close()
    await deployment.close()
  })

  it('that were deleted from are told of by a gap', async () => {
    const { deployment, one } = await deploySplit()
    const tail = await one.tail(REQUEST)
    const waiting = tail.next()
    await one.deleteRows('m', { where: "h = 'h1'" })
    expect((await waiting).value).toMatchObject({ kind: 'gap', reason: 'deleted' })
    await tail.return()
    await deployment.close()
  })
})

describe('whatever happens', () => {
  it.each(seedsOf(25))('a reader knows everything in the end (seed %i)', async (seed) => {
    const random = randomOf(seed)
    const { deployment, one } = await deploySplit(seed)
    const isBuckets = random.int(3) === 0
    const request = isBuckets
      ? ({ table: 'm', select: { v: 'sum(v)', w: 'count(*)' }, every: '10m' } as const)
      : { table: 'm' }
    const reader = new Reader(one, request)
    await insist(() => reader.open())
    await reader.askAnew()
    const state = { isDone: false }
    const reading = (async () => {
      while (!state.isDone) {
        try {
          await reader.take()
        } catch (error) {
          if (state.isDone) return
          if (!isPassing(error)) throw error
          await insist(() => reader.open())
        }
      }
    })()
    reading.catch(() => {})
    for (let step = 0; step < 30; step++) {
      const kind = random.int(10)
      if (kind < 6) {
        const at = random.int(2) === 0 ? -random.int(100) : LATER + random.int(3000)
        await insist(() => write(one, lines([at], 1 + random.int(8))))
      } else if (kind === 6 && deployment.shards().length < 8) {
        await insist(() =>
          deployment.catalog.split('default', random.pick(deployment.shards())),
        ).catch(() => {})
      } else if (kind === 7) await deployment.cutPower(random.pick(deployment.shards()))
      else if (kind === 8) deployment.lostAt = deployment.steps + 1 + random.int(6)
      else await reader.close()
      for (let turn = random.int(4); turn > 0; turn--) await new Promise(setImmediate)
    }
    deployment.lostAt = null
    const wanted = cells(
      (await insist(() => one.query({ ...request, limit: 1_000_000 }))).series,
    ).sort()
    const shown = (): string[] => [...reader.known].map(([key, value]) => `${key} ${value}`).sort()
    await Promise.race([
      expect.poll(shown, { timeout: 20_000, interval: 5 }).toEqual(wanted),
      reading.then(() => Promise.reject(new Error('the reader ended'))),
    ])
    state.isDone = true
    await reader.close()
    await deployment.close()
  })
})
