// The order of storage calls that the promises of docs/durability.md rest on, seen on the simulated
// disk: what is synced before what, how often, and what is never touched again.

import { describe, expect, test } from 'vitest'
import { SimulatedDisk } from '../simulated-storage.ts'
import { openDatabase } from '../../engine/database.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SMALL, open, write } from './lifecycle/fixture.ts'

/** Asserts that the calls contain these in this order, and returns nothing more than that. */
function expectOrder(calls: readonly string[], wanted: readonly RegExp[]): void {
  let at = 0
  for (const pattern of wanted) {
    const found = calls.findIndex((call, i) => i >= at && pattern.test(call))
    expect(found, `${pattern} after call ${at} of ${calls.join(', ')}`).toBeGreaterThanOrEqual(at)
    at = found + 1
  }
}

const MANIFEST = [
  /^append.* manifest-\d+$/,
  /^sync manifest-\d+$/,
  /^append.* manifest-\d+\.copy$/,
  /^sync manifest-\d+\.copy$/,
  /^sync directory$/,
]

test('a new log is synced, its name is synced and a manifest names it before it takes a record', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1 1')
  expectOrder(disk.trace, [
    ...[/^create wal-2$/, /^append\(32\) wal-2$/, /^sync wal-2$/, /^sync directory$/],
    ...MANIFEST,
    ...[/^append\((?!32\)).* wal-2$/, /^sync wal-2$/],
  ])
  // The header alone is there before the manifest.
  const named = disk.trace.indexOf('sync manifest-1')
  expect(disk.trace.slice(0, named).filter((call) => /^append.* wal-2$/.test(call))).toHaveLength(1)
})

test('a flush syncs segment, name, catalog and manifest, and removes the old log last', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1 1')
  disk.trace.length = 0
  await db.flush()
  expectOrder(disk.trace, [
    ...[/^create segment-\d+\.tmp$/, /^sync segment-\d+\.tmp$/, /^rename to segment-\d+ /],
    ...[/^sync directory$/, /^append.* catalog-1$/, /^sync catalog-1$/],
    ...MANIFEST,
    /^remove wal-2$/,
  ])
})

test('a log whose sync failed gets no other call but its removal', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1 1')
  disk.failMatching(/^sync wal-2$/, 'EIO')
  disk.trace.length = 0
  await write(db, 't,h=a v=2 2')
  await write(db, 't,h=a v=3 3')
  await db.flush()
  const calls = disk.trace.filter((call) => call.endsWith('wal-2'))
  expect(calls.filter((call) => call.startsWith('sync'))).toEqual(['sync wal-2'])
  const after = calls.slice(calls.indexOf('sync wal-2') + 1)
  expect(after.filter((call) => !/^(remove|list|has|size)/.test(call))).toEqual([])
})

/** A database whose log syncs end when the test says so. */
async function openGated() {
  const disk = new SimulatedDisk(1)
  const storage = disk.open()
  const db = await openDatabase(await simulatedHost(storage), SMALL)
  const gates: (() => void)[] = []
  const sync = storage.sync.bind(storage)
  let count = 0
  storage.sync = async (name) => {
    if (!name.startsWith('wal')) return sync(name)
    count++
    await new Promise<void>((resolve) => gates.push(resolve))
    return sync(name)
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0))
  return {
    ...{ db, disk, settle },
    syncs: () => count,
    /** Ends the sync that runs. */
    async pass(): Promise<void> {
      expect(gates).toHaveLength(1)
      gates.shift()!()
      await settle()
    },
  }
}

describe('group commit', () => {
  test('one sync serves all that came while the one before ran, however many', async () => {
    const { db, pass, settle, syncs } = await openGated()
    const first = write(db, 't,h=a v=0 0')
    await settle()
    const others = Array.from({ length: 200 }, (_, i) => write(db, `t,h=a v=1 ${i + 1}`))
    await settle()
    expect(syncs()).toBe(1)
    await pass()
    await first
    expect(syncs()).toBe(2)
    await pass()
    expect((await Promise.all(others)).map(({ written }) => written)).toEqual(others.map(() => 1))
    expect(syncs()).toBe(2)
  })

  test('a writer waits for the rest of one sync and for the next, whoever comes after it', async () => {
    const { db, pass, settle, syncs } = await openGated()
    const answered: { at: number; syncs: number }[] = []
    for (let i = 0; i < 20; i++) {
      const began = syncs()
      const place = answered.push({ at: began, syncs: Infinity }) - 1
      // More come in all the time, before and behind it.
      void write(db, `t,h=a v=1 ${i}`).then(() => (answered[place]!.syncs = syncs() - began))
      await settle()
      void write(db, `u,h=${i} v=1 ${i}`)
      await settle()
      await pass()
    }
    await pass()
    // Begun while one ran: that one ended, the next ended; a third may have begun in the same turn.
    for (const { at, syncs: waited } of answered) {
      expect(waited, `begun after ${at} syncs`).toBeLessThanOrEqual(2)
    }
  })
})

test('a start that is refused keeps one copy of the damaged log, byte for byte, however often', async () => {
  const { db, disk } = await open()
  for (let i = 0; i < 5; i++) await write(db, `t,h=a v=${i} ${i}`)
  disk.kill()
  const [name] = [...disk.contents().keys()].filter((file) => file.startsWith('wal'))
  disk.damage(name!, 32 + 20)
  const damaged = disk.contents().get(name!)!
  for (let attempt = 0; attempt < 3; attempt++) {
    const refused = open(disk)
    await expect(refused).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringMatching(/^wal-\d+: record at 32 .*lost/),
    })
    disk.kill()
    expect(disk.contents().get(name!)).toEqual(damaged)
  }
  expect(disk.quarantined.size).toBe(1)
  const [[copy, bytes]] = disk.quarantined as unknown as [[string, Uint8Array]]
  expect(copy).toContain(name)
  expect(bytes).toEqual(damaged)
  // Other damage is another copy.
  disk.damage(name!, 32 + 21)
  await expect(open(disk)).rejects.toMatchObject({ code: 'corrupt' })
  expect(disk.quarantined.size).toBe(2)
})

test('a write that comes while a log is left after a failed sync does not take the place of another', async () => {
  for (let turns = 0; turns < 80; turns++) {
    const { db, disk } = await open()
    await write(db, 't,h=a v=1 1')
    disk.failMatching(/^sync wal/, 'EIO')
    const first = write(db, 't,h=a v=2 2')
    for (let i = 0; i < turns; i++) await Promise.resolve()
    const second = write(db, 't,h=a v=3 3')
    await expect(Promise.all([first, second]), `after ${turns} turns`).resolves.toHaveLength(2)
    expect(disk.isQuiet).toBe(true)
    disk.kill()
    const { db: again } = await open(disk)
    expect((await again.query({ table: 't' })).rowCount).toBe(3)
    await again.close()
  }
})
