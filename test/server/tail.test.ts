// Tails over real sockets: what a browser's EventSource would see, what comes after a break, and what a
// reader who does not read does to the others.

import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { open } from '../../engine/node.ts'
import { startServer, type RunningServer } from '../../server/node.ts'

interface Event {
  id: string
  event: string
  data: any
}

/** Reads a stream as WHATWG HTML 9.2.6 says. */
class Reader {
  readonly events: Event[] = []
  comments = 0
  lastId = ''
  isOver = false
  private readonly incoming: IncomingMessage
  private text = ''
  private wake: () => void = () => {}

  constructor(incoming: IncomingMessage) {
    this.incoming = incoming
    incoming.setEncoding('utf8')
    incoming.on('data', (chunk: string) => this.take(chunk))
    const end = (): void => {
      this.isOver = true
      this.wake()
    }
    incoming.on('close', end)
    incoming.on('error', end)
  }

  private take(chunk: string): void {
    this.text += chunk
    for (let end = this.text.indexOf('\n\n'); end !== -1; end = this.text.indexOf('\n\n')) {
      const fields = new Map<string, string>()
      for (const line of this.text.slice(0, end).split('\n')) {
        if (line.startsWith(':')) this.comments++
        else fields.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2))
      }
      this.lastId = fields.get('id') ?? this.lastId
      const data = fields.get('data')
      if (data !== undefined) {
        const event = fields.get('event') ?? 'message'
        this.events.push({ id: this.lastId, event, data: JSON.parse(data) })
      }
      this.text = this.text.slice(end + 2)
    }
    this.wake()
  }

  async until(isEnough: () => boolean): Promise<void> {
    while (!isEnough() && !this.isOver) await new Promise<void>((resolve) => (this.wake = resolve))
    expect(isEnough(), JSON.stringify(this.events.slice(-3))).toBe(true)
  }

  close(): void {
    this.incoming.destroy()
  }

  /** Values of `n` of all points. */
  get numbers(): number[] {
    return this.events.flatMap(({ data }) =>
      (data.series ?? []).flatMap((one: any) => one.fields.n),
    )
  }
}

let db: Awaited<ReturnType<typeof open>>
let server: RunningServer
let logged: string[]
let readers: Reader[]

async function begin(options: Parameters<typeof open>[1] = {}): Promise<void> {
  db = await open('memory:', options)
  server = await startServer(db, { port: 0, log: (message) => void logged.push(message) })
}

beforeEach(() => {
  logged = []
  readers = []
})
afterEach(async () => {
  for (const reader of readers) reader.close()
  await server.close()
  await db.close()
})

function get(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(server.url + path, { headers }, resolve)
      .on('error', reject)
      .end()
  })
}

async function tail(query: string, headers: Record<string, string> = {}): Promise<Reader> {
  const incoming = await get(`/v1/tail?${query}`, headers)
  expect([incoming.statusCode, incoming.headers['content-type']]).toEqual([
    200,
    'text/event-stream',
  ])
  const reader = new Reader(incoming)
  readers.push(reader)
  await reader.until(() => reader.lastId !== '')
  return reader
}

async function write(lines: string, parameters = ''): Promise<void> {
  const url = `${server.url}/v1/write?precision=s${parameters}`
  const answer = await fetch(url, { method: 'POST', body: lines })
  expect([answer.status, await answer.text()]).toEqual([200, expect.anything()])
}

describe('a tail of points', () => {
  test('gets the points of each write that match, in the shape of a query, ids rising', async () => {
    await begin()
    await write('m,h=a n=0i,s="old" 1')
    const reader = await tail("table=m&where=h%3D'a'%20AND%20n%3E0&select=n,s")
    await write('m,h=a n=1i,s="é\\"\n" 20\nm,h=b n=5i 21\nm,h=a n=2i 10\nother n=1i 1')
    await write('m,h=b n=7i 1')
    await write('m,h=a n=3i 5', '&ack=memory')
    await reader.until(() => reader.events.length === 2)
    expect(reader.events.map(({ event, data }) => [event, data])).toEqual([
      [
        'points',
        {
          columns: [
            { name: 'time', type: 'timestamp', unit: 'ms' },
            { name: 'n', type: 'integer' },
            { name: 's', type: 'string' },
          ],
          series: [
            {
              tags: { h: 'a' },
              time: [10_000, 20_000],
              fields: { n: [2, 1], s: [null, 'é"\n'] },
            },
          ],
        },
      ],
      ['points', { series: [{ tags: { h: 'a' }, time: [5_000], fields: { n: [3], s: [null] } }] }],
    ])
    const [first, second] = reader.events.map(({ id }) => Number.parseInt(id, 10))
    expect(second).toBeGreaterThan(first!)
  })

  test('tells the columns first, and again when there is another', async () => {
    await begin()
    await write('m n=0i 1')
    const reader = await tail('table=m&integers=string')
    await write('m n=1i 2')
    await write('m n=2i 3')
    await write('m n=3i,x=0.5 4')
    await reader.until(() => reader.events.length === 3)
    const time = { name: 'time', type: 'timestamp', unit: 'ms' }
    const n = { name: 'n', type: 'integer', encoding: 'string' }
    expect(reader.events.map(({ data }) => data.columns)).toEqual([
      [time, n],
      undefined,
      [time, n, { name: 'x', type: 'float' }],
    ])
  })

  test('goes on behind Last-Event-ID with nothing lost or twice, while it is written', async () => {
    await begin()
    await write('m n=-1i 1')
    let reader = await tail('table=m')
    const numbers: number[] = []
    const writing = (async () => {
      for (let i = 0; i < 120; i += 3) {
        await Promise.all([0, 1, 2].map((k) => write(`m n=${i + k}i ${10 + i + k}`)))
      }
    })()
    for (let breaks = 0; numbers.length < 120; breaks++) {
      const wanted = Math.min(120, numbers.length + 17)
      await reader.until(() => numbers.length + reader.numbers.length >= wanted)
      reader.close()
      numbers.push(...reader.numbers)
      expect(reader.events.every(({ event }) => event === 'points')).toBe(true)
      if (numbers.length < 120) reader = await tail('table=m', { 'Last-Event-ID': reader.lastId })
    }
    await writing
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i))
  })

  test('says gap when what it asks for is older than what is kept, or of another server', async () => {
    await begin({ tailBytes: 2_000 })
    await write('m n=0i 1')
    const first = await tail('table=m')
    await write('m n=1i 1')
    await first.until(() => first.events.length === 1)
    first.close()
    for (let i = 2; i < 100; i++) await write(`m n=${i}i ${i}`)
    for (const id of [first.lastId, '99999999999999999', 'x']) {
      const late = await tail('table=m', { 'Last-Event-ID': id })
      await late.until(() => late.events.length > 0)
      expect(late.events[0]).toMatchObject({ event: 'gap', data: { reason: 'missed' } })
      await write('m n=100i 100')
      await late.until(() => late.numbers.at(-1) === 100)
      expect(late.events.filter(({ event }) => event === 'gap')).toHaveLength(1)
      // Behind the gap nothing is missing.
      const { numbers } = late
      for (let i = 1; i + 1 < numbers.length; i++) {
        if (numbers[i] !== 100) expect(numbers[i]).toBe(numbers[i - 1]! + 1)
      }
      late.close()
    }
  })

  test('says gap to an id of another database, though its own has come as far', async () => {
    await begin()
    await write('m n=0i 1')
    const first = await tail('table=m')
    await write('m n=1i 2')
    await first.until(() => first.events.length === 1)
    const id = first.lastId
    expect(id).toMatch(/^\d+-[0-9a-f]{8}$/)
    first.close()
    await server.close()
    await db.close()
    // In memory nothing is left, and what comes counts from the start again.
    await begin()
    for (let i = 0; i < 5; i++) await write(`m n=${i}i ${i + 1}`)
    const watcher = await tail('table=m')
    await write('m n=5i 9')
    await watcher.until(() => watcher.events.length === 1)
    expect(watcher.lastId).not.toBe(id)
    const late = await tail('table=m', { 'Last-Event-ID': id })
    await late.until(() => late.events.length > 0)
    expect(late.events[0]).toMatchObject({ event: 'gap', data: { reason: 'missed' } })
    // A bare number is one of this database.
    const [lsn] = watcher.lastId.split('-') as [string]
    const bare = await tail('table=m', { 'Last-Event-ID': lsn })
    await write('m n=6i 10')
    await bare.until(() => bare.events.length === 1)
    expect(bare.numbers).toEqual([6])
  })

  test('goes on without a gap after a restart on the same directory, with one after a restore', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'omendb-tail-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const at = async (name: string): Promise<void> => {
      db = await open(`file:${join(directory, name)}`)
      server = await startServer(db, { port: 0, log: () => {} })
    }
    await at('first')
    await write('m n=0i 1')
    const first = await tail('table=m')
    await write('m n=1i 2')
    await first.until(() => first.events.length === 1)
    const id = first.lastId
    const archive = await (await fetch(`${server.url}/v1/backup`)).arrayBuffer()
    first.close()
    await server.close()
    await db.close()

    await at('first')
    const again = await tail('table=m', { 'Last-Event-ID': id })
    await write('m n=2i 3')
    await again.until(() => again.events.length === 1)
    expect([again.events[0]!.event, again.numbers]).toEqual(['points', [2]])
    again.close()
    await server.close()
    await db.close()

    await at('second')
    const restored = await fetch(`${server.url}/v1/restore`, { method: 'POST', body: archive })
    expect([restored.status, await restored.text()]).toEqual([200, expect.anything()])
    const other = await tail('table=m', { 'Last-Event-ID': id })
    await other.until(() => other.events.length === 1)
    expect(other.events[0]).toMatchObject({ event: 'gap', data: { reason: 'missed' } })
  })

  test('ends with an error event when its table is dropped, and is refused as a query is', async () => {
    await begin()
    await write('m n=0i 1')
    const reader = await tail('table=m')
    expect((await fetch(`${server.url}/v1/tables/m`, { method: 'DELETE' })).status).toBe(204)
    await reader.until(() => reader.events.length === 1)
    expect(reader.events[0]).toMatchObject({
      event: 'error',
      data: { code: 'not_found', status: 404 },
    })
    await reader.until(() => reader.isOver)
    await write('k n=0i 1')
    for (const [query, status] of [
      ['table=m', 404],
      ['table=k&select=x', 400],
      ['table=k&where=(', 400],
      ['table=k&select=mean(n)', 400],
      ['table=k&every=1m', 400],
      ['table=k&limit=1', 400],
    ] as const) {
      expect([query, (await get(`/v1/tail?${query}`)).statusCode]).toEqual([query, status])
    }
    expect(db.metrics().tails).toBe(0)
  })

  test('is refused as busy beyond tailsMax, until one has left', async () => {
    await begin({ tailsMax: 2 })
    await write('m n=0i 1')
    const one = await tail('table=m')
    await tail('table=m')
    const refused = await get('/v1/tail?table=m')
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '5'])
    one.close()
    while (db.metrics().tails > 1) await new Promise((resolve) => setImmediate(resolve))
    await tail('table=m')
    for (const reader of readers) reader.close()
    while (db.metrics().tails > 0) await new Promise((resolve) => setImmediate(resolve))
    const head = await fetch(`${server.url}/v1/tail?table=m`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    while (db.metrics().tails > 0) await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('a tail of buckets', () => {
  test('gets the buckets that changed, whole, of the groups that changed', async () => {
    await begin()
    await write('m,h=a n=1i 60\nm,h=a n=2i 61\nm,h=b n=9i 60\nm,h=a n=5i 6000')
    const reader = await tail('table=m&select=sum(n)%20AS%20n,count(*)%20AS%20c&by=h&every=1m')
    await write('m,h=a n=3i 62')
    await reader.until(() => reader.events.length === 1)
    expect(reader.events[0]).toMatchObject({
      event: 'buckets',
      data: { series: [{ tags: { h: 'a' }, time: [60_000], fields: { n: [6], c: [3] } }] },
    })
    await write('m,h=a n=1i 6001\nm,h=b n=1i 63\nm,h=c n=1i 999999\nm,h=a n=2i 6001')
    await reader.until(() => reader.events.length === 2)
    expect(reader.events[1]!.data.series).toEqual([
      { tags: { h: 'b' }, time: [60_000], fields: { n: [10], c: [2] } },
      { tags: { h: 'a' }, time: [6_000_000], fields: { n: [7], c: [2] } },
      { tags: { h: 'c' }, time: [999_960_000], fields: { n: [1], c: [1] } },
    ])
    await fetch(`${server.url}/v1/tables/m/rows?end=70000`, { method: 'DELETE' })
    await reader.until(() => reader.events.length === 3)
    expect(reader.events[2]).toMatchObject({ event: 'gap', data: { reason: 'deleted' } })
  })
})

describe('readers', () => {
  test('50 of them get every write', async () => {
    await begin()
    await write('m n=-1i 1')
    const all = await Promise.all(Array.from({ length: 50 }, () => tail('table=m')))
    for (let i = 0; i < 20; i++) await write(`m n=${i}i ${i + 10}`)
    for (const reader of all) {
      await reader.until(() => reader.numbers.length === 20)
      expect(reader.numbers).toEqual(Array.from({ length: 20 }, (_, i) => i))
    }
  })

  test('one who does not read is dropped by name, writers go on, and others miss nothing', async () => {
    await begin({ tailBytes: 1 << 20 })
    await write('m n=-1i,s="" 1')
    const good = await tail('table=m&select=n')
    const { port } = server
    const stuck = connect(port, '127.0.0.1')
    stuck.write(
      'GET /v1/tail?table=m HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: slow-one\r\n\r\n',
    )
    await new Promise((resolve) => stuck.once('readable', resolve))
    let count = 0
    const text = 'x'.repeat(60_000)
    while (logged.length === 0 && count < 2_000) {
      await write(`m n=${count}i,s="${text}" ${count + 10}`)
      count++
      await good.until(() => good.numbers.length >= count - 5)
    }
    expect(logged).toEqual(["tail slow-one of table 'm': dropped, its reader does not keep up"])
    await good.until(() => good.numbers.length === count)
    expect(good.events.every(({ event }) => event === 'points')).toBe(true)
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toContain('omendb_tails_dropped_total 1\n')
    stuck.destroy()
  })

  test('a server that closes ends them', async () => {
    await begin()
    await write('m n=-1i 1')
    const reader = await tail('table=m')
    await server.close()
    await reader.until(() => reader.isOver)
  })
})
