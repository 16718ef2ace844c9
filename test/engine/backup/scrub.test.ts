// The scrub finds damage before a query does, health says where, and a query that touches it fails
// while all others go on.

import { expect, test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import { type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { SMALL, noise, write } from './archives.ts'

async function open(scrubBytesPerSecond = 1 << 30) {
  const disk = new SimulatedDisk(1)
  const host = await simulatedHost(disk.open())
  const options = { ...SMALL, scrubBytesPerSecond }
  const db = await openDatabase(host, options)
  await write(db, `${noise(0, 2000)}\nu v=1 1`)
  await db.flush()
  const [name] = host.storage.list().filter((file) => file.startsWith('segment'))
  return { db, disk, host, name: name! }
}

/** Fires timers and lets what they began run, `times` times. */
async function pass(host: SimulatedHost, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    host.fireTimers()
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

test('damage is found in the background, shown by health, and gone when it is gone', async () => {
  const { db, disk, host, name } = await open()
  await pass(host, 3)
  expect(db.health()).toEqual({ status: 'pass', message: 'ready' })
  disk.damage(name, 700)
  await pass(host, 4)
  const { status, message } = db.health()
  expect(status).toBe('warn')
  expect(message).toMatch(new RegExp(`^damaged: ${name}: .* at offset \\d+ fails its checksum`))
  expect(message).toMatch(/times 1970-01-01T\S+ to 1970-01-01T\S+\), table default\.t/)
  disk.damage(name, 700)
  await pass(host, 4)
  expect(db.health().status).toBe('pass')
  disk.damage(name, 700)
  await pass(host, 4)
  expect(db.health().status).toBe('warn')
  await db.dropTable('t')
  expect(db.health().status).toBe('warn')
  await db.dropTable('u')
  expect(db.health().status).toBe('pass')
  await db.close()
})

test('a read that fails once is no damage', async () => {
  const { db, disk, host, name } = await open()
  disk.failMatching(new RegExp(`^read ${name}`), 'EIO')
  await pass(host, 3)
  expect(disk.hasFired).toBe(true)
  expect(db.health().status).toBe('pass')
  await db.close()
})

test('it reads no more than it may in a second', async () => {
  const { db, disk, host, name } = await open(1000)
  let reads = 0
  const { trace } = disk
  const count = () => trace.filter((call) => call.startsWith(`read ${name}`)).length
  await pass(host, 1)
  reads = count()
  expect(reads).toBe(1)
  await pass(host, 1)
  expect(count()).toBe(1)
  await db.close()
})

test('it can be asked to look at everything at once', async () => {
  const { db, disk, name } = await open(0)
  expect(await db.scrub()).toEqual([])
  disk.damage(name, 700)
  const damages = await db.scrub()
  expect(damages).toEqual([expect.objectContaining({ file: name, table: 'default.t' })])
  expect(db.health().status).toBe('warn')
  await db.close()
})

test('a query that touches a damaged block fails and names it, others answer', async () => {
  const { db, disk, name } = await open()
  disk.damage(name, 700)
  await expect(db.query({ table: 't' })).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringMatching(
      new RegExp(`^${name}: .* at offset \\d+ fails its checksum \\(times`),
    ),
  })
  expect((await db.query({ table: 'u' })).rowCount).toBe(1)
  // Outside of the damaged block, whose times the message names.
  expect((await db.query({ table: 't', start: '1990-01-01T00:00:00Z' })).rowCount).toBe(0)
  const other = await db.query({ table: 't', precision: 'ns', start: 1024, end: 2000 })
  expect(other.rowCount).toBe(976)
  await write(db, 't v=1 5000')
  await db.close()
})
