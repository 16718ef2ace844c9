// Late, out-of-order and duplicate points across many flushes: where they end up, and what they cost.

import { setImmediate as nextMacrotask } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../engine/database.ts'
import type { Shard } from '../../engine/shard.ts'
import { openMemoryStorage } from '../../engine/storage/memory.ts'
import { UNSYNCED_MAX } from '../../engine/publisher.ts'
import { seededRandom } from '../kernel.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const DAY = 86_400_000_000_000n
const OPTIONS = {
  memtableRowBytes: 1 << 20,
  memtableArenaBytes: 1 << 16,
  cacheBytes: 1 << 22,
  logBytes: 1 << 22,
  limits: { timeoutMs: 1e12 },
}

async function openLate(pause?: () => Promise<void>): Promise<{ db: Database; shard: Shard }> {
  const host = await simulatedHost(openMemoryStorage(), 1)
  if (pause !== undefined) host.pause = pause
  const db = await openDatabase(host, OPTIONS)
  const { current } = db as unknown as { current: Shard }
  return { db, shard: current }
}

async function write(db: Database, lines: readonly string[]): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

/** Flushes and waits until nothing is left to merge. */
async function settle(db: Database, shard: Shard): Promise<void> {
  await db.flush()
  const { maintenance } = shard as unknown as { maintenance: { idle(): Promise<void> } }
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0))
    await maintenance.idle()
  }
}

/** `count` points of series `s`, one each 10 s from `start`, with this value. */
const regular = (start: bigint, count: number, value: number): string[] =>
  Array.from({ length: count }, (_, i) => {
    return `m,s=a v=${value} ${start + BigInt(i) * 10_000_000_000n}`
  })

async function question(db: Database) {
  const answer = await db.query({ table: 'm', select: ['count(v)', 'sum(v)'] })
  return {
    values: answer.series[0]!.fields.map(({ values }) => Number(values[0])),
    stats: answer.stats,
  }
}

test('late data over a year of partitions is a few files, merged in a few jobs', async () => {
  const { db, shard } = await openLate()
  // Partitions are days: a first batch that is dense in one.
  await write(db, regular(0n, 1_000, 0))
  for (let round = 1; round <= 8; round++) {
    const days = Array.from({ length: 365 }, (_, day) => {
      return `m,s=a v=${round} ${BigInt(day) * DAY + BigInt(round)}`
    })
    await write(db, days)
    await settle(db, shard)
    expect(shard.parts.files().length).toBeLessThanOrEqual(4)
  }
  const parts = shard.parts.parts()
  expect(new Set(parts.map(({ partition }) => partition)).size).toBe(365)
  expect(parts.length).toBeLessThanOrEqual(365 * 4)
  expect(shard.counters.compactions).toBeLessThanOrEqual(8)
  const { values } = await question(db)
  expect(values).toEqual([1_000 + 8 * 365, 36 * 365])
  await db.close()
})

test('parts that queries read side by side again and again are merged for good, others are not', async () => {
  const { db, shard } = await openLate()
  // Two parts that share no time and overlap, and a third one behind them.
  const moved = (lines: readonly string[], by: bigint): string[] =>
    lines.map((line) => line.replace(/ \d+$/, (at) => ` ${BigInt(at) + by}`))
  await write(db, regular(0n, 2_000, 1))
  await settle(db, shard)
  await write(db, moved(regular(0n, 2_000, 2), 5_000_000_000n))
  await settle(db, shard)
  await write(db, regular(30_000_000_000_000n, 500, 3))
  await settle(db, shard)
  expect(shard.parts.parts().length).toBe(3)
  const ask = async (start: bigint, end: bigint, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const select = ['count(v)', 'sum(v)']
      const { series } = await db.query({ table: 'm', select, start, end, precision: 'ns' })
      expect(Number(series[0]!.fields[0]!.values[0])).toBeGreaterThan(0)
    }
    await settle(db, shard)
  }
  // Nothing overlaps the third.
  await ask(30_000_000_000_000n, 31_000_000_000_000n, 300)
  expect(shard.parts.parts().length).toBe(3)
  // Two thousand rows in each, 32 of them for each question.
  await ask(1_000_000_000_000n, 4_600_000_000_000n, 40)
  expect(shard.parts.parts().length).toBe(3)
  await ask(1_000_000_000_000n, 4_600_000_000_000n, 40)
  expect(shard.parts.parts().length).toBe(2)
  expect((await question(db)).values).toEqual([4_500, 2_000 + 4_000 + 1_500])
  await db.close()
})

test('parts that queries merge again and again are merged for good, and no bytes are written for others', async () => {
  const { db, shard } = await openLate()
  await write(db, regular(0n, 4_000, 1))
  await settle(db, shard)
  // Every tenth point once more, and one more beside it.
  await write(
    db,
    regular(0n, 400, 2).map((line) => line.replace(/ \d+$/, (at) => ` ${BigInt(at) * 10n}`)),
  )
  await settle(db, shard)
  const before = shard.counters.compactionWrittenBytes
  const first = await question(db)
  expect(first.values).toEqual([4_000, 3_600 + 800])
  for (let i = 0; i < 4; i++) expect((await question(db)).values).toEqual(first.values)
  await settle(db, shard)
  expect(shard.counters.compactionWrittenBytes).toBeGreaterThan(before)
  expect(shard.parts.parts().length).toBe(1)
  const written = shard.counters.compactionWrittenBytes
  const last = await question(db)
  expect(last.values).toEqual(first.values)
  expect(last.stats.blocksFromSummary).toBeGreaterThan(first.stats.blocksFromSummary)
  for (let i = 0; i < 20; i++) await question(db)
  await settle(db, shard)
  expect(shard.counters.compactionWrittenBytes).toBe(written)
  await db.close()
})

test('one late row costs its series one block of summaries, and other series nothing', async () => {
  const { db, shard } = await openLate()
  const series = (name: string, lines: string[]): string[] =>
    lines.map((line) => line.replace('s=a', `s=${name}`))
  const points = regular(0n, 8 * 1_024, 1)
  await write(db, points)
  await write(db, series('b', points))
  await settle(db, shard)
  const count = async (where: string) => {
    const { stats } = await db.query({ table: 'm', select: ['sum(v)'], where })
    return stats.blocksFromSummary / stats.blocks
  }
  expect([await count("s = 'a'"), await count("s = 'b'")]).toEqual([1, 1])
  await write(db, [`m,s=a v=5 ${4n * 1_024n * 10_000_000_000n + 5n}`])
  await settle(db, shard)
  expect(shard.parts.parts().length).toBe(2)
  expect(await count("s = 'b'")).toBe(1)
  expect(await count("s = 'a'")).toBeGreaterThan(0.7)
  await db.close()
})

/** Rows that do not compress: `count` of series `s`, the first at `start` seconds. */
function noise(series: string, start: number, count: number, random: () => number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const fields = Array.from({ length: 8 }, (_field, f) => `f${f}=${random()}`).join(',')
    return `big,s=${series} ${fields} ${start + i}000000000`
  })
}

test('a flush goes before the merge that is under way, and both end well', async () => {
  const { db, shard } = await openLate()
  const random = seededRandom(5)
  for (let turn = 0; turn < 3; turn++) {
    await write(db, noise('a', turn * 5_000, 5_000, random))
    await db.flush()
  }
  const order: string[] = []
  const compacting = db.compact().then(() => order.push('compacted'))
  await write(db, ['m,s=a v=1 1'])
  await db.flush()
  order.push('flushed')
  expect((await question(db)).values).toEqual([1, 1])
  await compacting
  expect(order).toEqual(['flushed', 'compacted'])
  expect(new Set(shard.parts.parts().map(({ rows }) => rows))).toEqual(new Set([15_000, 1]))
  await db.close()
})

test('eight flushes go before one merge, then writers wait for it', async () => {
  const { db, shard } = await openLate(nextMacrotask)
  const random = seededRandom(8)
  for (let turn = 0; turn < 12; turn++) {
    await write(db, noise('a', turn * 10_000, 10_000, random))
    await db.flush()
  }
  const compacting = db.compact()
  const flushes = new Map<number, number>()
  for (let turn = 0; turn < 24; turn++) {
    await write(db, [`m,s=a v=1 ${turn}`])
    await db.flush()
    const { compactions } = shard.counters
    flushes.set(compactions, (flushes.get(compactions) ?? 0) + 1)
  }
  await compacting
  // The merge of all noise takes longer than eight flushes; one more may come between two merges.
  const most = Math.max(...flushes.values())
  expect([8, 9]).toContain(most)
  expect((await question(db)).values).toEqual([24, 24])
  await db.close()
})

test('a write that fills a memtable while the one before is being emptied waits for it', async () => {
  const { db } = await openLate()
  const lines = Array.from({ length: 30_000 }, (_, i) => `m,s=${i} v=1 1`)
  for (const from of [0, 15_000]) {
    await write(db, lines.slice(from, from + 15_000))
    await db.flush()
    await write(db, [`m,s=a v=1 ${from}`])
    await db.flush()
  }
  expect((await question(db)).values).toEqual([30_002, 30_002])
  await db.close()
})

test('a flush that fails inside of a merge is tried again after it, and loses nothing', async () => {
  const disk = new SimulatedDisk(1)
  const host = await simulatedHost(disk.open(), 1)
  const db = await openDatabase(host, OPTIONS)
  const random = seededRandom(6)
  for (let turn = 0; turn < 3; turn++) {
    await write(db, noise('a', turn * 5_000, 5_000, random))
    await db.flush()
  }
  const compacting = db.compact()
  await write(db, ['m,s=a v=1 1'])
  disk.failMatching(/^sync segment-\d+\.tmp/, 'EIO')
  await expect(db.flush()).rejects.toMatchObject({ code: 'unavailable' })
  await compacting.catch(() => {})
  await db.flush()
  expect(db.health().status).toBe('pass')
  expect((await question(db)).values).toEqual([1, 1])
  disk.crash()
  const again = await openDatabase(await simulatedHost(disk.open(), 2), OPTIONS)
  expect((await question(again)).values).toEqual([1, 1])
  await again.close()
})

test('a large segment is synced in pieces, and a piece that fails leaves nothing of it', async () => {
  const disk = new SimulatedDisk(1)
  const host = await simulatedHost(disk.open(), 1)
  const db = await openDatabase(host, OPTIONS)
  const random = seededRandom(7)
  const turns = 9
  const rows = Math.ceil((1.1 * UNSYNCED_MAX) / turns / 8 / 6.5)
  for (let turn = 0; turn < turns; turn++) {
    await write(db, noise('a', turn * rows, rows, random))
    await db.flush()
  }
  // Its second sync: the first was of a piece.
  disk.failMatching(/^sync segment-\d+\.tmp/, 'EIO', 1)
  await expect(db.compact()).rejects.toMatchObject({ code: 'unavailable' })
  expect(disk.hasFired).toBe(true)
  expect([...disk.names.keys()].filter((name) => name.endsWith('.tmp'))).toEqual([])
  await db.compact()
  expect(db.health().status).toBe('pass')
  const answer = await db.query({ table: 'big', select: ['count(*)'] })
  expect(Number(answer.series[0]!.fields[0]!.values[0])).toBe(turns * rows)
  await db.close()
})
