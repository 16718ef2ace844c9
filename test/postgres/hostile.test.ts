// Hostile clients of a real server: whatever they send ends their own connection at most, others are
// answered in between, memory stays bounded, and what is stopped leaves the processor idle. Seeds from
// OMENDB_SEEDS.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { CONNECTIONS_MAX, STARTUP_TIMEOUT_MS } from '../../server/postgres/limits.ts'
import { spawnCommand, type Child } from '../cli/process.ts'
import { randomOf, seedsOf, type Random } from '../random.ts'
import { int32, message, RawClient, startupMessage } from './live.ts'
import * as wire from './messages.ts'

const require = createRequire(import.meta.url)
interface PgClient {
  connect(): Promise<void>
  end(): Promise<void>
}
const { Client } = require('pg') as { Client: new (options: object) => PgClient }

const TOKEN = 'an-admin-token-of-this-test'
const FOREVER = 'SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b'
const MIB = 1 << 20

const directory = mkdtempSync(join(tmpdir(), 'omendb-hostile-'))

interface Server {
  readonly child: Child
  readonly port: number
}

async function start(name: string, token: string): Promise<Server> {
  const args = ['serve', '--port', '0', '--pg-port', '0', '--data', join(directory, name)]
  const child = spawnCommand(args, token === '' ? {} : { OMENDB_TOKEN: token })
  const [, port] = await child.printed(/PostgreSQL's wire on \S+:(\d+)/)
  return { child, port: Number(port) }
}

let server: Server
let guarded: Server
let healthy: RawClient
let slow: { readonly closed: Promise<number>; readonly name: string }[]

async function begun(...parameters: string[]): Promise<RawClient> {
  const client = new RawClient(server.port)
  client.send(startupMessage(0, 'database', 'default', ...parameters))
  await client.until('Z')
  return client
}

/** What one that behaves hears all the time. */
async function expectHealthy(): Promise<void> {
  healthy.send(wire.query('SELECT count(*) FROM fixed'))
  expect(await healthy.until('Z')).toBe('TDCZ')
}

/** Milliseconds until it is closed. */
async function closing(client: RawClient): Promise<number> {
  const started = performance.now()
  while ((await client.bytes(1)).length > 0);
  return performance.now() - started
}

function startSlow(): typeof slow {
  const list: typeof slow = []
  const add = (name: string, port: number, bytes: Buffer): void => {
    const client = new RawClient(port)
    if (bytes.length > 0) client.send(bytes)
    list.push({ name, closed: closing(client) })
  }
  add('silent', server.port, Buffer.alloc(0))
  add('half a startup', server.port, startupMessage().subarray(0, 11))
  add('no encryption after its answer', server.port, message('', int32(80877103)))
  add('no password', guarded.port, startupMessage())
  add('half a password', guarded.port, Buffer.concat([startupMessage(), Buffer.from('p\0\0\0')]))
  return list
}

beforeAll(async () => {
  ;[server, guarded] = await Promise.all([start('open', ''), start('guarded', TOKEN)])
  healthy = await begun()
  for (const name of ['fixed', 'sink']) {
    healthy.send(wire.query(`CREATE TABLE ${name} (time timestamptz PRIMARY KEY, v float8)`))
    expect(await healthy.until('Z')).toBe('CZ')
  }
  healthy.send(wire.query("INSERT INTO fixed VALUES ('2026-01-01', 1), ('2026-01-02', 2)"))
  expect(await healthy.until('Z')).toBe('CZ')
  slow = startSlow()
}, 120_000)
afterAll(async () => {
  healthy.close()
  for (const { child } of [server, guarded]) {
    child.process.kill('SIGTERM')
    const { code, stderr } = await child.ended
    expect([code, stderr]).toEqual([0, ''])
  }
  rmSync(directory, { recursive: true, force: true })
}, 120_000)

/** Bytes of memory that the server's process holds. */
function memoryOf({ child }: Server): number {
  const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024
}

/** Its processor time in milliseconds (at 100 ticks a second, as Linux counts them). */
function processorTime({ child }: Server): number {
  const stat = readFileSync(`/proc/${child.process.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Waits for a second in which the server takes next to no processor time. */
async function expectIdle(): Promise<void> {
  await vi.waitFor(
    async () => {
      const before = processorTime(server)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      expect(processorTime(server) - before).toBeLessThan(100)
    },
    { timeout: 25_000, interval: 10 },
  )
}

/** Waits until the server works. */
async function expectBusy(): Promise<void> {
  const before = processorTime(server)
  await vi.waitFor(() => expect(processorTime(server) - before).toBeGreaterThan(200), {
    timeout: 25_000,
  })
}

const STATEMENTS = [
  ...['SELECT 1', 'SELECT * FROM fixed', 'SELECT g FROM generate_series(1, 3000) AS g', ''],
  ...['SELECT $1::int4', 'SELECT $1 || $2', 'SELECT nothere', 'SELEC', 'SELECT 1; SELECT 2'],
  ...['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'DISCARD ALL', 'DEALLOCATE ALL'],
  ...['COPY sink FROM STDIN', 'COPY sink FROM STDIN (FORMAT csv)', 'COPY fixed TO STDOUT'],
  ...['COPY sink FROM STDIN (FORMAT binary)', 'COPY fixed TO STDOUT (FORMAT binary)'],
  ...['DECLARE c CURSOR FOR SELECT * FROM fixed', 'FETCH ALL c', 'CLOSE c', 'SET TimeZone = x'],
  ...["INSERT INTO sink VALUES ('2026-01-01', 1)", 'EXECUTE a', 'PREPARE a AS SELECT 1'],
]

/** A message that could be meant. */
function plausible(random: Random): Buffer {
  const name = (): string => random.pick(['', 'a', 'b', 'ü', 'x'.repeat(5000)])
  const data = random.pick(['2026-01-01\t1\n', '\\.\n', '\0', 'PGCOPY\n', '"', 'é'.repeat(9999)])
  switch (random.int(13)) {
    case 0:
    case 1:
      return wire.query(random.pick(STATEMENTS))
    case 2:
    case 3:
      return wire.parse(name(), random.pick(STATEMENTS), random.chance(0.2) ? [23, 0, 99] : [])
    case 4:
      return wire.bind(
        name(),
        name(),
        random.pick([[], ['1'], [null], ['a', 'b']]),
        random.chance(0.3),
      )
    case 5:
      return wire.describe(random.pick(['P', 'S']), name())
    case 6:
      return wire.execute(name(), random.pick([0, 1, -1, 2 ** 31 - 1]))
    case 7:
      return wire.close(random.pick(['P', 'S']), name())
    case 8:
      return message('d', data)
    case 9:
      return random.pick([message('c'), message('f', wire.text('no')), wire.flush, wire.terminate])
    case 10:
      return message('F', int32(1), '\0\0\0\0\0\0')
    default:
      return wire.sync
  }
}

/** The length of a message made another. */
function withLength(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes)
  const lengths = [0, 3, 4, 5, -1, 2 ** 31 - 1, 64 * MIB, 64 * MIB + 1, random.int(200)]
  if (changed.length >= 5) changed.writeInt32BE(random.pick(lengths), 1)
  return changed
}

function mutated(bytes: Buffer, random: Random): Buffer {
  switch (random.int(8)) {
    case 0:
      return withLength(bytes, random)
    case 1:
      return bytes.subarray(0, random.int(bytes.length))
    case 2: {
      const changed = Buffer.from(bytes)
      for (let i = 1 + random.int(3); i > 0; i--)
        changed[random.int(changed.length)] = random.int(256)
      return changed
    }
    case 3:
      return Buffer.from(Array.from({ length: random.int(40) }, () => random.int(256)))
    default:
      return bytes
  }
}

const KEY = () => [int32(1), int32(2)]

/** What comes first: mostly a startup that is right. */
function opening(random: Random): Buffer[] {
  const asks = { ssl: message('', int32(80877103)), gss: message('', int32(80877104)) }
  const plain = startupMessage(random.pick([0, 2, 9999]), 'database', 'default')
  switch (random.int(12)) {
    case 0:
      return [mutated(plain, random)]
    case 1:
      return [asks.ssl.subarray(0, 1 + random.int(7)), plain]
    case 2:
      return [asks.gss, asks.ssl, asks.ssl, plain]
    case 3:
      return [message('', int32(80877102), ...KEY(), Buffer.alloc(random.int(300)))]
    case 4:
      return [Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1')]
    case 5:
      return [startupMessage(0, 'options', random.pick(['-c', '-c x=', '--a=b', '\\']))]
    default:
      return [plain]
  }
}

const ANSWERS = new Set('RSKZETDCINAGHWVdcstnv123'.split(''))

/** One conversation; what was answered is made of messages. */
async function attack(random: Random): Promise<void> {
  const client = new RawClient(server.port)
  const isMeant = random.chance(0.3)
  const rest = Array.from({ length: random.int(30) }, () => {
    const bytes = plausible(random)
    return isMeant ? bytes : mutated(bytes, random)
  })
  const bytes = Buffer.concat([...opening(random), ...rest])
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.int(bytes.length)
    client.send(bytes.subarray(at, at + size))
    at += size
    if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve))
  }
  if (random.chance(0.2)) return client.close()
  client.socket.end()
  // Before its first message it may be answered by single bytes, whether there is encryption.
  let head = await client.bytes(1)
  while (head.toString() === 'N' && head.length > 0) head = await client.bytes(1)
  while (head.length > 0) {
    const type = head.toString('latin1')
    expect(ANSWERS).toContain(type)
    const length = await client.bytes(4)
    if (length.length < 4) break
    expect(length.readInt32BE()).toBeGreaterThanOrEqual(4)
    await client.bytes(length.readInt32BE() - 4)
    head = await client.bytes(1)
  }
  client.close()
}

describe('mutated conversations', () => {
  test.each(seedsOf(20))('seed %i ends 20 connections, and no other', async (seed) => {
    const random = randomOf(seed)
    const seeds = Array.from({ length: 20 }, () => random.int(2 ** 31))
    await Promise.all(seeds.map((one) => attack(randomOf(one))))
    await expectHealthy()
    const fresh = await begun()
    fresh.close()
  })

  test('storms of Sync, and rows that nobody reads, take no memory', async () => {
    const before = memoryOf(server)
    const clients = await Promise.all(Array.from({ length: 10 }, () => begun()))
    for (const client of clients) {
      client.socket.pause()
      client.send(Buffer.concat(Array.from({ length: 50_000 }, () => wire.sync)))
      client.send(wire.query('SELECT g, repeat($$x$$, 100) FROM generate_series(1, 1000000) AS g'))
    }
    await expectHealthy()
    await expectIdle()
    expect(memoryOf(server) - before).toBeLessThan(300 * MIB)
    for (const client of clients) client.close()
    await expectIdle()
    await expectHealthy()
  }, 90_000)

  test('messages that say they are large are not believed before they have come', async () => {
    const before = memoryOf(server)
    const clients = await Promise.all(Array.from({ length: 100 }, () => begun()))
    for (const client of clients) {
      client.send(Buffer.concat([Buffer.from('Q'), int32(64 * MIB), Buffer.alloc(1000, 32)]))
    }
    await expectHealthy()
    expect(memoryOf(server) - before).toBeLessThan(100 * MIB)
    for (const client of clients) client.close()
  })
})

describe('who may come', () => {
  const code = async (options: object): Promise<unknown> => {
    const at = { host: '127.0.0.1', port: guarded.port, user: 'omendb', database: 'default' }
    const client = new Client({ ...at, password: TOKEN, ...options })
    const error = await client.connect().then(
      () => null,
      (thrown: { code: string }) => thrown.code,
    )
    if (error === null) await client.end()
    return error
  }

  test('wrong passwords are 28P01, many at once too; unknown databases 3D000', async () => {
    const guesses = Array.from({ length: 30 }, (_, i) => code({ password: `guess ${i}` }))
    expect(new Set(await Promise.all(guesses))).toEqual(new Set(['28P01']))
    expect(await code({ database: 'absent' })).toBe('3D000')
    expect(await code({})).toBe(null)
  })

  test('beyond the limit is 53300; the others live on, and room comes back', async () => {
    const idle: RawClient[] = []
    let answer = ''
    while (!answer.includes('53300')) {
      expect(idle.length).toBeLessThan(CONNECTIONS_MAX + 100)
      const more = Array.from({ length: 50 }, () => new RawClient(server.port))
      for (const one of more) one.send(startupMessage(0, 'database', 'default'))
      for (const one of more) answer += await one.until('Z')
      idle.push(...more)
    }
    expect(idle.length).toBeGreaterThan(1000)
    await expectHealthy()
    idle[0]!.send(wire.query('SELECT 1'))
    expect(await idle[0]!.until('Z')).toBe('TDCZ')
    expect(memoryOf(server)).toBeLessThan(1024 * MIB)
    for (const one of idle) one.close()
    await vi.waitFor(
      async () => {
        const client = new RawClient(server.port)
        client.send(startupMessage(0, 'database', 'default'))
        expect(await client.until('Z')).toMatch(/Z$/)
        client.close()
      },
      { timeout: 20_000 },
    )
    await expectHealthy()
  }, 120_000)
})

describe('work that is stopped', () => {
  /** Its key, and the client that runs a statement without an end. */
  async function busy(...parameters: string[]): Promise<{ client: RawClient; key: Buffer }> {
    const client = new RawClient(server.port)
    client.send(startupMessage(0, 'database', 'default', ...parameters))
    let next = await client.message()
    while (next!.type !== 'K') next = await client.message()
    const key = next!.body
    await client.until('Z')
    client.send(wire.query(FOREVER))
    return { client, key }
  }

  const cancel = async (key: Buffer): Promise<void> => {
    const other = new RawClient(server.port)
    other.send(message('', int32(80877102), key))
    expect(await other.until('Z')).toBe('.')
  }

  test('by its time', async () => {
    const list = await Promise.all([1, 2, 3].map(() => busy('statement_timeout', '300')))
    for (const { client } of list) expect(await client.until('Z')).toBe('TE(57014)Z')
    await expectIdle()
    for (const { client } of list) client.close()
  })

  test('by a cancel', async () => {
    const { client, key } = await busy()
    await expectBusy()
    await cancel(key)
    expect(await client.until('Z')).toBe('TE(57014)Z')
    await expectIdle()
    client.send(wire.query('SELECT 1'))
    expect(await client.until('Z')).toBe('TDCZ')
    client.close()
  })

  test('by its client that goes away', async () => {
    const { client } = await busy()
    await expectBusy()
    client.close()
    await expectIdle()
  })

  test('a COPY that waits for data ends with the next of it', async () => {
    const { client, key } = await busy('statement_timeout', '300')
    expect(await client.until('Z')).toBe('TE(57014)Z')
    client.send(wire.query('SET statement_timeout = 0'), wire.query('COPY sink FROM STDIN'))
    expect(await client.until('G')).toBe('CZG')
    await cancel(key)
    client.send(message('d', '2026-03-01\t1\n'), message('d', '2026-03-02\t1\n'), message('c'))
    expect(await client.until('Z')).toBe('E(57014)Z')
    client.close()
  })
})

test('who does not say who it is, is gone after a minute', async () => {
  for (const { name, closed } of slow) {
    const elapsed = await closed
    expect(elapsed, name).toBeGreaterThan(STARTUP_TIMEOUT_MS * 0.9)
    expect(elapsed, name).toBeLessThan(STARTUP_TIMEOUT_MS * 3)
  }
  await expectHealthy()
}, 240_000)
