// The texts of lines are kept from one batch to the next: what they name has to be what the line names
// now, in its own database, whatever was dropped and came again meanwhile.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { openIngest, writeLines } from '../ingest/ingest.ts'

async function open(): Promise<Database> {
  const disk = new SimulatedDisk(1)
  const host = await simulatedHost(disk.open(), 1)
  return openDatabase(host, { memoryBytes: 64 << 20, cacheBytes: 1 << 20 })
}

async function write(db: Database, lines: string, database = 'default'): Promise<void> {
  const batch = db.batch({ database })
  batch.lineProtocol(new TextEncoder().encode(lines))
  await batch.commit()
}

/** Values by tag `h`. */
async function read(db: Database, database = 'default'): Promise<Record<string, number[]>> {
  const { series } = await db.query({ table: 't' }, { database })
  return Object.fromEntries(
    series.map(({ tags, fields }) => [
      tags.get('h') ?? '',
      [...(fields[0]!.values as Float64Array)],
    ]),
  )
}

test('a text names a series of each database that it is written to', async () => {
  const db = await open()
  for (let round = 1; round <= 3; round++) {
    await write(db, `t,h=a v=${round} ${round}`)
    await write(db, `t,h=a v=${10 * round} ${round}`, 'other')
  }
  expect(await read(db)).toEqual({ a: [1, 2, 3] })
  expect(await read(db, 'other')).toEqual({ a: [10, 20, 30] })
})

test('a table that was dropped and came again has new series for the same texts', async () => {
  const db = await open()
  const lines = (round: number): string =>
    ['a', 'b', 'c'].map((host) => `t,h=${host} v=${round} ${round}`).join('\n')
  await write(db, lines(1))
  await write(db, lines(2))
  await db.dropTable('t')
  await write(db, lines(3))
  await write(db, lines(4))
  expect(await read(db)).toEqual({ a: [3, 4], b: [3, 4], c: [3, 4] })
  await db.dropDatabase('default').catch(() => {})
  await write(db, lines(5), 'other')
  await db.dropDatabase('other')
  await write(db, lines(6), 'other')
  expect(await read(db, 'other')).toEqual({ a: [6], b: [6], c: [6] })
})

test('a series that was swept is a new one when its text comes again', async () => {
  const db = await open()
  await write(db, 't,h=a v=1 1\nt,h=b v=1 1')
  await write(db, 't,h=a v=2 2\nt,h=b v=2 2')
  await db.deleteRows('t', { where: "h = 'a'" })
  await db.flush()
  await db.compact()
  expect((await db.series('t')).series.length).toBe(1)
  await write(db, 't,h=a v=3 3\nt,h=b v=3 3')
  await write(db, 't,h=a v=4 4\nt,h=b v=4 4')
  expect(await read(db)).toEqual({ a: [3, 4], b: [1, 2, 3, 4] })
})

test('a batch that knew a text when its table was dropped is refused, the next one is not', async () => {
  const db = await open()
  await write(db, 't,h=a v=1 1')
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode('t,h=a v=2 2\n'))
  await db.dropTable('t')
  batch.lineProtocol(new TextEncoder().encode('t,h=a v=3 3\n'))
  await expect(batch.commit()).rejects.toMatchObject({ code: 'conflict' })
  await write(db, 't,h=a v=4 4')
  expect(await read(db)).toEqual({ a: [4] })
})

test('more texts than there is room for are found all the same, also those that come later', async () => {
  // Texts get a 64th of it: 1,000 of them, or so.
  const ingest = await openIngest(16 << 20)
  const line = (host: number, time: number): string =>
    `t,h=${'x'.repeat(100)}${host} v=${host} ${time}`
  for (let round = 0; round < 12; round++) {
    // Other series in each third of the rounds.
    const first = 3_000 * Math.floor(round / 4)
    for (let from = 0; from < 3_000; from += 500) {
      ingest.committed.length = 0
      const hosts = Array.from({ length: 500 }, (_, i) => first + from + ((i * 7) % 500))
      await writeLines(ingest, hosts.map((host) => line(host, round)).join('\n'))
      const wrong = ingest.committed.filter(({ tags, fields, time }, i) => {
        const isHost = tags['h'] === `${'x'.repeat(100)}${hosts[i]}` && fields['v'] === hosts[i]
        return !isHost || time !== BigInt(round)
      })
      expect([ingest.committed.length, wrong]).toEqual([500, []])
    }
  }
  expect(ingest.catalog.series.count).toBe(9_000)
})

test('two batches at once that bring the same series write to one', async () => {
  const ingest = await openIngest()
  const [a, b] = [ingest.batch(), ingest.batch()]
  const text = (time: number): Uint8Array =>
    new TextEncoder().encode(`t,h=a v=1 ${time}\nt,h=b v=1 ${time}\n`)
  a.lineProtocol(text(1))
  b.lineProtocol(text(2))
  await a.commit()
  b.lineProtocol(text(3))
  const c = ingest.batch()
  c.lineProtocol(text(4))
  b.lineProtocol(text(5))
  await c.commit()
  await b.commit()
  expect(ingest.catalog.series.count).toBe(2)
  const times = ingest.committed.filter(({ tags }) => tags['h'] === 'a').map(({ time }) => time)
  expect(times.sort((a, b) => (a < b ? -1 : 1))).toEqual([1n, 2n, 3n, 4n, 5n])
})
