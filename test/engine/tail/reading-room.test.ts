// Tails that wake for the same batch: what they take of the kernel together, and that they share events.

import { expect, onTestFinished, test, vi } from 'vitest'
import { open } from '../../../engine/node.ts'
import type { Memory } from '../../../engine/memory.ts'
import { ReadingRoom } from '../../../engine/tail/reading-room.ts'
import { write } from '../lifecycle/fixture.ts'

const TAILS = 48
const POINTS = 8_000
const PEAK_MAX = 4 << 20

/** The most bytes that were allocated at once, beyond those of now. */
function peakOf(memory: Memory): () => number {
  let held = 0
  let most = 0
  const allocate = memory.allocate.bind(memory)
  const release = memory.release.bind(memory)
  vi.spyOn(memory, 'allocate').mockImplementation((...sizes) => {
    const region = allocate(...sizes)
    held += region.size
    most = Math.max(most, held)
    return region
  })
  vi.spyOn(memory, 'release').mockImplementation((region) => {
    held -= region.size
    release(region)
  })
  return () => most
}

/** Opens a database, follows it TAILS times, writes a batch and gives all first events. */
async function follow(shares: boolean) {
  const db = await open('memory:', { tailBytes: 1 << 20 })
  onTestFinished(() => db.close())
  await write(db, 'live n=0i 1')
  const tails = await Promise.all(
    Array.from({ length: TAILS }, () => db.tail({ table: 'live' }, { shares })),
  )
  const events = tails.map((tail) => tail.next())
  const peak = peakOf(db.kernel.memory)
  const lines = Array.from({ length: POINTS }, (_, i) => `live,s=${i % 40} n=${i}i ${i + 2}`)
  await write(db, lines.join('\n'))
  const found = (await Promise.all(events)).map(({ value }) => value)
  return { found, peak: peak() }
}

test('tails that read one batch take bounded memory of the kernel', async () => {
  const { found, peak } = await follow(false)
  expect(found.map(({ kind }) => kind)).toEqual(Array(TAILS).fill('points'))
  expect(new Set(found).size).toBe(TAILS)
  expect(peak).toBeLessThan(PEAK_MAX)
})

test('tails that share have the same event', async () => {
  const { found } = await follow(true)
  // Those that read at the same time have their own.
  expect(new Set(found).size).toBeLessThanOrEqual(TAILS / 4)
  expect(found[0].series.length).toBe(40)
})

test('the room lets in first come first served, and what is too large alone', async () => {
  const room = new ReadingRoom(10)
  const log: string[] = []
  const ends: (() => void)[] = []
  const enter = (name: string, bytes: number) =>
    room.read(bytes, () => {
      log.push(name)
      return new Promise<void>((end) => ends.push(end))
    })
  const all = [enter('a', 6), enter('b', 4), enter('large', 50), enter('c', 1)]
  expect(log).toEqual(['a', 'b'])
  ends[0]!()
  await all[0]
  expect(log).toEqual(['a', 'b'])
  ends[1]!()
  await all[1]
  expect(log).toEqual(['a', 'b', 'large'])
  ends[2]!()
  await all[2]
  expect(log).toEqual(['a', 'b', 'large', 'c'])
  ends[3]!()
  await all[3]
  await expect(room.read(10, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await expect(room.read(10, () => Promise.resolve(1))).resolves.toBe(1)
})

test.each([false, true])(
  'a condition may have an integer of 64 bits, shared: %s',
  async (shares) => {
    const db = await open('memory:')
    onTestFinished(() => db.close())
    await write(db, 'live n=0i 1')
    const tail = await db.tail({ table: 'live', where: { n: 5n } }, { shares })
    const event = tail.next()
    await write(db, 'live n=4i 2\nlive n=5i 3')
    expect((await event).value.series[0].time).toHaveLength(1)
  },
)
