// Golden data directories: what a release wrote, kept in the repository, so that every later one is
// held to opening it with the same answers. `node scripts/run.js test/golden/directories.ts` writes
// those that are missing: what is there has parts of version 0 or 1, and is never written again.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../engine/database.ts'
import type { Vector } from '../../engine/query/query.ts'
import { MemoryDisk, openMemoryStorage } from '../../engine/storage/memory.ts'
import { seededRandom } from '../kernel.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'

/** What a directory answers: all rows of all tables, and their descriptions, as JSON takes them. */
export type Answers = Record<string, unknown>

interface Scenario {
  readonly name: string
  write(db: Database): Promise<void>
  /** Whether the machine stops instead of closing, so that the log holds what is not flushed. */
  readonly isKilled: boolean
}

const SMALL = { memtableRowBytes: 1 << 20, memtableArenaBytes: 1 << 18, cacheBytes: 1 << 20 }
const ANSWERS = 'answers.json'
const HOUR = 3_600_000_000_000n
const START = 1_795_219_200_000_000_000n

async function write(db: Database, lines: readonly string[], database = 'default'): Promise<void> {
  const batch = db.batch({ database })
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
}

/** Every field type, extremes, nulls, strings, an absent tag; some points twice. */
function everyType(seed: number, rows: number): string[] {
  const random = seededRandom(seed)
  const lines = [
    `extremes f=-0,g=5e-324,i=-9223372036854775808i,u=18446744073709551615u,s="" ${START}`,
    `extremes f=1.7976931348623157e308,i=9223372036854775807i,u=0u,b=false ${START + 1n}`,
    `extremes s="\u00e4\u20ac\u{1f600}\\"\\\\",b=true -9223372036854775806`,
    'extremes f=1 9223372036854775806',
  ]
  for (let row = 0; row < rows; row++) {
    const host = Math.floor(random() * 4)
    const tags = host === 3 ? '' : `,host=h${host},rack=r\\ ${host % 2}`
    const time = START + BigInt(Math.floor(random() * rows)) * 7_000_000_001n
    const fields = [`x=${Math.round(random() * 1e4) / 100}`, `n=${Math.floor(random() * 1e6)}i`]
    if (random() < 0.3) fields.push(`note="${'ab'.repeat(Math.floor(random() * 9))}"`)
    if (random() < 0.1) fields.push(`free=${random()}`)
    lines.push(`sensors${tags} ${fields.join(',')} ${time}`)
  }
  return lines
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'log',
    isKilled: true,
    write: async (db) => {
      await write(db, everyType(1, 300))
      await write(db, ['other,a=b v=1 1', 'other,a=c v=2 2'], 'second')
    },
  },
  {
    name: 'segments',
    isKilled: false,
    write: async (db) => {
      for (let seed = 1; seed <= 3; seed++) {
        await write(db, everyType(seed, 600))
        await db.flush()
      }
      await write(db, everyType(4, 200))
    },
  },
  {
    name: 'merged',
    isKilled: true,
    write: async (db) => {
      for (let seed = 5; seed <= 8; seed++) {
        await write(db, everyType(seed, 400))
        await db.flush()
      }
      await db.compact()
      await write(db, everyType(9, 100))
    },
  },
  {
    name: 'lifecycle',
    isKilled: true,
    write: async (db) => {
      await write(db, everyType(10, 900), 'second')
      await write(db, everyType(11, 900))
      await db.putTable('sensors', {
        retention: '100y',
        rollups: [{ name: 'hourly', every: '1h', select: { mean: 'mean(x)', most: 'max(n)' } }],
      })
      await db.flush()
      await db.refresh()
      await db.deleteRows('sensors', { where: "host = 'h1' AND x > 50" })
      await db.deleteRows('sensors', { start: START + HOUR, end: START + 2n * HOUR, precision: 'ns' })
      await db.dropColumn('sensors', 'free')
      await db.flush()
      await write(db, everyType(12, 50))
      await db.deleteRows('sensors', { where: 'host IS NULL AND n > 900000' })
      await db.flush()
      await db.refresh()
      await write(db, ['gone v=1 1', 'thinned v=1 1\nthinned v=2 2'])
      await db.dropTable('gone')
      await db.dropDatabase('second')
      await db.deleteRows('thinned', { end: 2, precision: 'ns' })
    },
  },
  {
    name: 'sums',
    isKilled: false,
    write: async (db) => {
      await write(db, walks(700))
      await db.flush()
    },
  },
  {
    name: 'sparse',
    isKilled: false,
    write: async (db) => {
      await write(db, sparse(1500))
      await db.flush()
    },
  },
]

/** Walks, counters and times that come as they like: what blocks of sums are for. */
function walks(rows: number): string[] {
  const random = seededRandom(21)
  const lines: string[] = []
  for (const device of ['a', 'b', 'c']) {
    let time = START
    let level = 500
    let count = 0
    for (let row = 0; row < rows; row++) {
      time += 1_000_000n * BigInt(1 + Math.floor(-Math.log(1 - random()) * 10_000))
      level += Math.round((random() - 0.5) * 6)
      count += Math.floor(-Math.log(1 - random()) * 300)
      const odd = random() < 0.01 ? ['-0', '5e-324'][row % 2]! : String(level / 100)
      const fields = [`level=${odd}`, `count=${count}i`, `balance=${level - 400}i`]
      if (row % 5 > 0) fields.push(`some=${level / 10}`)
      lines.push(`walks,device=${device} ${fields.join(',')} ${time}`)
    }
  }
  return lines
}

/** Columns that few rows have, and strings that hardly repeat. */
function sparse(rows: number): string[] {
  const random = seededRandom(22)
  return Array.from({ length: rows }, (_, row) => {
    const fields = [`id="${Math.floor(random() * 2 ** 40).toString(16)}"`]
    if (random() < 0.4) fields.push(`some=${Math.floor(random() * 1e4) / 100}`)
    if (random() < 0.02) fields.push(`few=${Math.floor(random() * 1e9)}i`, `odd=${random() - 0.5}`)
    if (random() < 0.3) fields.push(`note="${'n'.repeat(Math.floor(random() * 30))}${row}"`)
    if (random() < 0.3) fields.push(`kind="${['on', 'off', ''][row % 3]}"`)
    return `sparse ${fields.join(',')} ${START + BigInt(row) * 1_000_000n}`
  })
}

/** Everything that a database shows. */
export async function answersOf(db: Database): Promise<Answers> {
  const answers: Answers = {}
  for (const database of db.databases()) {
    for (const { name } of await db.tables(database)) {
      // Its size is the encoder's choice, not what was stored.
      // Of the older ones none has a declaration.
      const described = await db.table(name, { database })
      const table = { ...described, declaration: undefined, diskBytes: null }
      const { series } = await db.query({ table: name }, { database })
      const shown = series.map(({ tags, time, fields }) => {
        return { tags, time, fields: fields.map(cellsOf) }
      })
      answers[`${database}/${name}`] = { table, series: shown }
    }
  }
  return JSON.parse(JSON.stringify(answers, plain)) as Answers
}

/** The cells of a column; the slot of a null holds anything. */
function cellsOf({ values, valid }: Vector): unknown[] {
  const cells: Iterable<unknown> = values
  return Array.from(cells, (value, row) => (valid === null || valid[row] === 1 ? value : null))
}

/** Times and integers as decimal strings; JSON has no -0 either. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (Object.is(value, -0)) return '-0'
  if (value instanceof BigInt64Array) return Array.from(value, String)
  return value
}

/** Names of the directories that the repository holds. */
export function goldenNames(): string[] {
  const entries = readdirSync(import.meta.dirname, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** A copy of a directory in memory, open, and what it has to answer. */
export async function openGolden(name: string): Promise<{ db: Database; answers: Answers }> {
  const disk = new MemoryDisk()
  const directory = join(import.meta.dirname, name)
  for (const file of readdirSync(directory)) {
    if (file === ANSWERS) continue
    const bytes = new Uint8Array(readFileSync(join(directory, file)))
    disk.files.set(file, { bytes, size: bytes.length })
  }
  const answers = JSON.parse(readFileSync(join(directory, ANSWERS), 'utf8')) as Answers
  return { db: (await openDisk(disk, 1)).db, answers }
}

async function openDisk(
  disk: MemoryDisk,
  seed: number,
): Promise<{ db: Database; host: SimulatedHost }> {
  const host = await simulatedHost(openMemoryStorage(disk), seed)
  return { db: await openDatabase(host, SMALL), host }
}

/** Writes the directories that are missing. */
export async function main(): Promise<void> {
  for (const [index, { name, isKilled, write: fill }] of SCENARIOS.entries()) {
    const directory = join(import.meta.dirname, name)
    if (existsSync(directory)) continue
    const disk = new MemoryDisk()
    const { db } = await openDisk(disk, index + 1)
    await fill(db)
    const answers = await answersOf(db)
    if (!isKilled) await db.close()
    mkdirSync(directory)
    for (const [file, { bytes, size }] of disk.files) {
      writeFileSync(join(directory, file), bytes.subarray(0, size))
    }
    writeFileSync(join(directory, ANSWERS), `${JSON.stringify(answers)}\n`)
    if (isKilled) await db.close()
  }
}
