// The contract of the client in Node: over HTTP, and over a database in this process.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '../../client/index.ts'
import { OmenDBError, OmenError, open } from '../../server/local/node.ts'
import { useLiveServer } from '../server/live.ts'
import { CASES, same } from './contract.ts'

describe('over HTTP', () => {
  const live = useLiveServer()
  test.each(CASES)('$name', ({ run }) => run(createClient({ url: live.url, retry: false })))
})

describe('in process', () => {
  let db: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    db = await open('memory:')
  })
  afterAll(() => db.close())
  test.each(CASES)('$name', ({ run }) => run(db))
})

describe('open', () => {
  test('takes a directory, which keeps what was written, and a server', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'omendb-local-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const write = async (db: Client): Promise<unknown> => db.write('t v=1 1')
    const first = await open(`file:${directory}`)
    await write(first)
    await first.close()
    const second = await open(directory, { db: 'default' })
    expect(await second.tables()).toEqual([{ name: 't', points: 1, series: 1 }])
    const third = open(directory)
    await expect(third).rejects.toThrow(OmenDBError)
    await expect(third).rejects.toMatchObject({ code: 'locked', status: 0, retryable: false })
    await second[Symbol.asyncDispose]()
    await expect(second.tables()).rejects.toThrow()
    const remote = await open('http://127.0.0.1:1', { retry: false })
    await expect(remote.tables()).rejects.toMatchObject({ code: 'unreachable', retryable: true })
    expect(() => remote.engine).toThrow('the database is at http://127.0.0.1:1')
    await remote.close()
  })

  test('reaches the engine, whose answers are columns in typed arrays', async () => {
    await using db = await open('memory:')
    await db.write({ table: 't', time: [1, 2], fields: { v: [0.5, 1.5] } })
    const { series } = await db.engine.query({ table: 't' })
    expect(series[0]!.time).toEqual(BigInt64Array.of(1_000_000n, 2_000_000n))
    await expect(db.engine.query({ table: 'none' })).rejects.toThrow(OmenError)
  })

  test('asks whoever opens it for no token, whatever tokens it has', async () => {
    await using db = await open('memory:')
    await db.createToken({ name: 'boss', scopes: { '*': ['admin'] } })
    expect(await db.tokens()).toMatchObject([{ name: 'boss' }])
    await db.write('t v=1')
  })
})

test('the comparison of the contract tells apart what differs', () => {
  for (const [one, other] of [
    [1, 1n],
    [0, -0],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 2 }],
    ['1', 1],
  ]) {
    expect(() => same(one, other)).toThrow()
    expect(() => same(one, one)).not.toThrow()
  }
})
