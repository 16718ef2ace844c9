// Programs over JDBC, pgx with lib/pq, and SQLAlchemy (test/postgres/drivers/), run against OmenDB and
// against PostgreSQL 15: they print the same. Each makes a table, fills it, asks, and drops it.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startProcess, type ServerProcess } from '../e2e/process.ts'
import { freePort } from '../free-port.ts'
import { missingPostgres, startPostgres, type Postgres } from '../sql/postgres.ts'
import { run } from './live.ts'

const JDBC = '/usr/share/java/postgresql.jar'
const GO_PATH = '/usr/share/gocode'

interface Driver {
  readonly name: string
  readonly command: string
  readonly arguments: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Does what it needs stand here? Debian's packages, which `.ci/run` installs. */
  readonly isHere: () => boolean
}

const place = (name: string): string => fileURLToPath(new URL(`drivers/${name}`, import.meta.url))

const runs = (command: string, ...arguments_: string[]): boolean => {
  try {
    execFileSync(command, arguments_, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const DRIVERS: readonly Driver[] = [
  {
    name: 'JDBC',
    command: 'java',
    arguments: ['-cp', JDBC, place('Jdbc.java')],
    isHere: () => existsSync(JDBC) && runs('java', '-version'),
  },
  {
    name: 'pgx and lib/pq',
    command: 'go',
    arguments: ['run', place('pgx.go')],
    env: { GO111MODULE: 'off', GOPATH: GO_PATH, GOFLAGS: '' },
    isHere: () =>
      ['jackc/pgx/v4', 'lib/pq'].every((name) => existsSync(`${GO_PATH}/src/github.com/${name}`)) &&
      runs('go', 'version'),
  },
  {
    name: 'SQLAlchemy',
    command: '/usr/bin/python3',
    arguments: [place('sqlalchemy_reflection.py')],
    isHere: () => runs('/usr/bin/python3', '-c', 'import sqlalchemy, psycopg2, asyncpg'),
  },
]

const isRequired = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'

// reason: the oracle is Debian's PostgreSQL
describe.skipIf(!isRequired && missingPostgres !== null)('drivers', () => {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-drivers-'))
  let oracle: Postgres
  let server: ServerProcess
  let ports: { readonly omendb: number; readonly postgres: number }
  beforeAll(async () => {
    ports = { omendb: await freePort(), postgres: await freePort() }
    oracle = await startPostgres({ port: ports.postgres })
    server = await startProcess(directory, ['--pg-port', `${ports.omendb}`])
  }, 120_000)
  afterAll(async () => {
    await server.stop('SIGTERM')
    await oracle.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** What the program prints, against one of the two. */
  async function printed(driver: Driver, port: number, name: string): Promise<string> {
    const { code, stdout, stderr } = await run(driver.command, driver.arguments, {
      PGHOST: '127.0.0.1',
      PGPORT: `${port}`,
      PGUSER: name,
      PGDATABASE: name,
      PGPASSWORD: 'none',
      PGSSLMODE: 'disable',
      TZ: 'UTC',
      ...driver.env,
    })
    expect(`${stderr}exit ${code}`).toMatch(/exit 0$/)
    return stdout
  }

  for (const driver of DRIVERS) {
    // reason: Debian's packages of the driver
    test.skipIf(!isRequired && !driver.isHere())(
      `${driver.name}: the same as on PostgreSQL`,
      { timeout: 120_000 },
      async () => {
        const theirs = await printed(driver, ports.postgres, 'postgres')
        expect(await printed(driver, ports.omendb, 'default')).toBe(theirs)
        expect(theirs.length).toBeGreaterThan(500)
      },
    )
  }
})
