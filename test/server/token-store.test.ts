// Tokens on the real engine: what is stored, what survives, and what ends when.

import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { open, type Database } from '../../engine/node.ts'
import { OmenError } from '../../engine/error.ts'
import { createApp, type AppOptions } from '../../server/app.ts'
import { digestOf } from '../../server/tokens.ts'

type App = ReturnType<typeof createApp>

const HEADERS = { Host: 'localhost', 'Content-Type': 'application/json' }
const ADMIN = { name: 'root', scopes: { '*': ['admin'] } }

interface Made {
  id: string
  token: string
  name: string
}

function call(app: App, method: string, path: string, token?: string, body?: unknown) {
  const headers = new Headers(HEADERS)
  if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
  const init: RequestInit = { method, headers }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  return app.request(`http://localhost${path}`, init)
}

async function make(app: App, token: string | undefined, body: object): Promise<Made> {
  const answer = await call(app, 'POST', '/v1/tokens', token, body)
  const made = (await answer.json()) as Made
  expect([answer.status, made]).toEqual([201, made])
  return made
}

async function statusOf(app: App, token: string | undefined, path = '/v1/tables'): Promise<number> {
  return (await call(app, 'GET', path, token)).status
}

const folder = await mkdtemp(join(tmpdir(), 'omendb-tokens-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
let count = 0
const freshPath = (): string => join(folder, String(count++))

async function start(options: AppOptions = {}, path = 'memory:') {
  const db = await open(path)
  onTestFinished(() => db.close())
  return { db, app: createApp(db, { log: () => {}, ...options }) }
}

describe('a token', () => {
  test('is answered whole once, and without its secret ever after', async () => {
    const { app } = await start({ token: 'boss' })
    const body = { name: 'telegraf', scopes: { metrics: ['write', 'read'] }, expiresAt: null }
    const answer = await call(app, 'POST', '/v1/tokens', 'boss', body)
    expect(answer.status).toBe(201)
    const made = (await answer.json()) as Made & Record<string, unknown>
    expect(made.token).toMatch(/^omen_[\w-]{43}$/)
    const { token, ...shown } = made
    expect(shown).toEqual({
      ...{ id: expect.stringMatching(/^[0-9a-f]{16}$/), name: 'telegraf' },
      ...{ scopes: { metrics: ['read', 'write'] }, expiresAt: null },
      createdAt: expect.any(Number),
    })
    expect(answer.headers.get('Location')).toBe(`/v1/tokens/${made.id}`)
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    const list = await call(app, 'GET', '/v1/tokens', 'boss')
    expect(await list.json()).toEqual({ tokens: [shown] })
    const one = await call(app, 'GET', `/v1/tokens/${made.id}?time=rfc3339`, 'boss')
    const text = await one.text()
    expect(JSON.parse(text)).toMatchObject({ createdAt: expect.stringMatching(/^\d{4}-.*Z$/) })
    expect(text).not.toContain(token)
    expect(text).not.toContain(await digestOf(token))
  })

  test('lies on the disk as its digest alone', async () => {
    const path = freshPath()
    const { db, app } = await start({ token: 'boss' }, path)
    const { token } = await make(app, 'boss', ADMIN)
    await db.flush()
    await make(app, 'boss', ADMIN)
    const files = await readdir(path)
    const bytes = await Promise.all(
      files
        .filter((name) => !name.startsWith('lock'))
        .map((name) => readFile(join(path, name), 'latin1')),
    )
    expect(bytes.some((text) => text.includes(token.slice(5)))).toBe(false)
    expect(bytes.some((text) => text.includes('boss'))).toBe(false)
  })

  test('is a row of a database that nobody sees and nobody makes', async () => {
    const { db, app } = await start({ token: 'boss' })
    await make(app, 'boss', ADMIN)
    expect(db.databases()).toEqual(['default'])
    expect(db.databases({ system: true })).toEqual(['_omendb', 'default'])
    expect([...db.metrics().series.keys()]).not.toContain('_omendb')
    const refusal = { code: 'forbidden' }
    expect(() => db.batch({ database: '_omendb' })).toThrow(/_omendb are the server's own/)
    await expect(db.createDatabase('_omendb2')).rejects.toMatchObject(refusal)
    await expect(db.dropDatabase('_omendb')).rejects.toMatchObject(refusal)
    await expect(db.putTable('t', {}, { database: '_omendb' })).rejects.toMatchObject(refusal)
  })

  test.each([
    ['{}', /name/],
    [{ name: '', scopes: { a: ['read'] } }, /name/],
    [{ name: 'a\nb', scopes: { a: ['read'] } }, /name/],
    [{ name: 'x'.repeat(101), scopes: { a: ['read'] } }, /name/],
    [{ name: 'x', scopes: {} }, /one database at least/],
    [{ name: 'x', scopes: { a: [] } }, /read, write, admin at least/],
    [{ name: 'x', scopes: { a: ['root'] } }, /one of read, write, admin/],
    [{ name: 'x', scopes: { 'a b': ['read'] } }, /scopes/],
    [{ name: 'x', scopes: { _omendb: ['read'] } }, /scopes/],
    [{ name: 'x', scopes: ['read'] }, /scopes/],
    [{ name: 'x', scopes: { a: ['read', 'read', 'write', 'admin'] } }, /at most once/],
    [{ name: 'x', scopes: { a: ['read'] }, expiresAt: 'now-1h' }, /has passed/],
    [{ name: 'x', scopes: { a: ['read'] }, expiresAt: 'soon' }, /not a time/],
    [{ name: 'x', scopes: { a: ['read'] }, token: 'omen_mine' }, /unknown member "token"/],
    [{ name: 'x', scopes: Object.fromEntries(lots(101)) }, /100 databases at most/],
  ])('%j is refused by name', async (body, message) => {
    const { app } = await start({ token: 'boss' })
    const answer = await call(app, 'POST', '/v1/tokens', 'boss', body)
    const problem = (await answer.json()) as { detail: string; code: string }
    expect([answer.status, problem.code]).toEqual([400, 'bad_request'])
    expect(problem.detail).toMatch(message)
    expect(await (await call(app, 'GET', '/v1/tokens', 'boss')).json()).toEqual({ tokens: [] })
  })

  test('of a megabyte of scopes is refused before it is made anything of', async () => {
    const { app } = await start({ token: 'boss' })
    const body = JSON.stringify({ name: 'x', scopes: Object.fromEntries(lots(60_000)) })
    expect((await call(app, 'POST', '/v1/tokens', 'boss', body)).status).toBe(413)
  })
})

function lots(size: number): [string, string[]][] {
  return Array.from({ length: size }, (_, i) => [`database_${i}`, ['read']])
}

describe('the first token', () => {
  test('ends the time in which this machine is asked for nothing', async () => {
    const { app } = await start()
    expect(await statusOf(app, undefined)).toBe(200)
    const { token } = await make(app, undefined, ADMIN)
    expect(await statusOf(app, undefined)).toBe(401)
    expect(await statusOf(app, token)).toBe(200)
    expect(await statusOf(app, `${token}x`)).toBe(401)
    expect(await statusOf(app, undefined, '/health')).toBe(200)
  })

  test.each([
    { name: 'x', scopes: { metrics: ['admin'] } },
    { name: 'x', scopes: { '*': ['write'] } },
    { name: 'x', scopes: { '*': ['admin'] }, expiresAt: 'now+1h' },
  ])('may not be one that leaves nobody to make others: %j', async (body) => {
    const { app } = await start()
    const answer = await call(app, 'POST', '/v1/tokens', undefined, body)
    expect(answer.status).toBe(409)
    expect(await statusOf(app, undefined)).toBe(200)
  })
})

describe('a revoked token', () => {
  test('opens nothing any more, also after a restart', async () => {
    const path = freshPath()
    const db = await open(path)
    const app = createApp(db, { token: 'boss' })
    const kept = await make(app, 'boss', { name: 'kept', scopes: { '*': ['read'] } })
    const ended = await make(app, 'boss', { name: 'ended', scopes: { '*': ['read'] } })
    expect((await call(app, 'DELETE', `/v1/tokens/${ended.id}`, 'boss')).status).toBe(204)
    expect(await statusOf(app, ended.token)).toBe(401)
    expect((await call(app, 'DELETE', `/v1/tokens/${ended.id}`, 'boss')).status).toBe(404)
    await db.close()
    const again = await start({}, path)
    expect(await statusOf(again.app, ended.token)).toBe(401)
    expect(await statusOf(again.app, kept.token)).toBe(200)
    expect(await statusOf(again.app, undefined)).toBe(401)
  })

  test('breaks off the stream that it opened', async () => {
    const { app } = await start({ token: 'boss' })
    const { id, token } = await make(app, 'boss', { name: 'x', scopes: { default: ['read'] } })
    const lines = Array.from({ length: 60_000 }, (_, i) => `cpu v=${i},w=${i},x=${i} ${i}`)
    const written = await call(app, 'POST', '/v1/write', 'boss', lines.join('\n'))
    expect(written.status).toBe(415) // JSON is not line protocol: the header of these calls
    await app.request('http://localhost/v1/write', {
      method: 'POST',
      headers: { Authorization: 'Bearer boss' },
      body: lines.join('\n'),
    })
    const answer = await call(app, 'GET', '/v1/export?table=cpu', token)
    expect(answer.status).toBe(200)
    const reader = answer.body!.getReader()
    expect((await reader.read()).done).toBe(false)
    await call(app, 'DELETE', `/v1/tokens/${id}`, 'boss')
    const readOn = async (): Promise<void> => {
      while (!(await reader.read()).done);
    }
    await expect(readOn()).rejects.toThrow(/was revoked/)
  })

  test('is one answer of 204 however many ask for it at once', async () => {
    const { app } = await start({ token: 'boss' })
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        make(app, 'boss', { name: `t${i}`, scopes: { '*': ['read'] } }),
      ),
    )
    const calls = made.flatMap(({ id }) => [id, id])
    const statuses = await Promise.all(
      calls.map(async (id) => (await call(app, 'DELETE', `/v1/tokens/${id}`, 'boss')).status),
    )
    expect(statuses.filter((status) => status === 204)).toHaveLength(30)
    expect(statuses.filter((status) => status === 404)).toHaveLength(30)
    for (const { token } of made) expect(await statusOf(app, token)).toBe(401)
    expect(await (await call(app, 'GET', '/v1/tokens', 'boss')).json()).toEqual({ tokens: [] })
  })

  test('is never the last admin, also when the last two go at once', async () => {
    const { app } = await start()
    const a = await make(app, undefined, ADMIN)
    const refused = await call(app, 'DELETE', `/v1/tokens/${a.id}`, a.token)
    expect([refused.status, await refused.text()]).toEqual([
      409,
      expect.stringContaining('last admin'),
    ])
    const b = await make(app, a.token, ADMIN)
    const guest = await make(app, a.token, { ...ADMIN, expiresAt: 'now+1h' }) // does not last
    const [first, second] = await Promise.all([
      call(app, 'DELETE', `/v1/tokens/${a.id}`, guest.token),
      call(app, 'DELETE', `/v1/tokens/${b.id}`, guest.token),
    ])
    expect(new Set([first.status, second.status])).toEqual(new Set([204, 409]))
    expect(await statusOf(app, b.token)).toBe(200)
  })

  test('stays shut when its delete fails, is still listed, and can be revoked again', async () => {
    const { db } = await start()
    let isFull = true
    const flaky = Object.create(db) as Database
    flaky.deleteRows = async (...given) => {
      if (isFull) throw new OmenError('storage_full', 'wal-1: no space')
      return db.deleteRows(...given)
    }
    const app = createApp(flaky, { token: 'boss' })
    const { id, token } = await make(app, 'boss', { name: 'x', scopes: { '*': ['read'] } })
    expect((await call(app, 'DELETE', `/v1/tokens/${id}`, 'boss')).status).toBe(507)
    expect(await statusOf(app, token)).toBe(401)
    expect((await call(app, 'GET', `/v1/tokens/${id}`, 'boss')).status).toBe(200)
    isFull = false
    expect((await call(app, 'DELETE', `/v1/tokens/${id}`, 'boss')).status).toBe(204)
  })
})

test('a token whose write fails is not made', async () => {
  const { db } = await start()
  const full = Object.create(db) as Database
  full.batch = (options) => {
    const batch = db.batch(options)
    batch.commit = async () => {
      throw new OmenError('storage_full', 'wal-1: no space')
    }
    return batch
  }
  const app = createApp(full, { token: 'boss' })
  expect((await call(app, 'POST', '/v1/tokens', 'boss', ADMIN)).status).toBe(507)
  expect(await (await call(app, 'GET', '/v1/tokens', 'boss')).json()).toEqual({ tokens: [] })
})

test('an answered token is there after a power cut', async () => {
  const path = freshPath()
  const { app } = await start({ token: 'boss' }, path)
  const { token } = await make(app, 'boss', { name: 'x', scopes: { '*': ['read'] } })
  // What a process leaves that dies here: its files as they are.
  const copy = freshPath()
  await cp(path, copy, { recursive: true, filter: (name) => !name.includes('lock') })
  const survivor = await start({}, copy)
  expect(await statusOf(survivor.app, token)).toBe(200)
})

test('a token ends when it expires, and the server goes on asking for one', async () => {
  let now = 1_790_000_000_000_000_000n
  const db = await open('memory:')
  onTestFinished(() => db.close())
  const app = createApp(db, { token: 'boss', now: () => now })
  const wish = { name: 'x', scopes: { '*': ['read'] }, expiresAt: 1_790_000_060_000 }
  const { token } = await make(app, 'boss', wish)
  now += 59_999_000_000n
  expect(await statusOf(app, token)).toBe(200)
  now += 1_000_000n
  const answer = await call(app, 'GET', '/v1/tables', token)
  expect(answer.status).toBe(401)
  expect(await answer.text()).toContain('has expired')
  const without = createApp(db, { now: () => now })
  expect(await statusOf(without, undefined)).toBe(401)
})

test('one of thousands is found with one digest, whichever it is', async () => {
  const { app } = await start({ token: 'boss' })
  const made: Made[] = []
  for (let i = 0; i < 2_000; i++) {
    made.push(await make(app, 'boss', { name: `t${i}`, scopes: { [`d${i}`]: ['read'] } }))
  }
  const digest = vi.spyOn(crypto.subtle, 'digest')
  onTestFinished(() => digest.mockRestore())
  for (const i of [0, 1_000, 1_999]) {
    digest.mockClear()
    expect(await statusOf(app, made[i]!.token, `/v1/tables?db=d${i}`)).toBe(404)
    expect(digest).toHaveBeenCalledTimes(1)
    expect(await statusOf(app, made[i]!.token, `/v1/tables?db=d${i + 1}`)).toBe(403)
  }
})

describe('a restore', () => {
  async function backupOf(app: App, token: string): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await call(app, 'GET', '/v1/backup', token)
    return new Uint8Array(await answer.arrayBuffer())
  }
  const restore = (app: App, token: string, body: Uint8Array<ArrayBuffer>) =>
    app.request('http://localhost/v1/restore', {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/x-tar' },
      body,
    })

  test('brings the tokens of the backup, and keeps the one that asked', async () => {
    const source = await start({}, freshPath())
    const old = await make(source.app, undefined, ADMIN)
    await source.db.flush()
    const later = await make(source.app, old.token, { name: 'later', scopes: { m: ['write'] } })
    const archive = await backupOf(source.app, old.token)
    const path = freshPath()
    const db = await open(path)
    const app = createApp(db)
    const asker = await make(app, undefined, { ...ADMIN, name: 'asker' })
    const lost = await make(app, asker.token, { ...ADMIN, name: 'lost' })
    await db.flush() // its tokens are in a segment whose number the archive has too
    const answer = await restore(app, asker.token, archive)
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { databases: 0, tables: 0, points: 0 },
    ])
    for (const which of [app, null]) {
      if (which === null) await db.close()
      const now = which ?? (await start({}, path)).app
      expect(await statusOf(now, old.token)).toBe(200)
      expect(await statusOf(now, later.token, '/v1/tables?db=m')).toBe(403)
      expect(await statusOf(now, asker.token)).toBe(200)
      expect(await statusOf(now, lost.token)).toBe(401)
    }
  })

  test('that fails leaves the tokens as they were', async () => {
    const path = freshPath()
    const db = await open(path)
    const app = createApp(db)
    const asker = await make(app, undefined, ADMIN)
    const other = await make(app, asker.token, { name: 'x', scopes: { '*': ['read'] } })
    expect((await restore(app, asker.token, new Uint8Array(2048).fill(7))).status).toBe(400)
    expect(await statusOf(app, other.token)).toBe(200)
    await db.close()
    const again = await start({}, path)
    expect(await statusOf(again.app, asker.token)).toBe(200)
    expect(await statusOf(again.app, other.token)).toBe(200)
    expect(await statusOf(again.app, undefined)).toBe(401)
  })

  test('into a server with data is refused and touches no token', async () => {
    const { app } = await start({ token: 'boss' })
    await call(app, 'PUT', '/v1/databases/full', 'boss')
    const { token } = await make(app, 'boss', { name: 'x', scopes: { '*': ['read'] } })
    const archive = await backupOf(app, 'boss')
    const answer = await restore(app, 'boss', archive)
    expect(answer.status).toBe(409)
    expect(await answer.text()).not.toContain('_omendb')
    expect(await statusOf(app, token)).toBe(200)
  })
})
