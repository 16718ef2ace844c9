// Backups of a database in several shards: what they restore is what all shards answer together, on a
// database of one; and whatever is wrong with them, or stops the restore, leaves it empty.

import { afterAll, expect, it } from 'vitest'
import { TAR_BLOCK, decodeTarHeader } from '../../../engine/backup/tar.ts'
import type { Database } from '../../../engine/database.ts'
import type { Coordinator } from '../../../engine/shards/coordinator.ts'
import { seedsOf } from '../../random.ts'
import { CLOCK_START } from '../../simulated-host.ts'
import { chunked, collect, contentOf, join, open } from '../backup/archives.ts'
import { Deployment } from './deployment.ts'
import { write } from './insist.ts'

const SECOND = 1_000_000_000n
const DAY = 86_400

/** Points of some series that begin at a second behind the clock's start, of every type. */
function lines(from: number, count = 12): string {
  return Array.from({ length: count }, (_, i) => {
    const time = CLOCK_START + BigInt(from + i) * SECOND
    const fields = [`v=${i / 8}`, `n=${from + i}i`, `u=${i}u`, `ok=${i % 2 === 0}`, `s="é${i}"`]
    return `m,h=h${i % 7},r=${i % 2} ${fields.filter((_one, k) => (i + k) % 5 > 0).join(',')} ${time}`
  }).join('\n')
}

interface Archives {
  readonly whole: Uint8Array
  readonly parts: readonly Uint8Array[]
  /** What all shards answer. */
  readonly content: string
  readonly description: object
}

/** The archives of a stream: each ends with two blocks of zeros. */
function partsOf(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  let from = 0
  for (let at = 0; at < bytes.length;) {
    const entry = decodeTarHeader(bytes.slice(at, at + TAR_BLOCK))
    if (entry === null) {
      at += 2 * TAR_BLOCK
      parts.push(bytes.subarray(from, at))
      from = at
    } else at += TAR_BLOCK + Math.ceil(entry.size / TAR_BLOCK) * TAR_BLOCK
  }
  return parts
}

async function settingsOf(db: Pick<Coordinator, 'table'>): Promise<object> {
  const { tags, fields, retention, declaration, rollups, points, series } = await db.table('m')
  return { tags, fields, retention, declaration, rollups, points, series }
}

async function makeArchives(): Promise<Archives> {
  const deployment = await Deployment.start(3)
  const one = await deployment.coordinator()
  await one.putTable('m', { retention: '900d', declaration: 'declared', tags: ['h', 'r'] })
  await one.putTable('empty', { fields: { f: 'float' } })
  await write(one, lines(-5000))
  await deployment.catalog.split('default', deployment.shards()[0]!)
  await write(one, lines(2 * DAY))
  await write(one, 'later,h=x v=1 5')
  await one.flush()
  await write(one, lines(2 * DAY + 500))
  await deployment.catalog.split('default', deployment.shards().at(-1)!)
  await write(one, lines(4 * DAY))
  await one.deleteRows('m', { where: "h = 'h3'" })
  const whole = await collect(await one.backup())
  const content = await contentOf(one as unknown as Database)
  const description = await settingsOf(one)
  await deployment.close()
  return { whole, parts: partsOf(whole), content, description }
}

const made = makeArchives()
afterAll(() => made)

it('they are restored into one database, with everything that was set', async () => {
  const { whole, parts, content, description } = await made
  expect(parts.length).toBe(5)
  for (const size of [100, 1_000, 1 << 20]) {
    const { db, disk } = await open(4)
    const summary = await db.restore(chunked(whole, size))
    expect(summary).toMatchObject({ databases: 1, tables: 3 })
    expect(await contentOf(db)).toBe(content)
    expect(await settingsOf(db)).toEqual(description)
    disk.crash()
    const { db: again, host } = await open(4, disk)
    expect(await contentOf(again)).toBe(content)
    expect(host.storage.list().filter((name) => /^(merged|part)-/.test(name))).toEqual([])
    await write(again, lines(10 * DAY))
    await again.close()
  }
})

it('what is no whole backup is refused, and leaves an empty database', async () => {
  const { parts } = await made
  const [first, second, ...others] = parts as [Uint8Array, Uint8Array, ...Uint8Array[]]
  const damaged = join(parts)
  damaged[join([first, second]).length - 3 * TAR_BLOCK]! ^= 1
  for (const archives of [
    [first],
    [second],
    [first, second],
    [second, first, ...others],
    [first, first, ...others],
    [first, second.subarray(0, second.length - 600)],
    [damaged],
    [...parts.slice(0, -1), parts.at(-1)!.subarray(0, 2_000)],
  ]) {
    const { db, host } = await open(5)
    const refused = db.restore(chunked(join(archives)))
    await expect(refused).rejects.toMatchObject({ code: 'bad_request' })
    expect(await contentOf(db)).toBe('')
    expect(host.storage.list().filter((name) => /^(merged|part)-/.test(name))).toEqual([])
    await write(db, lines(0))
    await db.close()
  }
})

it('a machine that stops in any call of a restore has an empty server or a restored one', async () => {
  const { whole, content } = await made
  const calls: number[] = []
  const restore = async (seed: number): Promise<void> => {
    const { db, disk } = await open(seed)
    const before = disk.calls
    const at = calls.length === 0 ? Infinity : Math.floor((seed * 7919) % calls[0]!)
    if (at !== Infinity) disk.crashAt(before + at)
    await db.restore(chunked(whole)).catch(() => {})
    if (calls.length === 0) calls.push(disk.calls - before)
    disk.crash()
    const { db: again, host } = await open(seed, disk)
    const found = await contentOf(again)
    expect([seed, found === '' || found === content]).toEqual([seed, true])
    expect(host.storage.list().filter((name) => /^(merged|part)-/.test(name))).toEqual([])
    if (found === '') {
      await again.restore(chunked(whole))
      expect(await contentOf(again)).toBe(content)
    }
    await again.close()
  }
  for (const seed of [0, ...seedsOf(25)]) await restore(seed + 10)
}, 120_000)

it('a host with one database takes an archive of one, whatever its name', async () => {
  const { whole, content } = await made
  const renamed = content.replaceAll('["default",', '["other",')
  const { db, host } = await open(6)
  expect(await db.restore(chunked(whole), { database: 'other' })).toMatchObject({ tables: 3 })
  expect(await contentOf(db)).toBe(renamed)
  expect((await db.table('m', { database: 'other' })).declaration).toBe('declared')
  const single = await collect(await db.backup())
  for (const [name, expected] of [
    ['other', renamed],
    ['default', content],
    ['third', content.replaceAll('["default",', '["third",')],
  ] as const) {
    const { db: again, host: there } = await open(7)
    await again.restore(chunked(single), { database: name })
    expect(await contentOf(again)).toBe(expected)
    expect(there.storage.list().filter((file) => /^[a-z]+-[a-z]/.test(file))).toEqual([])
    await again.close()
  }
  const two = db.batch({ database: 'second' })
  two.lineProtocol(new TextEncoder().encode('t v=1 1'))
  await two.commit()
  const both = await collect(await db.backup())
  const { db: refusing } = await open(8)
  const refused = refusing.restore(chunked(both), { database: 'other' })
  await expect(refused).rejects.toMatchObject({ code: 'conflict' })
  expect(await contentOf(refusing)).toBe('')
  expect(host.storage.list().length).toBeGreaterThan(0)
})

it('several shards take no restore and no increment, by name', async () => {
  const deployment = await Deployment.start(1)
  const one = await deployment.coordinator()
  await write(one, lines(-100))
  await deployment.catalog.split('default', deployment.shards()[0]!)
  await expect(one.backup({ since: 'x' })).rejects.toMatchObject({ code: 'unsupported' })
  await expect(one.restore(chunked(new Uint8Array(10)))).rejects.toMatchObject({ code: 'conflict' })
  // A split meanwhile ends it.
  const backup = await one.backup()
  await backup.next()
  await deployment.catalog.split('default', deployment.shards().at(-1)!)
  await expect(collect(backup)).rejects.toMatchObject({ code: 'unavailable' })
  await deployment.close()
})

it('numbers that only SQL and rollups store are restored, from every shard', async () => {
  const deployment = await Deployment.start(5)
  const one = await deployment.coordinator()
  const odd = async (second: number): Promise<void> => {
    const batch = one.batch()
    const values = Float64Array.of(NaN, Infinity, -Infinity, -0, 1.5)
    const times = BigInt64Array.from(values, (_, i) => CLOCK_START + BigInt(second + i) * SECOND)
    const field = { name: 'v', type: 0 as const, values, valid: null, declared: true }
    const fields = [{ ...field, isComputed: true }]
    for (const h of ['a', 'b', 'c'])
      batch.points({ table: 'm', tags: new Map([['h', h]]), times, fields })
    await batch.commit()
  }
  await odd(-100)
  await deployment.catalog.split('default', deployment.shards()[0]!)
  await odd(2 * DAY)
  const valuesOf = async (db: Pick<Database, 'query'>) =>
    (await db.query({ table: 'm' })).series.map(({ fields }) => [...fields[0]!.values])
  const expected = await valuesOf(one as unknown as Database)
  expect(expected.flat().filter(Number.isNaN)).toHaveLength(6)
  const archive = await collect(await one.backup())
  const { db } = await open(11)
  expect((await db.restore(chunked(archive))).points).toBe(30)
  expect(await valuesOf(db)).toEqual(expected)
  await db.close()
  await deployment.close()
})
