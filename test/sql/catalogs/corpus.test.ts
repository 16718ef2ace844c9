// What drivers and tools send of their own accord, taken down from them or from their sources (corpus/),
// answered by a session and by PostgreSQL 15 over the same tables: the same columns of the same types.

import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import { indexOid, tableOid } from '../../../sql/catalogs/oid.ts'
import { sessionsOf } from '../../../sql/database.ts'
import type { Running, SqlSession } from '../../../sql/session.ts'
import '../grammar-module.ts'
import { missingPostgres, startPostgres, type Postgres } from '../postgres.ts'
import { DEFINITIONS } from './tables.ts'

const place = new URL('corpus/', import.meta.url)
const POINT =
  'cpu,host=a,Data\\ Center=x usage=1,n=1i,big=2u,up=true,note="x" 1790000000000000000\n' +
  'Mixed\\ Case select=1 1790000000000000000\n'

let db: Database
let session: SqlSession
let oracle: Postgres
let oids: Readonly<Record<string, string>>

beforeAll(async () => {
  db = await open('memory:')
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(POINT))
  await batch.commit('fsync')
  const access = new Set(['read', 'write', 'admin'] as const)
  session = await sessionsOf(db)({ database: 'default', user: 'omendb', access })
  if (missingPostgres !== null) return
  oracle = await startPostgres()
  for (const definition of DEFINITIONS) await oracle.query(definition)
  const names = `SELECT relname, oid FROM pg_class WHERE relname IN ('cpu', 'cpu_pkey')`
  oids = Object.fromEntries((await oracle.query(names)).rows)
})
afterAll(async () => {
  await db.close()
  await oracle?.close()
})

interface Sent {
  readonly name: string
  readonly text: string
}

/** `--> what it is for` stands before each. */
const sent: readonly Sent[] = readdirSync(place).flatMap((file) =>
  readFileSync(new URL(file, place), 'utf8')
    .split(/^--> /m)
    .slice(1)
    .map((part) => {
      const [title = '', ...lines] = part.split('\n')
      return { name: `${file}: ${title.trim()}`, text: lines.join('\n') }
    }),
)

/** What is not offered, by its number, with the error. */
const REFUSED: Readonly<Record<number, string>> = {
  // Rows of tables as types.
  127: '42704',
  128: '42704',
  129: '42704',
}

type Columns = readonly { readonly name: string; readonly oid: number }[]

/** A table that was written to has its columns in another order than one that was declared. */
const listed = (columns: Columns, isAll: boolean): Columns =>
  isAll ? columns.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : columns

async function drain(running: Running): Promise<void> {
  if (running.kind !== 'rows') return
  for await (const { rowCount } of running.batches) expect(rowCount).toBeGreaterThan(0)
}

const required = process.env['OMENDB_TEST_REQUIRE_ALL'] === '1'
// reason: the oracle is Debian's PostgreSQL
describe.skipIf(missingPostgres !== null && !required)('the corpus', () => {
  const cases = sent.map((one, index) => [`${index} ${one.name}`, index, one.text] as const)
  test.each(cases)('%s', { timeout: 30_000 }, async (_name, number, text) => {
    const replaced = (cpu: string, key: string): string =>
      text.replaceAll('{cpu}', cpu).replaceAll('{cpu_pkey}', key)
    const theirs = replaced(oids['cpu']!, oids['cpu_pkey']!)
    const ours = replaced(String(tableOid('cpu')), String(indexOid('cpu')))
    const [asked, given] = await Promise.all([session.split(theirs), session.split(ours)])
    for (const [index, { text: statement }] of given.entries()) {
      const prepared = session.prepare(statement)
      const refusal = REFUSED[number]
      if (refusal !== undefined) {
        const run = prepared.then(async (one) => drain(await one.run([])))
        await expect(run).rejects.toMatchObject({ sqlstate: refusal })
        continue
      }
      const { columns: own, parameters, run } = await prepared
      // 102: `lower` is the name of one function here, of two in PostgreSQL.
      if (parameters.length > 0 || number === 102) continue
      const expected = await oracle.query(asked[index]!.text)
      const columns = (own ?? []).map(({ name, type }) => ({ name, oid: type.oid }))
      const isAll = /\*\s+FROM\s+"?(public|cpu)/i.test(statement)
      expect(listed(columns, isAll)).toEqual(listed(expected.columns, isAll))
      await drain(await run([]))
    }
  })
})
