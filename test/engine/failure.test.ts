// What a database does when something under it fails: it says so, keeps what it acknowledged, answers
// reads, and goes on by itself when the trouble is over.

import { expect, test } from 'vitest'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Shard } from '../../engine/shard.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const SMALL: OpenOptions = {
  memoryBytes: 64 << 20,
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 13,
  logBytes: 1 << 15,
  cacheBytes: 1 << 20,
}

interface Opened {
  readonly db: Database
  readonly disk: SimulatedDisk
  readonly host: SimulatedHost
}

async function open(disk = new SimulatedDisk(1), options: OpenOptions = {}): Promise<Opened> {
  const host = await simulatedHost(disk.open(), disk.seed)
  return { db: await openDatabase(host, { ...SMALL, ...options }), disk, host }
}

async function write(db: Database, lines: string, ack: 'fsync' | 'memory' = 'fsync') {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines))
  return batch.commit(ack)
}

/** Values of `v` by time, of table `t`. */
async function read(db: Database, table = 't'): Promise<number[]> {
  const answer = await db.query({ table })
  return answer.series.flatMap(({ fields }) => [...(fields[0]!.values as Float64Array)])
}

/** Lets what a timer began come to its end. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
}

async function fire(host: SimulatedHost): Promise<void> {
  host.fireTimers()
  await rest()
}

const rows = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `t v=${from + i} ${from + i}`).join('\n')

test('a failed sync of the log costs nothing: what waited goes to a new log', async () => {
  const { db, disk } = await open()
  await write(db, 't v=1 1')
  disk.failMatching(/^sync wal/, 'EIO')
  const writes = [write(db, 't v=2 2'), write(db, 't v=3 3'), write(db, 'n w=4 4', 'memory')]
  expect((await Promise.all(writes)).map(({ written }) => written)).toEqual([1, 1, 1])
  expect(disk.hasFired).toBe(true)
  expect(db.health().status).toBe('pass')
  disk.crash()
  const { db: again } = await open(disk)
  expect(await read(again)).toEqual([1, 2, 3])
  expect((await again.table('n')).points).toBe(1)
})

test('what was acknowledged in memory survives a failed sync', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1', 'memory')
  await write(db, 'new,h=a v=2 2', 'memory')
  // Their memory is somebody else's by now.
  const staged = db.batch()
  staged.lineProtocol(new TextEncoder().encode(rows(7_000, 200)))
  disk.failMatching(/^sync wal/, 'EIO')
  await fire(host)
  expect(disk.hasFired).toBe(true)
  await write(db, 'new,h=a v=3 3')
  disk.crash()
  const { db: again } = await open(disk)
  expect(await read(again)).toEqual([1])
  expect(await read(again, 'new')).toEqual([2, 3])
})

test('while no log can be written writes are refused, reads go on, and it heals by itself', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1')
  disk.failMatching(/^sync wal/, 'EIO', 0, 4)
  await expect(write(db, 'fresh,h=a v=2 2')).rejects.toMatchObject({ code: 'unavailable' })
  await expect(write(db, 't v=3 3')).rejects.toMatchObject({ code: 'unavailable' })
  expect(db.health().status).toBe('warn')
  expect(db.health().message).toMatch(/^reads only: wal-\d+: sync failed, input\/output error/)
  expect(db.metrics().isReadOnly).toBe(true)
  expect(await read(db)).toEqual([1])
  await fire(host)
  await fire(host)
  expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
  // Its names were given out before the refusal; they have to be logged with what uses them.
  await write(db, 'fresh,h=a v=4 4')
  disk.crash()
  const { db: again } = await open(disk)
  expect(await read(again)).toEqual([1])
  expect(await read(again, 'fresh')).toEqual([4])
})

test('a log whose write failed is left by itself, also when no other write comes', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1')
  // Nor can the half-written record be cut off.
  disk.failMatching(/^(append|truncate).* wal/, 'ENOSPC', 0, 2)
  await expect(write(db, 't v=2 2')).rejects.toMatchObject({ code: 'storage_full' })
  expect(db.health().status).toBe('warn')
  await fire(host)
  expect(db.health().status).toBe('pass')
  expect(await read(db)).toEqual([1])
})

test('a log whose mark failed is left by itself, also when no other write comes', async () => {
  const { db, disk, host } = await open()
  disk.failMatching(/^append\(32\) wal/, 'EIO')
  // No rows, so there is no flush that would leave it.
  await db.createDatabase('other')
  expect(disk.hasFired).toBe(true)
  expect(db.health().message).toMatch(/^reads only: wal-\d+: write failed/)
  await fire(host)
  expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
  disk.crash()
  expect((await open(disk)).db.databases()).toEqual(['default', 'other'])
})

test('a rollup that could not be refreshed is no warning once it is dropped', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1')
  await db.putTable('t', { rollups: [{ name: 'r', every: '1h', select: { v: 'max(v)' } }] })
  await db.refresh()
  await write(db, 't v=2 2')
  await db.flush()
  await db.refresh()
  await db.deleteRows('t', { end: '1970-01-02T00:00:00Z' })
  disk.capacity = disk.usedBytes
  await expect(db.refresh()).rejects.toMatchObject({ code: 'storage_full' })
  expect(db.health().status).toBe('warn')
  disk.capacity = Infinity
  await db.putTable('t', { rollups: [] })
  // Merges that met the full disk, too, are tried again.
  for (let i = 0; i < 3; i++) await fire(host)
  expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
})

test('a full disk is a warning until there is space again, also without another write', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1')
  disk.capacity = disk.usedBytes
  await expect(write(db, 't v=2 2')).rejects.toMatchObject({ code: 'storage_full' })
  expect(db.health()).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/^reads only: /),
  })
  await fire(host)
  expect(db.health().status).toBe('warn')
  disk.capacity = Infinity
  await fire(host)
  expect(db.health().status).toBe('pass')
  await write(db, 't v=3 3')
  disk.crash()
  expect(await read((await open(disk)).db)).toEqual([1, 3])
})

test('a database whose first write met a full disk keeps what it takes later', async () => {
  const { db, disk, host } = await open()
  disk.capacity = disk.usedBytes
  await expect(write(db, 't v=1 1')).rejects.toMatchObject({ code: 'storage_full' })
  disk.capacity = Infinity
  await fire(host)
  expect(db.health().status).toBe('pass')
  await write(db, 't v=2 2')
  disk.kill()
  expect(await read((await open(disk)).db)).toEqual([2])
})

test('a write that was refused half-way to another log does not come back', async () => {
  const disk = new SimulatedDisk(1)
  const storage = disk.open()
  const db = await openDatabase(await simulatedHost(storage), SMALL)
  // The first write is synced alone, the others wait together.
  disk.failMatching(/^sync wal/, 'EIO', 1)
  const append = storage.append.bind(storage)
  let records = 0
  storage.append = (name, parts) => {
    // The second of the records that are written once more.
    const isRecord = disk.hasFired && name.startsWith('wal') && parts.length > 1
    if (isRecord && ++records === 2) throw new OmenError('storage_full', 'no space')
    append(name, parts)
  }
  const writes = [0, 1, 2, 3].map((v) => write(db, `t v=${v} ${v}`))
  const refusals = await Promise.all(writes.map((done) => done.catch((error: unknown) => error)))
  const full = { code: 'storage_full' }
  expect(refusals).toMatchObject([{ written: 1 }, full, full, full])
  await write(db, 't v=4 4')
  disk.crash()
  expect(await read((await open(disk)).db)).toEqual([0, 4])
})

test('refused writes give memory and memtable room back', async () => {
  const { db, disk, host } = await open()
  await write(db, rows(0, 10))
  await db.flush()
  const refuse = async (): Promise<void> => {
    disk.failMatching(/^sync wal/, 'EIO', 0, 2)
    await expect(write(db, rows(0, 700))).rejects.toMatchObject({ code: 'unavailable' })
    await fire(host)
    disk.failMatching(/^append.* wal/, 'ENOSPC')
    await expect(write(db, rows(0, 700))).rejects.toMatchObject({ code: 'storage_full' })
    await expect(write(db, 't v="text" 1')).rejects.toMatchObject({ code: 'type_conflict' })
  }
  await refuse()
  const { memoryBytes } = db.metrics()
  for (let i = 0; i < 5; i++) await refuse()
  expect(db.metrics().memoryBytes).toBe(memoryBytes)
  expect((await write(db, rows(0, 700))).written).toBe(700)
  expect(db.metrics().segments).toBe(1)
})

test('a failed sync of the catalog file moves it to a new one', async () => {
  const { db, disk } = await open()
  await write(db, 'a,h=x v=1 1')
  await db.flush()
  await write(db, 'b,h=y v=2 2')
  disk.failMatching(/^sync catalog/, 'EIO')
  await expect(db.flush()).rejects.toMatchObject({ code: 'unavailable' })
  expect(db.health().status).toBe('warn')
  await db.flush()
  expect(db.health().status).toBe('pass')
  await write(db, 'b,h=z v=3 3')
  disk.crash()
  const { db: again, host } = await open(disk)
  expect(await read(again, 'a')).toEqual([1])
  expect(await read(again, 'b')).toEqual([2, 3])
  expect(host.storage.list().filter((name) => name.startsWith('catalog'))).toHaveLength(1)
})

test('entries that are saved twice over a failing manifest do not bring a dropped table back', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1 1')
  await db.dropTable('t')
  await write(db, 't,h=a v="second" 1')
  disk.failMatching(/^sync manifest/, 'EIO', 2)
  await expect(db.flush()).rejects.toMatchObject({ code: 'unavailable' })
  expect(disk.hasFired).toBe(true)
  // Names the catalog anew, while the records that brought its entries are still to be replayed.
  disk.failMatching(/^sync wal/, 'EIO')
  await write(db, 't,h=b v="third" 2')
  disk.crash()
  const { db: again } = await open(disk)
  const answer = await again.query({ table: 't' })
  expect(answer.series.map(({ fields }) => fields[0]!.values)).toEqual([['second'], ['third']])
})

test('while nobody knows which manifest counts, no log takes a record', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { db, disk, host } = await open(new SimulatedDisk(seed))
    await write(db, 't v=1 1')
    // The new log's manifest fails, and so does taking it back.
    disk.failMatching(/^(sync|remove) manifest/, 'EIO', 1, 2)
    await expect(db.flush()).rejects.toMatchObject({ code: 'unavailable' })
    expect(host.storage.list().filter((name) => name.startsWith('wal'))).toHaveLength(2)
    await write(db, 't v=2 2')
    disk.crash()
    expect(await read((await open(disk)).db)).toEqual([1, 2])
  }
})

test('failing flushes keep the rows and leave no files, and the disk may fill and empty again', async () => {
  const { db, disk, host } = await open()
  const noise = Array.from({ length: 300 }, (_, i) => `t v=${Math.sin(i)} ${i}`).join('\n')
  await write(db, noise)
  disk.capacity = disk.usedBytes + 1_500
  for (let i = 0; i < 3; i++) {
    await expect(db.flush()).rejects.toMatchObject({ code: 'storage_full' })
  }
  expect(host.storage.list().filter((name) => name.includes('segment'))).toEqual([])
  expect(await read(db)).toHaveLength(300)
  await expect(write(db, rows(300, 600))).rejects.toMatchObject({ code: 'storage_full' })
  disk.capacity = Infinity
  await fire(host)
  expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
  expect(db.metrics().segments).toBe(1)
  expect((await write(db, rows(300, 600))).written).toBe(600)
  disk.crash()
  expect(await read((await open(disk)).db)).toHaveLength(900)
})

test('a start on a full disk reads, refuses writes, and takes them when there is room', async () => {
  const first = await open()
  await write(first.db, rows(0, 20))
  const { disk } = first
  disk.crash()
  disk.capacity = disk.usedBytes
  const { db, host } = await open(disk)
  expect(await read(db)).toHaveLength(20)
  await expect(write(db, rows(20, 1))).rejects.toMatchObject({ code: 'storage_full' })
  expect(db.health().status).toBe('warn')
  disk.capacity = Infinity
  await fire(host)
  expect(db.health().status).toBe('pass')
  await write(db, rows(20, 1))
  disk.crash()
  expect(await read((await open(disk)).db)).toHaveLength(21)
})

test('a drop that is logged stands, though its manifest fails', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1')
  await db.flush()
  disk.failMatching(/^sync manifest/, 'EIO')
  await db.dropTable('t')
  await expect(read(db)).rejects.toMatchObject({ code: 'not_found' })
  await fire(host)
  expect(host.storage.list().filter((name) => name.startsWith('segment'))).toEqual([])
  await write(db, 't v="other type" 1')
  disk.crash()
  const { db: again } = await open(disk)
  expect((await again.table('t')).fields).toEqual({ v: 'string' })
})

test('a drop whose record cannot be synced has not happened', async () => {
  const { db, disk, host } = await open()
  await write(db, 't v=1 1')
  disk.failMatching(/^sync wal/, 'EIO', 0, 2)
  await expect(db.dropTable('t')).rejects.toMatchObject({ code: 'unavailable' })
  await fire(host)
  await write(db, 't v=2 2')
  disk.crash()
  expect(await read((await open(disk)).db)).toEqual([1, 2])
})

test('a batch that no memtable can hold is refused without a flush', async () => {
  const { db } = await open()
  await write(db, 't v=1 1')
  await expect(write(db, rows(0, 2_000))).rejects.toMatchObject({ code: 'too_large' })
  expect(db.metrics().segments).toBe(0)
  expect(await read(db)).toEqual([1])
})

test('a batch that is discarded or committed again while it is being stored is stored whole', async () => {
  const { db, disk } = await open()
  const before = write(db, 't v=0 0')
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(rows(1, 500)))
  const stored = batch.commit()
  batch.discard()
  await expect(batch.commit()).rejects.toThrow(/committed twice/)
  const other = db.batch()
  other.lineProtocol(new TextEncoder().encode(rows(9_000, 500)))
  other.discard()
  await Promise.all([before, stored])
  disk.crash()
  expect(await read((await open(disk)).db)).toEqual(Array.from({ length: 501 }, (_, i) => i))
})

test('an export that is left alone loses its rows rather than stopping all writers', async () => {
  const { db, host } = await open()
  await write(db, rows(0, 700))
  const { chunks } = await db.export({ table: 't' })
  const reader = chunks[Symbol.asyncIterator]()
  expect((await reader.next()).value.time).toHaveLength(700)
  await db.flush()
  await write(db, rows(700, 700))
  // One memtable is full, the other is flushed and read: the next write waits.
  const blocked = write(db, rows(1_400, 700)).catch((error: unknown) => error)
  await rest()
  await fire(host)
  expect(await blocked).toMatchObject({ code: 'busy', details: { retryAfter: 1 } })
  await write(db, rows(1_400, 700))
  await expect(reader.next()).rejects.toMatchObject({ code: 'cancelled' })
  expect(await read(db)).toHaveLength(2_100)
})

test('writes that wait when it closes are stored, later ones refused, and no timer acts after it', async () => {
  const { db, disk, host } = await open()
  const waiting = [write(db, 't v=1 1'), write(db, 't v=2 2', 'memory'), write(db, 't v=3 3')]
  const closed = [db.close(), db.close()]
  await expect(write(db, 't v=4 4')).rejects.toMatchObject({ code: 'unavailable' })
  await Promise.all([...waiting, ...closed])
  const { calls } = disk
  await fire(host)
  expect(disk.calls).toBe(calls)
  expect(await read((await open(disk)).db)).toEqual([1, 2, 3])
})

test('the series limit counts what lives in the database, and a refused write changes nothing', async () => {
  const { db } = await open(new SimulatedDisk(1), { seriesMax: 3 })
  await write(db, 't,h=a v=1 1\nt,h=b v=1 1\nu,h=a v=1 1')
  const refused = write(db, 't,h=a v=2 2\nt,h=c v=1 1\nw v=1 1')
  await expect(refused).rejects.toMatchObject({
    code: 'limit_exceeded',
    message: "database 'default' would have more than 3 series",
  })
  expect((await db.tables()).map(({ name }) => name)).toEqual(['t', 'u'])
  // Both know the series by the time of the second one's turn.
  const known = db.batch()
  known.lineProtocol(new TextEncoder().encode('t,h=b v=3 3\nt,h=a v=3 3'))
  expect((await known.commit()).written).toBe(2)
  const other = db.batch({ database: 'other' })
  other.lineProtocol(new TextEncoder().encode('t,h=z v=1 1'))
  await other.commit()
  await db.dropTable('u')
  const [first, second] = [db.batch(), db.batch()]
  for (const batch of [first, second]) {
    batch.lineProtocol(new TextEncoder().encode('t,h=c v=9 9'))
  }
  await Promise.all([first.commit(), second.commit()])
  await expect(write(db, 't,h=d v=1 1')).rejects.toMatchObject({ code: 'limit_exceeded' })
})

test('a trap of the kernel ends it alone: the database starts again from what is stored', async () => {
  const { db, disk } = await open()
  await write(db, rows(0, 20))
  await db.flush()
  await write(db, rows(20, 5))
  const staged = db.batch()
  staged.lineProtocol(new TextEncoder().encode('t v=1 1'))
  const shard = Reflect.get(db, 'current') as Shard
  const { kernel } = shard.instance
  const trap = shard.run(
    // oxlint-disable-next-line require-yield
    (function* () {
      return kernel.crc32c(0x7fff_0000, 64, 0)
    })(),
  )
  await expect(trap).rejects.toMatchObject({ code: 'internal', message: /^kernel: / })
  expect(db.health()).toMatchObject({ status: 'fail' })
  await expect(staged.commit()).rejects.toMatchObject({ code: 'internal' })
  await expect(read(db)).rejects.toMatchObject({ code: 'unavailable', details: { retryAfter: 1 } })
  await (Reflect.get(db, 'restarting') as Promise<void>)
  expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
  expect(await read(db)).toHaveLength(25)
  await write(db, rows(25, 5))
  await db.close()
  expect(await read((await open(disk)).db)).toHaveLength(30)
})
