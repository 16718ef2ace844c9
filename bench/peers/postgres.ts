// PostgreSQL (Debian's package) over its own protocol: rows with an index on series and time, series in
// a table of their own.

import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { freePort } from '../../test/free-port.ts'
import { endWithThisProcess, requireProgram } from './http-server.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import type { SetShape } from './point-set.ts'
import { rowDialect, sqlOf } from './sql.ts'

interface Client {
  connect(): Promise<void>
  query(sql: string | { text: string; rowMode: 'array' }): Promise<{ rows: unknown[][] }>
  end(): Promise<void>
}

interface Package {
  Client: new (options: object) => Client
}

const PROGRAMS = '/usr/lib/postgresql/15/bin'

/** As its manual advises for a bulk load and large sorts ("Populating a Database"). */
const SETTINGS = [
  'shared_buffers=2GB',
  'work_mem=64MB',
  'maintenance_work_mem=512MB',
  'max_wal_size=8GB',
]

/** A server refuses to run as root: it runs as Debian's user \`postgres\`. */
function userId(): number | undefined {
  if (process.getuid?.() !== 0) return undefined
  return Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }))
}

export async function openPostgres(directory: string, shape: SetShape): Promise<Peer> {
  const program = requireProgram(join(PROGRAMS, 'postgres'), 'postgresql')
  const home = join(directory, 'postgres')
  const port = await freePort()
  const uid = userId()
  const owner = uid === undefined ? {} : { uid }
  if (!existsSync(home)) {
    mkdirSync(home)
    chmodSync(directory, 0o755)
    if (uid !== undefined) chownSync(home, uid, -1)
    const words = ['-D', home, '-U', 'bench', '--auth=trust']
    execFileSync(join(PROGRAMS, 'initdb'), words, { ...owner, cwd: home })
  }
  const args = ['-D', home, '-p', String(port), '-k', home, '-h', '127.0.0.1']
  const settings = SETTINGS.flatMap((setting) => ['-c', setting])
  const server = spawn(program, [...args, ...settings], { stdio: 'ignore', cwd: home, ...owner })
  endWithThisProcess(server)
  const client = await connect(port)
  const select = async (text: string): Promise<unknown[][]> =>
    (await client.query({ text, rowMode: 'array' })).rows
  const version = String((await select('SHOW server_version'))[0]![0]).split(' ')[0]
  const { table, tagKeys, fields } = shape
  const dialect = rowDialect(
    shape,
    (columns) =>
      `SELECT ${columns} FROM series s CROSS JOIN LATERAL
       (SELECT * FROM ${table} WHERE series = s.id ORDER BY time DESC LIMIT 1) p`,
  )
  return {
    title: `PostgreSQL ${version}`,
    loading: 'COPY from a file in its binary format, then its indexes, then CHECKPOINT',
    settling: 'VACUUM ANALYZE',
    async create() {
      const doubles = fields.map((field) => `${field} double precision`).join(', ')
      const texts = tagKeys.map((key) => `${key} text`).join(', ')
      await client.query(`CREATE TABLE ${table} (series integer, time bigint, ${doubles})`)
      await client.query(`CREATE TABLE series (id integer PRIMARY KEY, ${texts})`)
      await client.query(`CREATE INDEX ON series (${tagKeys[0]})`)
      const rows = shape.series.map(({ tags }, id) => `(${id}, '${tags.join("', '")}')`)
      await client.query(`INSERT INTO series VALUES ${rows.join(', ')}`)
    },
    async load(file) {
      await client.query(`COPY ${table} FROM '${file}' (FORMAT binary)`)
      await client.query(`ALTER TABLE ${table} ADD PRIMARY KEY (series, time)`)
      await client.query(`CREATE INDEX ON ${table} USING brin (time)`)
      await client.query('CHECKPOINT')
    },
    settle: async () => {
      await client.query('VACUUM ANALYZE')
    },
    ask: (question) => select(sqlOf(shape, question, dialect)),
    askNothing: () => select('SELECT 1'),
    rowsOf: (_, answer) =>
      groupRows(
        (answer as unknown[][]).map(([name, ...values]): [string, ...number[]] => [
          String(name),
          ...values.map(Number),
        ]),
      ),
    server: server.pid!,
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
