// COPY FROM STDIN into one table of a float, and of tags and several fields, in the three formats: rows a
// second from the bytes of the data to what is durable, in process, by the clock and by processor time. The count and the sum of what was
// stored are checked. `node scripts/run.js bench/sql/copy.ts [--rows 2000000] [--rounds 5] [--only TEXT]`

import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Database, open } from '../../engine/node.ts'
import { sessionsOf } from '../../sql/database.ts'
import type { SqlSession } from '../../sql/session.ts'
import { provideGrammar } from '../../sql/syntax/grammar.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
  },
})
const ROWS = Number(values.rows)
const ROUNDS = Number(values.rounds)
const CHUNK_BYTES = 64 << 10
const START = Date.UTC(2026, 0, 1)
const HOSTS = 100

const path = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')
provideGrammar(async () => WebAssembly.compile(await readFile(path)))

interface Shape {
  readonly name: string
  readonly create: string
  /** Cells of a row as text. */
  readonly row: (index: number) => readonly string[]
}

const timeOf = (ms: number): string =>
  new Date(ms).toISOString().replace('T', ' ').replace('Z', '+00')

const SHAPES: readonly Shape[] = [
  {
    name: 'time, float of 3 digits',
    create: 'CREATE TABLE t (time timestamptz PRIMARY KEY, u float8)',
    row: (index) => [timeOf(START + index * 100), String(((index * 7919) % 100_000) / 1_000)],
  },
  {
    name: 'time, float of 17 digits',
    create: 'CREATE TABLE t (time timestamptz PRIMARY KEY, u float8)',
    row: (index) => [timeOf(START + index * 100), String(Math.sin(index))],
  },
  {
    name: '100 hosts in turn, 2 floats, 1 integer',
    create:
      'CREATE TABLE t (time timestamptz, host text, u float8, v float8, n int8, PRIMARY KEY (host, time))',
    row: (index) => [
      timeOf(START + Math.floor(index / HOSTS) * 10_000),
      `host-${index % HOSTS}`,
      String((index % 1_000) / 10),
      String(index / 8),
      String(index),
    ],
  },
]

const FORMATS = { text: '\t', csv: ',' } as const

/** The data as text or csv. */
function delimited({ row }: Shape, delimiter: string): Uint8Array[] {
  const lines: string[] = []
  for (let i = 0; i < ROWS; i++) lines.push(row(i).join(delimiter))
  return chunked(Buffer.from(`${lines.join('\n')}\n`))
}

function chunked(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    chunks.push(bytes.subarray(at, at + CHUNK_BYTES))
  }
  return chunks
}

/** The data in binary: int8 of microseconds since 2000, texts, float8, int8 by what the cells look like. */
function binary(shape: Shape): Uint8Array[] {
  const bytes = Buffer.alloc(64 + ROWS * 96)
  let at = Buffer.from('PGCOPY\n\u00ff\r\n\0\0\0\0\0\0\0\0\0', 'latin1').copy(bytes)
  const isFloat = (column: number): boolean => column >= 1 && shape.name.startsWith('time')
  for (let i = 0; i < ROWS; i++) {
    const cells = shape.row(i)
    at = bytes.writeInt16BE(cells.length, at)
    for (const [column, cell] of cells.entries()) {
      if (column === 1 && !isFloat(1)) {
        at = bytes.writeInt32BE(cell.length, at)
        at += bytes.write(cell, at)
        continue
      }
      at = bytes.writeInt32BE(8, at)
      if (column === 0) {
        at = bytes.writeBigInt64BE(BigInt(Date.parse(cell) - Date.UTC(2000, 0, 1)) * 1000n, at)
      } else if (column === 4) at = bytes.writeBigInt64BE(BigInt(cell), at)
      else at = bytes.writeDoubleBE(Number(cell), at)
    }
  }
  at = bytes.writeInt16BE(-1, at)
  return chunked(bytes.subarray(0, at))
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function run(session: SqlSession, text: string): Promise<string> {
  const running = await (await session.prepare(text)).run([])
  if (running.kind === 'done') return running.tag
  if (running.kind !== 'rows') throw new Error(running.kind)
  for await (const { columns } of running.batches)
    return columns.map((one) => String(one.values[0])).join()
  return ''
}

interface Measured {
  /** Rows a second. */
  readonly rate: number
  /** Rows a second of processor time of all threads. */
  readonly processorRate: number
}

async function measure(
  shape: Shape,
  format: string,
  chunks: readonly Uint8Array[],
): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'omendb-copy-'))
  const db: Database = await open(directory)
  try {
    const access = new Set(['read', 'write', 'admin'] as const)
    const session = await sessionsOf(db)({ database: 'default', user: 'bench', access })
    await run(session, shape.create)
    const running = await (await session.prepare(`COPY t FROM STDIN (FORMAT ${format})`)).run([])
    if (running.kind !== 'copyIn') throw new Error(running.kind)
    const before = process.cpuUsage()
    const start = performance.now()
    const tag = await running.copy(each(chunks))
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(before)
    if (tag !== `COPY ${ROWS}`) throw new Error(tag)
    const stored = await run(session, 'SELECT count(*) FROM t')
    if (stored !== String(ROWS)) throw new Error(`${stored} rows stored of ${ROWS}`)
    return { rate: ROWS / seconds, processorRate: (ROWS / (user + system)) * 1e6 }
  } finally {
    await db.close()
    await rm(directory, { recursive: true, force: true })
  }
}

const processor = /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
console.log(`${processor}, node ${process.version}, ${ROWS} rows, ${ROUNDS} rounds`)
const millions = (rate: number | undefined): string => (rate! / 1e6).toFixed(2)

for (const shape of SHAPES) {
  for (const format of ['text', 'csv', 'binary'] as const) {
    const name = `${shape.name}, ${format}`
    if (!name.includes(values.only)) continue
    const chunks = format === 'binary' ? binary(shape) : delimited(shape, FORMATS[format])
    const found: Measured[] = []
    for (let round = 0; round < ROUNDS; round++) found.push(await measure(shape, format, chunks))
    found.sort((a, b) => a.rate - b.rate)
    const median = found[ROUNDS >> 1]!
    console.log(
      `${name}: ${millions(median.rate)} M rows/s (${millions(found[0]?.rate)} to ${millions(found.at(-1)?.rate)}), ${millions(median.processorRate)} of processor time, load ${loadavg()[0]!.toFixed(1)}`,
    )
  }
}
