// Every kind of file of a data directory, damaged in every region: verify finds it, repair brings the
// directory back with nothing lost but what was damaged, and says so; a start refuses, or goes on with
// a report when that was asked for.

import { describe, expect, test } from 'vitest'
import { type Repair, repairDirectory } from '../../../engine/backup/repair.ts'
import { describeVerification, verifyDirectory } from '../../../engine/backup/verify.ts'
import { type Database, openDatabase } from '../../../engine/database.ts'
import type { OmenError } from '../../../engine/error.ts'
import { loadManifest } from '../../../engine/log/manifest.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { randomOf } from '../../random.ts'
import { type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { SMALL, noise, open, write } from './archives.ts'

const DAY = 86_400_000_000_000

/** Two segments with five parts of three tables, a catalog, and rows in the log. */
async function makeDisk(seed = 1): Promise<SimulatedDisk> {
  const { db, disk } = await open(seed)
  await write(db, `${noise(0, 1500)}\nt v=5 ${DAY}\nu,h=a s="text" 1\nu,h=b s="more" 2`)
  await db.flush()
  await write(db, `t v=6 ${2 * DAY}\nx v=1 1`)
  await db.flush()
  await write(db, 't v=7 7000')
  await write(db, 'u,h=c s="late" 3\nnew v=1 1')
  await write(db, 'new v=2 2')
  disk.kill()
  return disk
}

async function hostOf(disk: SimulatedDisk): Promise<SimulatedHost> {
  return simulatedHost(disk.open(), disk.seed)
}

/** Runs on the disk as a command does, and gives it back. */
async function using<T>(disk: SimulatedDisk, run: (host: SimulatedHost) => Promise<T>): Promise<T> {
  const host = await hostOf(disk)
  return run(host).finally(() => host.storage.close())
}

/** Each value by table, series and time. */
async function pointsOf(db: Database): Promise<Map<string, unknown>> {
  const points = new Map<string, unknown>()
  for (const { name } of await db.tables()) {
    const { series } = await db.query({ table: name })
    for (const { tags, time, fields } of series) {
      const { values } = fields[0]!
      time.forEach((at, i) => points.set(`${name} ${[...tags]} ${at}`, values[i]))
    }
  }
  return points
}

async function openedPoints(disk: SimulatedDisk, acceptDataLoss = false) {
  const host = await hostOf(disk)
  const db = await openDatabase(host, { ...SMALL, acceptDataLoss })
  const points = await pointsOf(db)
  await db.close()
  return points
}

function bytesOf(storage: ShardStorage, name: string): Uint8Array {
  const bytes = new Uint8Array(storage.size(name))
  storage.read(name, 0, bytes)
  return bytes
}

const imageOf = (storage: ShardStorage): string =>
  storage
    .list()
    .map((name) => `${name} ${bytesOf(storage, name)}`)
    .join('\n')

const original = makeDisk().then((disk) => openedPoints(disk))

test('a directory without damage has none, and needs no repair', async () => {
  const disk = await makeDisk()
  await using(disk, async (host) => {
    const before = imageOf(host.storage)
    const found = await verifyDirectory(host)
    expect(describeVerification(found)).toEqual([])
    expect(found.checkedFiles).toBe(host.storage.list().length)
    expect(await repairDirectory(host)).toMatchObject({ actions: [], refusals: [], report: null })
    expect(imageOf(host.storage)).toBe(before)
  })
})

test('an empty directory is well', async () => {
  await using(new SimulatedDisk(1), async (host) => {
    expect(await verifyDirectory(host)).toMatchObject({ damages: [], manifest: null })
    expect(await repairDirectory(host)).toMatchObject({ actions: [], refusals: [] })
  })
})

/** Flips one bit, verifies, repairs and opens; what of the points is there afterwards. */
async function flipAndRepair(name: string, offset: number, mask: number) {
  const disk = await makeDisk()
  disk.damage(name, offset, mask)
  const { damages, repair } = await using(disk, async (host) => {
    const before = imageOf(host.storage)
    const found = await verifyDirectory(host)
    await repairDirectory(host, { isDryRun: true })
    expect(imageOf(host.storage)).toBe(before)
    return { damages: found.damages, repair: await repairDirectory(host) }
  })
  if (repair.refusals.length > 0) return { damages, repair, points: null }
  const clean = await using(disk, (host) => verifyDirectory(host))
  expect(clean.damages).toEqual([])
  return { damages, repair, points: await openedPoints(disk) }
}

async function expectSubset(points: Map<string, unknown>, repair: Repair): Promise<number> {
  const all = await original
  for (const [key, value] of points) expect(value, key).toBe(all.get(key))
  const missing = all.size - points.size
  if (missing > 0) expect(repair.report, 'a loss has a report').toBe('loss-1')
  return missing
}

/** Some offsets of each region of a file, and its edges. */
function offsetsOf(size: number, count: number, seed: number): number[] {
  const random = randomOf(seed)
  const spread = Array.from({ length: count }, () => random.int(size))
  return [...new Set([0, 9, 14, 20, 29, 31, 33, size - 1, size - 30, ...spread])]
}

describe('one flipped bit', () => {
  const files = makeDisk().then((disk) =>
    using(disk, async ({ storage }) =>
      storage.list().map((name) => [name, storage.size(name)] as const),
    ),
  )

  test.each(['manifest', 'copy', 'catalog'])(
    'in a %s is found',
    async (kind) => {
      const [name, size] = (await files).find(([file]) =>
        kind === 'copy' ? file.endsWith('.copy') : file.startsWith(kind) && !file.endsWith('.copy'),
      )!
      for (const offset of offsetsOf(size, 12, 1)) {
        const { damages, repair, points } = await flipAndRepair(name, offset, 1 << (offset % 8))
        expect(
          damages.map(({ file }) => file),
          `${name} at ${offset}`,
        ).toEqual([name])
        if (kind === 'catalog') {
          expect(repair.refusals).toEqual([expect.stringMatching(/restore a backup$/)])
          expect(repair.actions).toEqual([])
        } else {
          expect(repair.refusals).toEqual([])
          expect(points).toEqual(await original)
        }
      }
    },
    60_000,
  )

  test('in a segment is found with table and times, and costs its part alone', async () => {
    const segments = (await files).filter(([name]) => name.startsWith('segment'))
    let costs = 0
    for (const [name, size] of segments) {
      for (const offset of offsetsOf(size, 25, size)) {
        const { damages, repair, points } = await flipAndRepair(name, offset, 1 << (offset % 8))
        expect(damages.length, `${name} at ${offset}`).toBeGreaterThan(0)
        for (const damage of damages) {
          expect(damage.file).toBe(name)
          if (offset < 32) continue
          expect(damage.table).toMatch(/^default\.[tux]$/)
          expect(damage.minTime).not.toBeNull()
        }
        const missing = await expectSubset(points!, repair)
        expect(missing).toBeLessThanOrEqual(1500)
        const named = repair.loss.parts.reduce((sum, part) => sum + part.rows, 0)
        expect(named, `${name} at ${offset}`).toBeGreaterThanOrEqual(missing)
        if (offset < 32) expect(missing).toBe(0)
        costs += missing
      }
    }
    expect(costs).toBeGreaterThan(0)
  }, 120_000)

  test('in a log is found, or was in nothing that was acknowledged', async () => {
    const [name, size] = (await files).find(([file]) => file.startsWith('wal'))!
    let lost = 0
    for (const offset of offsetsOf(size, 30, 7)) {
      const { damages, repair, points } = await flipAndRepair(name, offset, 1 << (offset % 8))
      const missing = await expectSubset(points!, repair)
      if (missing > 0)
        expect(
          damages.map(({ file }) => file),
          `at ${offset}`,
        ).toContain(name)
      if (damages.length === 0) expect(offset).toBeGreaterThan(size - 200)
      lost += missing
    }
    expect(lost).toBeGreaterThan(0)
  }, 60_000)
})

describe('what a start refuses', () => {
  const refused = async (disk: SimulatedDisk): Promise<OmenError> => {
    const host = await hostOf(disk)
    const error = await openDatabase(host, SMALL).then(
      () => null,
      (thrown: OmenError) => thrown,
    )
    await host.storage.close()
    if (error === null) throw new Error('it opened')
    expect(error.code).toBe('corrupt')
    return error
  }
  const named = (disk: SimulatedDisk, kind: string) =>
    using(disk, async ({ storage }) => storage.list().filter((name) => name.startsWith(kind)))

  test('goes on with a report if data loss is accepted: a missing segment', async () => {
    const disk = await makeDisk()
    const [name] = await named(disk, 'segment')
    await using(disk, async ({ storage }) => storage.remove(name!))
    expect((await refused(disk)).message).toContain(name)
    const points = await openedPoints(disk, true)
    const all = await original
    expect(points.size).toBe(all.size - 1503)
    await using(disk, async ({ storage }) => {
      const report = JSON.parse(new TextDecoder().decode(bytesOf(storage, 'loss-1.json'))) as {
        parts: { table: string; rows: number; series: number | null; minTime: string }[]
      }
      const sum = report.parts.reduce((total, { rows: count }) => total + count, 0)
      expect([report.parts.length, sum]).toEqual([3, 1503])
      expect(report.parts[0]).toMatchObject({
        ...{ table: 'default.t', rows: 1500, series: null },
        minTime: '1970-01-01T00:00:00Z',
      })
      const text = new TextDecoder().decode(bytesOf(storage, 'loss-1.txt'))
      expect(text).toContain('lost: default.u: 2 rows')
    })
    // It is no loss twice.
    expect((await openedPoints(disk, true)).size).toBe(points.size)
    expect(await named(disk, 'loss')).toEqual(['loss-1.json', 'loss-1.txt'])
  })

  test('goes on with a report: a short segment keeps the parts that are whole', async () => {
    const disk = await makeDisk()
    const [name] = await named(disk, 'segment')
    await using(disk, async ({ storage }) => storage.truncate(name!, storage.size(name!) - 10))
    expect((await refused(disk)).message).toContain(name)
    const points = await openedPoints(disk, true)
    const missing = (await original).size - points.size
    expect(missing).toBeGreaterThan(0)
    expect(missing).toBeLessThan(1500)
    expect(disk.quarantined.has(name!)).toBe(true)
  })

  test('goes on with a report: the log lost acknowledged records in its middle', async () => {
    const disk = await makeDisk()
    const [name] = await named(disk, 'wal')
    disk.damage(name!, 32 + 40)
    expect((await refused(disk)).message).toMatch(/acknowledged records \d+ to \d+ are lost/)
    const points = await openedPoints(disk, true)
    const all = await original
    expect([...all.keys()].filter((key) => !points.has(key))).toEqual(['t  7000'])
    expect(await named(disk, 'loss')).toHaveLength(2)
    await openedPoints(disk)
  })

  test('records that need what a lost one defined go with it', async () => {
    const disk = await makeDisk()
    const [name] = await named(disk, 'wal')
    const { storage } = await hostOf(disk)
    // The second record defines the table and series of the third.
    const text = new TextDecoder('latin1').decode(bytesOf(storage, name!))
    await storage.close()
    disk.damage(name!, text.indexOf('late'))
    const points = await openedPoints(disk, true)
    const all = await original
    const gone = [...all.keys()].filter((key) => !points.has(key)).sort()
    expect(gone).toEqual(['new  1', 'new  2', 'u h,c 3'])
    await using(disk, async ({ storage: found }) => {
      const report = new TextDecoder().decode(bytesOf(found, 'loss-1.txt'))
      // Among what is lost, not only under what was done.
      expect(report.split('What was done:')[0]).toContain(
        'lost: of 1 intact record behind those, what needs a table, a column',
      )
    })
    const { db } = await open(1, disk)
    await write(db, 'new v="other type" 1\nu,h=c s="again" 3')
    expect((await pointsOf(db)).get('new  1')).toBe('other type')
    await db.close()
    expect((await openedPoints(disk)).get('u h,c 3')).toBe('again')
  })

  test('goes on with a report: a log that is gone', async () => {
    const disk = await makeDisk()
    const [name] = await named(disk, 'wal')
    await using(disk, async ({ storage }) => storage.remove(name!))
    expect((await refused(disk)).message).toContain(name)
    expect((await openedPoints(disk, true)).size).toBe((await original).size - 4)
  })

  test('stays refused without a manifest or with a damaged catalog, whatever is accepted', async () => {
    for (const kind of ['manifest', 'catalog']) {
      const disk = await makeDisk()
      for (const name of await named(disk, kind)) disk.damage(name, 40)
      const message = (await refused(disk)).message
      expect(message).toContain(kind)
      await expect(openedPoints(disk, true)).rejects.toMatchObject({ code: 'corrupt' })
      const host = await simulatedHost((disk.kill(), disk.open()))
      const repair = await repairDirectory(host)
      expect(repair.refusals).toHaveLength(1)
      expect(await verifyDirectory(host)).toMatchObject({
        damages: [expect.objectContaining({ message: expect.stringContaining(kind) })],
      })
    }
  })
})

test('a delete that is intact in a damaged log still hides what it hid', async () => {
  const { db, disk } = await open(1)
  await write(db, noise(0, 100))
  await db.flush()
  await write(db, 'lost v=1 1')
  await write(db, 't v=1 200\nt v=2 201')
  await db.deleteRows('t', { precision: 'ns', start: 90n, end: 201n })
  await write(db, 't v=3 95')
  disk.kill()
  const name = await using(disk, async ({ storage }) => {
    const file = storage
      .list()
      .find((found) => found.startsWith('wal') && storage.size(found) > 100)!
    const text = new TextDecoder('latin1').decode(bytesOf(storage, file))
    disk.damage(file, text.indexOf('lost'))
    return file
  })
  const repair = await using(disk, (host) => repairDirectory(host))
  expect(repair.loss.records).toEqual([expect.objectContaining({ file: name })])
  const points = await openedPoints(disk)
  const times = [...points.keys()].map((key) => Number(key.split(' ').at(-1)))
  expect(times).toEqual([...Array.from({ length: 90 }, (_, i) => i), 95, 201])
  expect(points.get('t  95')).toBe(3)
})

test('an old manifest in place of the newest is not repaired, and nothing newer is swept', async () => {
  const { db, disk } = await open(1)
  await write(db, 't v=1 1')
  await db.flush()
  const before = disk.contents()
  await write(db, 't v=2 2')
  await db.flush()
  await write(db, 't v=3 3')
  disk.kill()
  const isManifest = (name: string): boolean => name.startsWith('manifest')
  const newest = [...disk.contents()].filter(([name]) => !isManifest(name))
  const oldest = [...before].filter(([name]) => isManifest(name))
  disk.load(new Map([...newest, ...oldest]))
  const files = disk.contents()
  const refused =
    /^wal-\d+: holds records, but manifest-\d+ does not name it: a newer manifest is lost/
  const { refusals, actions } = await using(disk, (host) => repairDirectory(host))
  expect(refusals).toEqual([expect.stringMatching(refused)])
  expect(actions).toEqual([])
  await expect(openedPoints(disk, true)).rejects.toMatchObject({ code: 'corrupt' })
  expect(disk.contents()).toEqual(files)
})

test('a log of which nothing can be read is reported, though nobody knows what it held', async () => {
  const { db, disk } = await open(1)
  await write(db, 't v=1 1')
  await db.flush()
  await write(db, 't v=2 2')
  disk.kill()
  const logs = [...disk.contents().keys()].filter((name) => name.startsWith('wal')).sort()
  const files = disk.contents()
  disk.load(files.set(logs.at(-1)!, new Uint8Array(448).fill(7)))
  expect((await openedPoints(disk, true)).size).toBe(1)
  const text = new TextDecoder().decode(disk.contents().get('loss-1.txt'))
  expect(text).toMatch(/^lost: perhaps records from \d+ on of the log \(wal-\d+ at 0\)/m)
})

test('files of others are named and never touched', async () => {
  const disk = await makeDisk()
  await using(disk, async (host) => {
    host.storage.create('notes.txt')
    host.storage.create('segment-99')
    const { unknown, notes, damages } = await verifyDirectory(host)
    expect([unknown, damages]).toEqual([['notes.txt'], []])
    expect(notes).toEqual([expect.stringContaining('segment-99: is left from')])
    await repairDirectory(host)
    expect(host.storage.has('notes.txt')).toBe(true)
  })
})

test('a repair that is stopped in any call is repaired again', async () => {
  for (let call = 1, fired = true; fired; call += 3) {
    const disk = await makeDisk(call)
    await using(disk, async ({ storage }) => {
      const { manifest } = loadManifest(storage)
      disk.damage(`segment-${manifest!.files[0]!.number}`, 500)
      disk.damage(`wal-${manifest!.logs[0]!.number}`, 72)
    })
    const host = await hostOf(disk)
    disk.crashAt(disk.calls + call)
    await repairDirectory(host).catch(() => {})
    fired = disk.hasFired
    disk.crash()
    const repair = await using(disk, (again) => repairDirectory(again))
    expect(repair.refusals, disk.describe()).toEqual([])
    const { damages } = await using(disk, (again) => verifyDirectory(again))
    expect(damages, disk.describe()).toEqual([])
    const points = await openedPoints(disk)
    const all = await original
    for (const [key, value] of points) expect(value, key).toBe(all.get(key))
    expect(points.size, disk.describe()).toBeLessThan(all.size)
  }
}, 60_000)
