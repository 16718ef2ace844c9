// The client against whole servers: tokens that it makes and asks with, a backup that it restores, and a
// tail that goes on behind its last event when the server's process has died and come back.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createClient, OmenDBError, type Client } from '../../client/index.ts'
import { open } from '../../engine/node.ts'
import { startServer, type ServerOptions } from '../../server/node.ts'
import { startProcess, type ServerProcess } from '../e2e/process.ts'
import { freePort } from '../free-port.ts'

/** The URL of a server over a database in memory. */
async function serve(options: ServerOptions = {}): Promise<string> {
  const db = await open('memory:')
  const server = await startServer(db, { ...options, port: 0, log: () => {} })
  onTestFinished(async () => {
    server.destroy()
    await db.close()
  })
  return server.url
}

async function refusal(call: Promise<unknown>): Promise<[number, string]> {
  const error: unknown = await call.catch((thrown: unknown) => thrown)
  if (!(error instanceof OmenDBError)) throw new Error('not refused')
  return [error.status, error.code]
}

test('tokens do what their scopes say, are listed without their secret, and end when revoked', async () => {
  const url = await serve({ token: 'boss' })
  const boss = createClient({ url, token: 'boss' })
  await boss.write('room t=1 1')
  const made = await boss.createToken({
    name: 'reader',
    scopes: { default: ['read'] },
    expiresAt: new Date(Date.now() + 3_600_000),
  })
  expect(made.token).toMatch(/^omen_/)
  const { token, ...shown } = made
  expect(await boss.tokens()).toEqual([shown])
  expect(await boss.token(made.id)).toEqual(shown)
  const reader = createClient({ url, token, retry: false })
  expect((await reader.tables()).map(({ name }) => name)).toEqual(['room'])
  expect(await refusal(reader.write('room t=2 2'))).toEqual([403, 'forbidden'])
  expect(await refusal(reader.createToken({ name: 'x', scopes: { '*': ['admin'] } }))).toEqual([
    403,
    'forbidden',
  ])
  await boss.revokeToken(made.id)
  expect(await refusal(reader.tables())).toEqual([401, 'unauthorized'])
  expect(await boss.tokens()).toEqual([])
  expect(await refusal(boss.token(made.id))).toEqual([404, 'not_found'])
})

test('a backup of one server is restored into another, and into one with data it is refused', async () => {
  const [from, to] = [await serve(), await serve()].map((url) => createClient({ url })) as [
    Client,
    Client,
  ]
  await from.write('room,floor=1 n=9007199254740993i 1790000000000000001')
  await from.write('other v=1 1', { db: 'second' })
  const { id, body } = await from.backup()
  expect(id).toMatch(/./)
  expect(await to.restore(body)).toEqual({ databases: 2, tables: 2, points: 2 })
  const { series } = await to.query({ table: 'room', time: 'ns' })
  expect(series).toEqual([
    {
      tags: { floor: '1' },
      time: [1_790_000_000_000_000_001n],
      fields: { n: [9007199254740993n] },
    },
  ])
  const again = await from.backup()
  expect(await refusal(to.restore(again.body))).toEqual([409, 'conflict'])
  expect(await refusal(createClient({ url: await serve() }).restore('no archive'))).toEqual([
    400,
    'bad_request',
  ])
})

describe('a tail over a restart of the server', () => {
  test(
    'goes on behind its last event, or says that there is a gap',
    { timeout: 120_000 },
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'omendb-tail-'))
      const flags = ['--port', String(await freePort())]
      let server: ServerProcess = await startProcess(directory, flags)
      onTestFinished(async () => {
        await server.stop('SIGKILL')
        rmSync(directory, { recursive: true, force: true })
      })
      const db = createClient({ url: server.url, retry: { baseMs: 20, maxMs: 200 } })
      await db.write('live v=0 0')
      const seen = new Set<number>()
      let gaps = 0
      let isOver = false
      const controller = new AbortController()
      const following = (async () => {
        const events = db.tail({ table: 'live', time: 'ms' }, { signal: controller.signal })
        for await (const event of events) {
          if (event.kind === 'gap') gaps++
          else for (const { time } of event.rows()) seen.add(time)
          if (isOver && seen.has(-1)) return
        }
      })()
      const write = (time: number): Promise<unknown> =>
        db.write({ table: 'live', time, fields: { v: 1 } })
      let next = 1
      for (; seen.size < 3; next++) await write(next)
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        await server.stop(signal)
        server = await startProcess(directory, flags)
        const before = seen.size
        for (; seen.size < before + 3; next++) await write(next)
      }
      isOver = true
      while (!seen.has(-1)) await write(-1)
      await following
      // What the tail has not shown it has announced: nothing is missing in silence.
      const stored = await db.query({ table: 'live', start: 1 })
      const first = Math.min(...[...seen].filter((time) => time > 0))
      const missed = stored.series[0]!.time.filter((time) => time >= first && !seen.has(time))
      if (missed.length > 0) expect(gaps).toBeGreaterThan(0)
      expect(seen.size).toBeGreaterThanOrEqual(9)
    },
  )
})
