// The binder beside PostgreSQL 15 itself: the same statements over the same tables have the same
// columns, or the same SQLSTATE at the same place. Its own catalogs are the table of functions.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FunctionTable } from '../../../sql/function.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { TABLES, bindText } from '../bind-setup.ts'
import { readFunctions } from '../postgres-functions.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'

const isDemanded = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'

function lines(name: string): string[] {
  const text = readFileSync(new URL(`../statements/${name}.sql`, import.meta.url), 'utf8')
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('--'))
}

// The reason is in `missingPostgres`.
describe.skipIf(missingPostgres !== null && !isDemanded)('PostgreSQL 15', () => {
  let server: Postgres
  let functions: FunctionTable

  beforeAll(async () => {
    server = await startPostgres()
    functions = await readFunctions(server)
    for (const [table, columns] of Object.entries(TABLES)) {
      const list = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`)
      await server.query(`CREATE TABLE ${table} (${list.join(', ')})`)
    }
  }, 120_000)

  afterAll(async () => {
    await server.close()
  })

  /** `name typname` of the columns, or `SQLSTATE position`. */
  async function inPostgres(text: string): Promise<string> {
    await server.query('BEGIN')
    try {
      const { columns } = await server.query(text)
      return columns.map(({ name, oid }) => `${name} ${oid}`).join(', ')
    } catch (error) {
      const { code, position } = error as { code: string; position?: string }
      return `${code} ${position ?? 0}`
    } finally {
      await server.query('ROLLBACK')
    }
  }

  async function here(text: string): Promise<string> {
    try {
      const { columns } = await bindText(text, [], functions)
      return (columns ?? []).map(({ name, type }) => `${name} ${type.oid}`).join(', ')
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      return `${error.sqlstate} ${error.position ?? 0}`
    }
  }

  test('a wrong statement has its SQLSTATE and its place', async () => {
    const wrong = lines('wrong')
    const differences: string[] = []
    for (const text of wrong) {
      const [ours, theirs] = [await here(text), await inPostgres(text)]
      if (ours !== theirs) differences.push(`${text}\n  here ${ours}\n  there ${theirs}`)
    }
    expect(differences).toEqual([])
    expect(wrong.length).toBeGreaterThanOrEqual(150)
  }, 120_000)

  test('a right statement has its columns and their types', async () => {
    const right = lines('right')
    const differences: string[] = []
    for (const text of right) {
      const [ours, theirs] = [await here(text), await inPostgres(text)]
      if (ours !== theirs) differences.push(`${text}\n  here ${ours}\n  there ${theirs}`)
    }
    expect(differences).toEqual([])
    expect(right.length).toBeGreaterThanOrEqual(200)
  }, 120_000)
})
