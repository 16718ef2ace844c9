// A PostgreSQL 15 of a test's own, as the oracle: a fresh cluster in a temporary directory, reached by
// its socket alone, gone when it is closed. It will not run as root, so root runs it as `postgres`.

import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'

const BIN = '/usr/lib/postgresql/15/bin'

/** Why there is none here, or null. */
export const missingPostgres = existsSync(`${BIN}/initdb`) ? null : 'PostgreSQL 15 is not installed'

export interface OracleAnswer {
  readonly columns: readonly { readonly name: string; readonly oid: number }[]
  /** Values as PostgreSQL prints them. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** Rows that the statement's tag counts. */
  readonly count: number
}

export interface Postgres {
  /** Directory of its socket; port 5432, user and database `postgres`. */
  readonly host: string
  /** One statement; rejects with postgres.js's PostgresError. */
  query(text: string, parameters?: readonly unknown[]): Promise<OracleAnswer>
  close(): Promise<void>
}

const isRoot = process.getuid?.() === 0

function runAsOwner(command: string): void {
  const [file, list] = isRoot
    ? ['su', ['postgres', '-s', '/bin/sh', '-c', command]]
    : ['/bin/sh', ['-c', command]]
  execFileSync(file as string, list as string[], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The postgres account's ids, where root runs it. */
function giveToOwner(directory: string): void {
  if (!isRoot) return
  const ids = ['-u', '-g'].map((flag) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })),
  )
  chownSync(directory, ids[0]!, ids[1]!)
}

/** Types that postgres.js would read; here all are texts. */
const PARSED = [16, 17, 20, 21, 23, 26, 114, 700, 701, 1082, 1114, 1184, 3802]

const SETTINGS = '-c fsync=off -c timezone=UTC -c shared_buffers=16MB'

/** Drivers that know no sockets of Unix reach it at `port` of 127.0.0.1, if that is given. */
export async function startPostgres({ port }: { readonly port?: number } = {}): Promise<Postgres> {
  const host = mkdtempSync(join(tmpdir(), 'omendb-pg-'))
  giveToOwner(host)
  const cluster = join(host, 'cluster')
  runAsOwner(`${BIN}/initdb -D ${cluster} -U postgres -A trust -E UTF8 --locale=C -N`)
  const listens = port === undefined ? "-c listen_addresses=''" : `-h 127.0.0.1 -p ${port}`
  const options = `${SETTINGS} ${listens} -k ${host}`
  runAsOwner(`${BIN}/pg_ctl -D ${cluster} -l ${host}/log -w -o "${options}" start >/dev/null`)
  const sql = postgres({
    path: join(host, `.s.PGSQL.${port ?? 5432}`),
    user: 'postgres',
    database: 'postgres',
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    types: { text: { to: 25, from: PARSED, serialize: String, parse: (text: string) => text } },
  })
  return {
    host,
    query: async (text, parameters = []) => {
      const rows = await sql.unsafe(text, parameters as string[]).values()
      const columns = (rows.columns ?? []).map(({ name, type }) => ({ name, oid: type }))
      return { columns, rows: [...rows] as (string | null)[][], count: rows.count }
    },
    close: async () => {
      await sql.end()
      runAsOwner(`${BIN}/pg_ctl -D ${cluster} -m immediate stop`)
      rmSync(host, { recursive: true, force: true })
    },
  }
}
