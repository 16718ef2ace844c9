// The silence of a tail: comments at their time, by a clock that only the test moves.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { open } from '../../../engine/node.ts'
import { createApp } from '../../../server/app.ts'

let db: Awaited<ReturnType<typeof open>>
let reader: ReadableStreamDefaultReader<Uint8Array>

const write = async (line: string): Promise<void> => {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(line))
  await batch.commit()
}

/** The next bytes of the stream, as text. */
const next = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value)

/** Is `wanted` there now? Whatever is ready has all the turns that it needs. */
async function isThere(wanted: Promise<string>): Promise<boolean> {
  let found = false
  void wanted.then(() => (found = true))
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  return found
}

beforeEach(async () => {
  db = await open('memory:')
  await write('m n=0i 1')
  // Not setImmediate: with that the engine takes its turns.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const response = await createApp(db, { log: () => {} }).request('/v1/tail?table=m')
  expect(response.status).toBe(200)
  reader = response.body!.getReader()
})
afterEach(async () => {
  await reader.cancel()
  vi.useRealTimers()
  await db.close()
})

test('a comment comes after 15 s of silence, not before, and again after 15 more', async () => {
  expect(await next()).toMatch(/^: omendb\nretry: 1000\nid: \d+-[0-9a-f]{8}\n\n$/)
  for (let round = 0; round < 3; round++) {
    const comment = next()
    expect(await isThere(comment)).toBe(false)
    vi.advanceTimersByTime(14_999)
    expect(await isThere(comment)).toBe(false)
    vi.advanceTimersByTime(1)
    expect(await comment).toMatch(/^: alive\nid: \d+-[0-9a-f]{8}\n\n$/)
  }
})

test('an event begins the silence anew', async () => {
  await next()
  let coming = next()
  expect(await isThere(coming)).toBe(false)
  vi.advanceTimersByTime(14_000)
  await write('m n=1i 2')
  expect(await coming).toContain('event: points')
  coming = next()
  expect(await isThere(coming)).toBe(false)
  vi.advanceTimersByTime(14_999)
  expect(await isThere(coming)).toBe(false)
  vi.advanceTimersByTime(1)
  expect(await coming).toMatch(/^: alive\n/)
})

test('a comment says how far the tail has come, over what it does not show', async () => {
  const [, before] = /id: (\d+)-/.exec(await next())!
  const comment = next()
  expect(await isThere(comment)).toBe(false)
  await write('other n=1i 2')
  vi.advanceTimersByTime(7_500)
  expect(await isThere(comment)).toBe(false)
  vi.advanceTimersByTime(7_500)
  const [, after] = /^: alive\nid: (\d+)-/.exec(await comment)!
  expect(Number(after)).toBe(Number(before) + 1)
})
