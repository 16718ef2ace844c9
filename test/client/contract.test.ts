// The contract of the client in Node: over HTTP, and over a database in this process.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '../../client/index.ts'
import { open } from '../../server/local/node.ts'
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
    await second[Symbol.asyncDispose]()
    await expect(second.tables()).rejects.toThrow()
    const remote = await open('http://127.0.0.1:1', { retry: false })
    await expect(remote.tables()).rejects.toMatchObject({ code: 'unreachable', retryable: true })
    await remote.close()
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
