// A million rows of (timestamptz, float8) to a client that somebody else wrote, from OmenDB and from
// PostgreSQL 15 on this machine, in turn: psql and postgres.js (text), asyncpg (binary), then COPY in
// both directions. What arrives is compared before anything is timed.
//   node scripts/run.js bench/sql/stream.ts --rows 1000000 --rounds 7

import { createHash } from 'node:crypto'
import { execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import postgres from 'postgres'
import { freePort } from '../../test/free-port.ts'
import { startPostgres } from '../../test/sql/postgres.ts'
import { startBenchServer } from '../http/server.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '7' },
  },
})
const ROWS = Number(values.rows)
const ROUNDS = Number(values.rounds)
const SELECT = 'SELECT time, value FROM readings ORDER BY time'
const START = 1_767_225_600_000

interface Server {
  readonly name: string
  readonly port: number
  readonly user: string
  readonly database: string
}

const environment = ({ port, user, database }: Server) => ({
  ...process.env,
  PGHOST: '127.0.0.1',
  PGPORT: `${port}`,
  PGUSER: user,
  PGDATABASE: database,
  PGPASSWORD: 'none',
  PGSSLMODE: 'disable',
})

/** Lines of COPY: a reading each second, three decimals. */
function* lines(): Generator<string> {
  for (let row = 0; row < ROWS; row += 10_000) {
    let text = ''
    for (let i = row; i < Math.min(row + 10_000, ROWS); i++) {
      const value = 20 + Math.round(5000 * Math.sin(i / 5000) + ((i * 7919) % 1000)) / 1000
      text += `${new Date(START + i * 1000).toISOString()}\t${value}\n`
    }
    yield text
  }
}

async function fill(server: Server): Promise<void> {
  const key = server.name === 'OmenDB' ? ', PRIMARY KEY (time)' : ''
  const creates = ['readings', 'received'].flatMap((name) => [
    '-c',
    `CREATE TABLE ${name} (time timestamptz NOT NULL, value float8${key})`,
  ])
  execFileSync('psql', ['-qX', ...creates], { env: environment(server) })
  const copy = spawn('psql', ['-qX', '-c', 'COPY readings FROM STDIN'], {
    env: environment(server),
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  for (const text of lines()) {
    if (!copy.stdin.write(text)) await new Promise((drained) => copy.stdin.once('drain', drained))
  }
  copy.stdin.end()
  const code = await new Promise((ended) => copy.once('exit', ended))
  if (code !== 0) throw new Error(`${server.name}: COPY failed`)
}

const ASYNCPG = `
import asyncio, asyncpg, sys, time
async def main():
    connection = await asyncpg.connect()
    started = time.perf_counter()
    rows = await connection.fetch(sys.argv[1])
    print((time.perf_counter() - started) * 1000, len(rows))
    await connection.close()
asyncio.run(main())
`

type Ask = (server: Server) => Promise<number>

function copyTo(format: string): Ask {
  return async (server) => {
    const text = `COPY (${SELECT}) TO STDOUT WITH (FORMAT ${format})`
    const started = performance.now()
    execFileSync('psql', ['-qX', '-o', '/dev/null', '-c', text], { env: environment(server) })
    return performance.now() - started
  }
}

/** Milliseconds that each client takes, from the question to the last row. */
const CLIENTS: Readonly<Record<string, Ask>> = {
  'psql, COPY TO, text': copyTo('text'),
  'psql, COPY TO, binary': copyTo('binary'),
  'psql, COPY FROM, text': async (server) => {
    const env = environment(server)
    execFileSync('psql', ['-qX', '-c', 'TRUNCATE received'], { env })
    const input = openSync(file, 'r')
    const started = performance.now()
    const stdio = [input, 'ignore', 'inherit'] as const
    execFileSync('psql', ['-qX', '-c', 'COPY received FROM STDIN'], { env, stdio: [...stdio] })
    const elapsed = performance.now() - started
    closeSync(input)
    return elapsed
  },
  'psql, text': async (server) => {
    const started = performance.now()
    execFileSync('psql', ['-qXAt', '-o', '/dev/null', '-c', SELECT], { env: environment(server) })
    return performance.now() - started
  },
  'postgres.js, text': async ({ port, user, database }) => {
    const options = { host: '127.0.0.1', port, user, database, password: 'none', max: 1 }
    const sql = postgres({ ...options, fetch_types: false })
    await sql`SELECT 1`
    const started = performance.now()
    const rows = await sql.unsafe(SELECT).values()
    const elapsed = performance.now() - started
    await sql.end()
    if (rows.length !== ROWS) throw new Error(`${rows.length} rows`)
    return elapsed
  },
  'asyncpg, binary': async (server) => {
    const text = execFileSync('/usr/bin/python3', ['-c', ASYNCPG, SELECT], {
      env: environment(server),
      encoding: 'utf8',
    })
    const [elapsed, rows] = text.split(' ').map(Number)
    if (rows !== ROWS) throw new Error(`${rows} rows`)
    return elapsed!
  },
}

function digest(server: Server): string {
  const set = 'SET TimeZone = UTC'
  const text = execFileSync('psql', ['-qXAt', '-c', set, '-c', SELECT], {
    env: environment(server),
    maxBuffer: 2 ** 30,
  })
  return createHash('sha256').update(text).digest('hex')
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[list.length >> 1]!

const peakMiB = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

const directory = mkdtempSync(join(tmpdir(), 'omendb-stream-'))
const file = join(directory, 'rows.txt')
writeFileSync(file, '')
for (const text of lines()) appendFileSync(file, text)
const port = await freePort()
const omen = await startBenchServer(undefined, [], ['--pg-port', `${port}`])
const oraclePort = await freePort()
const oracle = await startPostgres({ port: oraclePort })
try {
  const servers: Server[] = [
    { name: 'OmenDB', port, user: 'bench', database: 'default' },
    { name: 'PostgreSQL', port: oraclePort, user: 'postgres', database: 'postgres' },
  ]
  for (const server of servers) await fill(server)
  await oracle.query('VACUUM ANALYZE readings')
  const [ours, theirs] = servers.map(digest)
  if (ours !== theirs) throw new Error('the answers differ')
  const before = peakMiB(omen.pid)
  for (const [name, ask] of Object.entries(CLIENTS)) {
    const times = servers.map((): number[] => [])
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, server] of servers.entries()) times[i]!.push(await ask(server))
    }
    const [mine, other] = times.map(median) as [number, number]
    console.log(
      `${name}: OmenDB ${mine.toFixed(0)} ms, PostgreSQL ${other.toFixed(0)} ms, ` +
        `${(other / mine).toFixed(2)}x as fast`,
    )
  }
  console.log(
    `OmenDB's peak: ${before.toFixed(0)} MiB before, ${peakMiB(omen.pid).toFixed(0)} after`,
  )
} finally {
  await oracle.close()
  await omen.stop()
  rmSync(directory, { recursive: true })
}
