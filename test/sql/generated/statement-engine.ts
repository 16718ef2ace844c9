// A database in memory with the tables of generated statements, and two ways to run these: as a session
// does, and as they are bound, by the executor over plain scans.

import '../grammar-module.ts'
import { open } from '../../../engine/node.ts'
import type { Batches } from '../../../sql/batch.ts'
import { bind } from '../../../sql/bind/bind.ts'
import { sessionsOf } from '../../../sql/database.ts'
import { execute } from '../../../sql/execute/execute.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import { FUNCTIONS } from '../../../sql/session/functions.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { openSchema } from '../../../sql/tables/table-schema.ts'
import type { Named } from '../../../sql/tree.ts'
import { printValue } from '../../../sql/value-text.ts'
import { surroundings } from '../lower/setup.ts'
import type { Outcome } from './compare.ts'
import type { Setup } from './statement-tables.ts'
import { TABLES } from './statement-tables.ts'

export interface Here {
  run(text: string): Promise<Outcome>
  /** Neither planned nor lowered. */
  runBound(text: string): Promise<Outcome>
  close(): Promise<void>
}

const EVERYTHING = new Set(['read', 'write', 'admin'] as const)

async function outcomeOf(
  start: () => Promise<{ columns: readonly Named[]; batches: Batches }>,
): Promise<Outcome> {
  try {
    const { columns, batches } = await start()
    const rows: string[][] = []
    for await (const batch of batches) {
      for (let row = 0; row < batch.rowCount; row++) {
        rows.push(
          columns.map(({ type }, index) => {
            const value = valueAt(batch.columns[index]!, type, row)
            return value === null ? 'NULL' : printValue(type, value, surroundings)
          }),
        )
      }
    }
    return { types: columns.map(({ type }) => type.oid), rows }
  } catch (error) {
    const { message, stack } = error as Error
    return error instanceof SqlError
      ? { error: error.sqlstate, message }
      : { error: 'crash', message: stack ?? message }
  }
}

/** Each table in two flushed parts and the rest in the memtable. */
export async function openHere(setups: readonly Setup[]): Promise<Here> {
  const db = await open('memory:')
  const options = { database: 'default', user: 'tester', access: EVERYTHING }
  const session = await sessionsOf(db)(options)
  const start = async (text: string) => {
    const running = await (await session.prepare(text)).run([])
    if (running.kind !== 'rows') throw new Error(`no rows: ${text}`)
    return running
  }
  for (const part of [0, 1, 2]) {
    const batch = db.batch()
    const lines = setups.map(({ writes }) => writes[part]!).join('\n')
    batch.lineProtocol(new TextEncoder().encode(lines))
    await batch.commit('fsync')
    if (part < 2) await db.flush()
  }
  const names = TABLES.map(({ name }) => name)
  return {
    run: (text) => outcomeOf(() => start(text)),
    runBound: (text) =>
      outcomeOf(async () => {
        const schema = await openSchema(db, 'default', names)
        const { body, columns } = await bind(text, [], schema, FUNCTIONS, surroundings)
        if (!('query' in body)) throw new Error(`no query: ${text}`)
        const run = { surroundings, check() {}, async pause() {}, hold() {} }
        return { columns: columns!, batches: execute(body.query, run, []) }
      }),
    close: () => db.close(),
  }
}
