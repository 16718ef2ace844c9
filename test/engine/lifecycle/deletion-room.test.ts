// Deletes beside writers that need room: what a delete has read keeps a memtable from its next turn,
// and it waits in the queue of those who wait for that memtable. No timer is fired here, so whoever
// waits for one waits for ever.

import { expect, test } from 'vitest'
import type { Shard } from '../../../engine/shard.ts'
import { open, values, write } from './fixture.ts'

/** Microtasks between the start of a delete and the flushes that need what it holds. */
const LATEST = 60

test('a delete that waits behind a flush, for the memtable it reads, lets it go and begins again', async () => {
  for (let turns = 0; turns < LATEST; turns++) {
    const { db } = await open()
    await write(db, 't,host=a v=1 1\nt,host=a v=2 2\nt,host=b v=3 3')
    const flushed: Promise<void>[] = []
    const flushing = db.flush()
    for (let i = 0; i < turns; i++) await Promise.resolve()
    const deletion = db.deleteRows('t', { where: 'v < 2', precision: 'ns' })
    const writing = write(db, `t,host=c v=4 4`)
    flushed.push(db.flush(), db.flush())
    expect((await deletion).deleted, `after ${turns} turns`).toBe(1)
    await Promise.all([flushing, writing, ...flushed])
    expect(await values(db)).toEqual(['host=a v=2 2', 'host=b v=3 3', 'host=c v=4 4'])
    await db.close()
  }
})

test('a delete that loses what it holds time and again is done in its turn, and counts right', async () => {
  const { db } = await open()
  const shard = Reflect.get(db, 'current') as Shard
  const snapshot = shard.snapshot.bind(shard)
  let taken = 0
  shard.snapshot = () => {
    const held = snapshot()
    const { keep } = held
    let isLent = false
    return {
      ...held,
      lend: () => {
        isLent = true
        held.release()
      },
      keep: () => {
        if (isLent) taken++
        return keep() && !isLent
      },
    }
  }
  await write(db, 't,host=a v=1 1\nt,host=a v=2 2\nt,host=b v=3 3')
  expect(await db.deleteRows('t', { where: 'v < 3', precision: 'ns' })).toEqual({
    deleted: 2,
    dryRun: false,
  })
  expect(taken).toBe(2)
  expect(await db.deleteRows('t', { where: 'v < 3', precision: 'ns' })).toMatchObject({
    deleted: 0,
  })
  expect(await values(db)).toEqual(['host=b v=3 3'])
  await db.close()
})
