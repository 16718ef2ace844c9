// The protocol, byte by byte, as honest and as hostile clients speak it.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { randomOf } from '../random.ts'
import { int32, message, RawClient, startLive, startupMessage, type Live } from './live.ts'

let live: Live
beforeAll(async () => {
  live = await startLive()
})
afterAll(async () => live.server.close())

const text = (value: string): string => `${value}\0`
const query = (sql: string): Buffer => message('Q', text(sql))
const parse = (name: string, sql: string): Buffer => message('P', text(name), text(sql), '\0\0')
const bind = (portal: string, name: string): Buffer =>
  message('B', text(portal), text(name), '\0\0\0\0\0\0')
const execute = (portal: string, limit = 0): Buffer => message('E', text(portal), int32(limit))
const sync = message('S')

async function begun(...more: string[]): Promise<RawClient> {
  const client = new RawClient(live.server.port)
  client.send(startupMessage(0, ...more))
  await client.until('Z')
  return client
}

describe('startup', () => {
  test('answers with the parameters of PostgreSQL 15, a key of 4 bytes, and readiness', async () => {
    const client = new RawClient(live.server.port)
    client.send(startupMessage())
    expect(await client.until('Z')).toMatch(/^RS{13}KZ$/)
    client.close()
  })

  test('protocol 3.2 gets a key of 32 bytes, newer ones hear which is spoken', async () => {
    for (const [minor, first, size] of [
      [2, 'R', 36],
      [9999, 'v', 36],
    ] as const) {
      const client = new RawClient(live.server.port)
      client.send(startupMessage(minor))
      let next = await client.message()
      expect(next!.type).toBe(first)
      while (next!.type !== 'K') next = await client.message()
      expect(next!.body.length).toBe(size)
      client.close()
    }
  })

  test('options of the protocol that nobody knows are named, and it goes on', async () => {
    const client = new RawClient(live.server.port)
    client.send(startupMessage(0, '_pq_.shiny', 'yes'))
    const first = (await client.message())!
    expect(first.type).toBe('v')
    expect(first.body.subarray(8).toString()).toBe('_pq_.shiny\0')
    expect(await client.until('Z')).toMatch(/^RS+KZ$/)
    client.close()
  })

  test('GSS and TLS that are not there are refused with one byte, then plain goes on', async () => {
    const client = new RawClient(live.server.port)
    client.send(message('', int32(80877104)))
    expect((await client.bytes(1)).toString()).toBe('N')
    client.send(message('', int32(80877103)))
    expect((await client.bytes(1)).toString()).toBe('N')
    client.send(startupMessage())
    expect(await client.until('Z')).toMatch(/Z$/)
    client.close()
  })

  test.each([
    ['a length of nothing', int32(0), 'E(08P01).'],
    ['a length below zero', int32(-1), 'E(08P01).'],
    ['a length of a gigabyte', int32(1 << 30), 'E(08P01).'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'E(08P01).'],
    ['version 2.0', message('', int32(2 << 16)), 'E(0A000).'],
    ['no user', message('', int32(3 << 16), '\0'), 'E(28000).'],
    ['a database that is not there', startupMessage(0, 'database', 'missing'), 'RE(3D000).'],
  ])('%s closes the connection with its SQLSTATE', async (_name, bytes, answer) => {
    const client = new RawClient(live.server.port)
    client.send(bytes)
    expect(await client.until('Z')).toBe(answer)
  })

  test('connections beyond the limit get 53300, and room comes back', async () => {
    const small = await startLive({ connectionsMax: 1 })
    const first = new RawClient(small.server.port)
    first.send(startupMessage())
    await first.until('Z')
    const second = new RawClient(small.server.port)
    second.send(startupMessage())
    expect(await second.until('Z')).toBe('E(53300).')
    first.send(message('X'))
    expect(await first.until('Z')).toBe('.')
    await small.server.close()
    expect(small.scene.open).toBe(0)
  })

  test('so many beyond the limit may say why they came, others are closed at once', async () => {
    const small = await startLive({ connectionsMax: 1 })
    const silent = Array.from({ length: 101 }, () => new RawClient(small.server.port))
    await expect.poll(() => small.server.counts.connections, { timeout: 20_000 }).toBe(101)
    const late = new RawClient(small.server.port)
    expect(await late.until('Z')).toBe('.')
    silent[0]!.send(startupMessage())
    expect(await silent[0]!.until('Z')).toMatch(/Z$/)
    silent[100]!.send(startupMessage())
    expect(await silent[100]!.until('Z')).toBe('E(53300).')
    const again = new RawClient(small.server.port)
    again.send(startupMessage())
    expect(await again.until('Z')).toBe('E(53300).')
    for (const one of silent) one.close()
    await small.server.close()
  })
})

describe('queries', () => {
  test('statements of one text are answered in turn, up to the first that fails', async () => {
    const client = await begun()
    client.send(query('select 1; select 2; bad; select 3'))
    expect(await client.until('Z')).toBe('TDCTDCE(0A000)Z')
    client.close()
  })

  test('an empty text is answered as empty', async () => {
    const client = await begun()
    client.send(query(''))
    expect(await client.until('Z')).toBe('IZ')
    client.close()
  })

  test('positions count characters of the whole text', async () => {
    const client = await begun()
    client.send(query('select 1; 😀 syntax'))
    let next = await client.message()
    while (next!.type !== 'E') next = await client.message()
    expect(next!.body.toString()).toContain('\0P14\0')
    client.close()
  })

  test('what nobody foresaw says nothing of the inside, and the connection goes on', async () => {
    const client = await begun()
    client.send(query('bug'))
    const error = (await client.message())!.body.toString()
    expect(error).toContain('XX000')
    expect(error).not.toContain('secret')
    client.send(query('select 1'))
    expect(await client.until('C')).toBe('ZTDC')
    client.close()
  })

  test('a transaction that fails says so until it ends', async () => {
    const client = await begun()
    const status = async (sql: string): Promise<string> => {
      client.send(query(sql))
      let next = await client.message()
      while (next!.type !== 'Z') next = await client.message()
      return next!.body.toString()
    }
    const seen = []
    for (const sql of ['begin', 'bad', 'select 1', 'rollback']) seen.push(await status(sql))
    expect(seen.join('')).toBe('TEEI')
    client.close()
  })
})

describe('extended protocol', () => {
  test('a pipeline is answered in order; after an error nothing is until Sync', async () => {
    const client = await begun()
    const one = [parse('', 'select 1'), bind('', ''), execute('')]
    client.send(...one, parse('', 'syntax'), ...one, sync, ...one, sync)
    expect(await client.until('Z')).toBe('12DCE(42601)Z')
    expect(await client.until('Z')).toBe('12DCZ')
    client.close()
  })

  test('a portal gives as many rows as are asked for, and goes on', async () => {
    const client = await begun()
    client.send(parse('s', 'select 5 rows'), bind('p', 's'), message('D', 'P', text('p')))
    client.send(execute('p', 2), execute('p', 2), execute('p', 2), sync)
    expect(await client.until('Z')).toBe('12TDDsDDsDCZ')
    client.send(execute('p'), sync) // the portal went with its transaction
    expect(await client.until('Z')).toBe('E(34000)Z')
    client.close()
  })

  test('a statement is described before it runs, and closed as often as one likes', async () => {
    const client = await begun()
    client.send(parse('s', 'select $1::int8'), message('D', 'S', text('s')))
    client.send(message('C', 'S', text('s')), message('C', 'S', text('s')), sync)
    expect(await client.until('Z')).toBe('1tT33Z')
    client.send(bind('', 's'), sync)
    expect(await client.until('Z')).toBe('E(26000)Z')
    client.close()
  })

  test.each([
    ['too few parameters', [parse('', 'select $1'), bind('', '')], '1E(08P01)Z'],
    ['a type that is none', [message('P', '\0select 1\0\0\u0001', int32(99))], 'E(42704)Z'],
    ['a name twice', [parse('a', 'select 1'), parse('a', 'select 1')], '1E(42P05)Z'],
    ['a call by oid', [message('F', int32(1), '\0\0\0\0\0\0')], 'E(0A000)Z'],
    ['text without an end', [message('P', 'abc')], 'E(08P01)Z'],
    ['bytes that are not UTF-8', [message('P', '\0', Buffer.of(0xff, 0, 0, 0))], 'E(22021)Z'],
  ])('%s is an error of the statement', async (_name, messages, answer) => {
    const client = await begun()
    client.send(...messages, sync)
    expect(await client.until('Z')).toBe(answer)
    client.close()
  })

  test('types of messages that are none, and lengths that cannot be, end the connection', async () => {
    for (const bytes of [Buffer.from('?aaaaaaaa'), Buffer.from([81, 0x7f, 255, 255, 255])]) {
      const client = await begun()
      client.send(bytes)
      expect(await client.until('Z')).toBe('E(08P01).')
    }
  })
})

describe('copy', () => {
  test('takes chunks however they are cut, a failure of the client, and a failure of the row', async () => {
    const client = await begun()
    client.send(query('copy t from stdin'))
    expect(await client.until('G')).toBe('G')
    client.send(message('d', '1\t2'), message('d', '\n'), message('c'))
    expect(await client.until('Z')).toBe('CZ')
    client.send(query('copy t from stdin'), message('d', 'x'), message('f', text('no more')))
    expect(await client.until('Z')).toBe('GE(57014)Z')
    client.send(query('copy t from stdin'), message('d', 'wrong\n'), message('c'))
    expect(await client.until('Z')).toBe('GE(22P02)Z')
    client.send(query('copy t to stdout'))
    expect(await client.until('Z')).toBe('HdddcCZ')
    client.close()
  })
})

describe('cancel and shutdown', () => {
  test('a running statement stops for who knows its key, and for nobody else', async () => {
    const client = new RawClient(live.server.port)
    client.send(startupMessage())
    let next = await client.message()
    while (next!.type !== 'K') next = await client.message()
    const key = next!.body
    await client.until('Z')
    const { statements } = live.server.counts
    client.send(query('sleep'))
    await vi.waitFor(() => expect(live.server.counts.statements).toBe(statements + 1))
    const wrong = Buffer.from(key)
    wrong[7]! ^= 1
    for (const secret of [wrong, key]) {
      const other = new RawClient(live.server.port)
      other.send(message('', int32(80877102), secret))
      expect(await other.until('Z')).toBe('.')
    }
    expect(await client.until('Z')).toBe('TE(57014)Z')
    client.close()
  })

  test('a server that stops says 57P01, to those that sleep too', async () => {
    const other = await startLive()
    const clients = [new RawClient(other.server.port), new RawClient(other.server.port)]
    for (const client of clients) {
      client.send(startupMessage())
      await client.until('Z')
    }
    clients[0]!.send(query('sleep'))
    await vi.waitFor(() => expect(other.server.counts.statements).toBe(1))
    const closed = other.server.close()
    for (const client of clients) expect(await client.until('Z')).toContain('E(57P01)')
    await closed
    expect(other.scene.open).toBe(0)
  })

  test('a reader that does not read holds back its own query, and it ends when it leaves', async () => {
    const client = await begun()
    client.socket.pause()
    client.send(query('select 1000000 rows'))
    const other = await begun()
    other.send(query('select 1'))
    expect(await other.until('Z')).toBe('TDCZ')
    other.close()
    client.close()
  })
})

test('mutated conversations end one connection each, and never the server', async () => {
  const random = randomOf(1)
  const parts = [
    ...[startupMessage(), query('select 1; bad'), parse('a', 'select 5 rows'), bind('b', 'a')],
    ...[execute('b', 2), message('D', 'P', text('b')), message('C', 'S', text('a')), sync],
    ...[message('H'), query('copy t from stdin'), message('d', 'x'), message('c')],
  ]
  for (let round = 0; round < 300; round++) {
    const client = new RawClient(live.server.port)
    if (random.int(4) > 0) client.send(startupMessage())
    const count = 1 + random.int(12)
    const sent = Array.from({ length: count }, () => parts[random.int(parts.length)]!)
    const bytes = Buffer.concat(sent)
    for (let i = random.int(4); i > 0; i--) bytes[random.int(bytes.length)] = random.int(256)
    client.send(bytes.subarray(0, random.int(8) === 0 ? random.int(bytes.length) : undefined))
    client.socket.end()
    await client.until('none')
  }
  const client = await begun()
  client.send(query('select 1'))
  expect(await client.until('Z')).toBe('TDCZ')
  client.close()
})
