// What maintenance does while tables come and go: a merge is chosen and written in steps, and in each
// pause of it others drop what it is about.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../engine/database.ts'
import { CLOCK_START, SMALL_OPTIONS, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const DAY = 86_400_000_000_000n
/** Each day is a partition, and each flush makes a part of each. */
const DAYS = 700
const FLUSHES = 3
/** More parts than a step of choosing looks at, so that it pauses. */
const STEP_PARTS = 2_048

async function write(db: Database, lines: readonly string[]): Promise<void> {
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

/** `count` points that lie `step` apart, the last one now. */
function points(count: number, step: bigint, value: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    return `many v=${value} ${CLOCK_START - BigInt(i) * step}`
  })
}

/** The files of a database with very many parts in one table, and one row in another. */
async function manyParts(): Promise<ReadonlyMap<string, Uint8Array>> {
  const disk = new SimulatedDisk(1)
  const db = await openDatabase(await simulatedHost(disk.open()), SMALL_OPTIONS)
  // Many points of a day: its partitions will be days.
  await write(db, [`other v=1 ${CLOCK_START}`, ...points(1_000, DAY / 1_000n, 0)])
  for (let i = 0; i < FLUSHES; i++) {
    await db.flush()
    await write(db, points(DAYS, DAY, i))
  }
  await db.close()
  return disk.contents()
}

/** Merges all parts; in the given pause of that a table is dropped. False if there was none such. */
async function dropInPause(
  files: ReadonlyMap<string, Uint8Array>,
  pause: number,
): Promise<boolean> {
  const disk = new SimulatedDisk(1)
  disk.load(files)
  const host = await simulatedHost(disk.open())
  const db = await openDatabase(host, SMALL_OPTIONS)
  let left = Infinity
  host.pause = async () => {
    if (--left === 0) await db.dropTable('many')
  }
  left = pause
  await db.compact()
  const hasDropped = left <= 0
  left = Infinity
  const where = `dropped in pause ${pause}`
  expect(db.health(), where).toEqual({ status: 'pass', message: 'ready' })
  expect(
    (await db.tables()).map(({ name }) => name),
    where,
  ).toEqual(hasDropped ? ['other'] : ['many', 'other'])
  expect((await db.query({ table: 'other' })).rowCount, where).toBe(1)
  await db.close()
  // Nothing of what was dropped, or half merged, stays.
  const segments = [...disk.contents().keys()].filter((name) => name.startsWith('segment'))
  if (hasDropped) expect(segments, where).toHaveLength(1)
  return hasDropped
}

test(
  'a table may be dropped in any pause of a merge that is chosen among very many parts',
  { timeout: 120_000 },
  async () => {
    expect(DAYS * FLUSHES).toBeGreaterThan(STEP_PARTS)
    const files = await manyParts()
    // Each of the first ones, in which it is chosen, and some in which it is written.
    let pause = 1
    while (await dropInPause(files, pause)) pause += Math.ceil(pause / 2)
    expect(pause).toBeGreaterThan(100)
  },
)
