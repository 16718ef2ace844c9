// PostgreSQL (Debian's package) over its own protocol: rows with an index on series and time.

import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import type { PointSet } from './point-set.ts'
import { endWithThisProcess, freePort, requireProgram } from './http-server.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import { type Dialect, quoted, sqlOf } from './sql.ts'
import { writeCsv } from './text-files.ts'

interface Client {
  connect(): Promise<void>
  query(sql: string | { text: string; rowMode: 'array' }): Promise<{ rows: unknown[][] }>
  end(): Promise<void>
}

interface Package {
  Client: new (options: object) => Client
}

const PROGRAMS = '/usr/lib/postgresql/15/bin'

/** A server refuses to run as root: it runs as Debian's user `postgres`. */
function userId(): number | undefined {
  if (process.getuid?.() !== 0) return undefined
  return Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }))
}

export async function openPostgres(directory: string): Promise<Peer> {
  const program = requireProgram(join(PROGRAMS, 'postgres'), 'postgresql')
  const home = join(directory, 'postgres')
  const port = await freePort()
  const uid = userId()
  mkdirSync(home, { recursive: true })
  if (uid !== undefined) chownSync(home, uid, -1)
  for (const above of [directory, join(directory, '..')]) chmodSync(above, 0o755)
  const owner = uid === undefined ? {} : { uid }
  execFileSync(join(PROGRAMS, 'initdb'), ['-D', home, '-U', 'bench', '--auth=trust'], {
    ...owner,
    cwd: home,
  })
  const args = ['-D', home, '-p', String(port), '-k', home, '-h', '127.0.0.1']
  const memory = ['-c', 'shared_buffers=512MB', '-c', 'work_mem=64MB', '-c', 'max_wal_size=4GB']
  const server = spawn(program, [...args, ...memory], { stdio: 'ignore', cwd: home, ...owner })
  endWithThisProcess(server)
  const client = await connect(port)
  const version = (await client.query({ text: 'SHOW server_version', rowMode: 'array' }))
    .rows[0]![0]
  const file = join(directory, '..', 'csv')
  let data: PointSet
  return {
    title: `PostgreSQL ${String(version).split(' ')[0]}`,
    loading: 'COPY from a CSV file into a table with an index',
    async prepare(set, lateShare) {
      data = set
      writeCsv(file, set, lateShare)
      const tags = set.tagKeys.map((key) => `${key} text`)
      const fields = set.fields.map((field) => `${field} double precision`)
      const columns = ['time bigint', ...tags, ...fields].join(', ')
      await client.query(`CREATE TABLE ${set.table} (${columns})`)
      await client.query(`CREATE INDEX ON ${set.table} (${set.tagKeys[0]}, time)`)
      const names = set.series.map(({ tags: [name] }) => `('${name}')`).join(', ')
      await client.query(`CREATE TABLE series (name text PRIMARY KEY)`)
      await client.query(`INSERT INTO series VALUES ${names}`)
    },
    async load() {
      await client.query(`COPY ${data.table} FROM '${file}' CSV`)
      await client.query('CHECKPOINT')
    },
    settle: async () => {
      await client.query('VACUUM ANALYZE')
    },
    ask: async (question) =>
      (await client.query({ text: sqlOf(data, question, dialectOf(data)), rowMode: 'array' })).rows,
    rowsOf: (_, answer) =>
      groupRows(
        (answer as unknown[][]).map(([name, ...values]): [string, ...number[]] => [
          String(name),
          ...values.map(Number),
        ]),
      ),
    servers: [server.pid!],
    async close() {
      await client.end()
      server.kill('SIGINT')
      await once(server, 'exit')
    },
  }
}

async function connect(port: number): Promise<Client> {
  const { Client } = peerPackage('pg') as Package
  for (let attempt = 0; ; attempt++) {
    const client = new Client({ host: '127.0.0.1', port, user: 'bench', database: 'postgres' })
    try {
      await client.connect()
      return client
    } catch (error) {
      if (attempt > 100) throw error
      await new Promise((again) => setTimeout(again, 100))
    }
  }
}

function dialectOf({ table, tagKeys }: PointSet): Dialect {
  const name = tagKeys[0]!
  return {
    time: String,
    milliseconds: 'time',
    bucket: (seconds) => `time / ${seconds * 1000} * ${seconds * 1000}`,
    among: (names) => `${name} IN (${quoted(names)})`,
    name,
    source: table,
    lastPoint: (fields) =>
      `SELECT s.name, p.* FROM series s CROSS JOIN LATERAL
       (SELECT ${['time', ...fields].join(', ')} FROM ${table}
        WHERE ${name} = s.name ORDER BY time DESC LIMIT 1) p`,
  }
}
