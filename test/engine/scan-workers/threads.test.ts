// Scan workers as real threads over a real directory: the same answers as without, also when files go
// while they are read, and nothing is left of them once the database is closed.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { openWith } from '../../../engine/node.ts'
import type { ThreadOptions } from '../../../engine/scan-workers/node-threads.ts'

const HOSTS = 40
const ROWS = 6_000

let directory: string
let threads: ThreadOptions

/** The entry of the threads, as a build makes it. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'omendb-workers-'))
  const outDir = join(directory, 'built')
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ...{ ssr: 'engine/scan-worker.ts', outDir, minify: false },
      rollupOptions: { output: { entryFileNames: 'scan-worker.mjs' } },
    },
  })
  threads = { entry: pathToFileURL(join(outDir, 'scan-worker.mjs')), valuesMin: 100_000 }
}, 60_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function write(db: Database, from: number): Promise<void> {
  for (let host = 0; host < HOSTS; host++) {
    const batch = db.batch({ precision: 's' })
    const lines = Array.from({ length: ROWS }, (_, i) => {
      const at = from + i * 10
      return `cpu,host=h${host},region=r${host % 3} a=${(i * 7 + host) % 100},b=${i % 13}i,c="x${i % 5}" ${at}`
    })
    batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
    await batch.commit('memory')
  }
  await db.flush()
}

const QUESTIONS = [
  { select: ['mean(a)', 'sum(b)', 'max(c)', 'first(c)', 'stddev(a)'], by: ['region'] },
  { select: ['max(a)', 'last(b)', 'count(*)'], by: ['host'], every: '30m', limit: 100_000 },
  { select: ['mean(a)'], where: 'a > 50 AND b < 7', every: '1h' },
]

async function answers(db: Database): Promise<unknown[]> {
  const found: unknown[] = []
  for (const question of QUESTIONS) {
    const { columns, series } = await db.query({ table: 'cpu', ...question })
    const rounded = (value: unknown): unknown =>
      typeof value === 'number' ? Number(value.toPrecision(12)) : value
    const rows = series.map(({ tags, time, fields }) => {
      return [[...tags], [...time], fields.map(({ values }) => [...values].map(rounded))]
    })
    found.push([columns, rows])
  }
  return found
}

test('answers are the same with two threads, beside writes and merges, and after a restart', async () => {
  const data = join(directory, 'data')
  const alone = await openWith(data, {}, threads)
  await write(alone, 1_790_000_000)
  await write(alone, 1_790_060_000)
  const expected = await answers(alone)
  await alone.close()
  const db = await openWith(data, { scanWorkers: 2, memoryBytes: 256 << 20 }, threads)
  expect(await answers(db)).toEqual(expected)
  const [during] = await Promise.all([answers(db), answers(db), db.compact()])
  expect(during).toEqual(expected)
  expect(await answers(db)).toEqual(expected)
  expect(db.metrics().scanTasks).toBeGreaterThan(10)
  await db.close()
  const again = await openWith(data, {}, threads)
  expect(await answers(again)).toEqual(expected)
  await again.close()
}, 120_000)

test('threads that cannot start cost nothing but their help', async () => {
  const missing = pathToFileURL(join(directory, 'missing.mjs'))
  const db = await openWith(
    join(directory, 'data'),
    { scanWorkers: 1 },
    { entry: missing, valuesMin: 100_000 },
  )
  const [first] = await answers(db)
  expect(first).toBeDefined()
  await db.close()
})

test('more threads than there may be, or a memory too small to share, are refused', async () => {
  const data = join(directory, 'refused')
  const opened = (options: object): Promise<Database> => openWith(data, options, threads)
  await expect(opened({ scanWorkers: 5 })).rejects.toThrow(/scan workers: 5 .* between 0 and 4/)
  await expect(opened({ scanWorkers: 1.5 })).rejects.toMatchObject({ code: 'bad_request' })
  const small = opened({ scanWorkers: 1, memoryBytes: 64 << 20 })
  await expect(small).rejects.toThrow(/an eighth of 67108864 bytes/)
})
