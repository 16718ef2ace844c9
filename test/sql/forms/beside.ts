// A session over an engine in memory, and a PostgreSQL 15 beside it: the same statement in both, as texts
// of its rows, or its SQLSTATE and place.

import '../grammar-module.ts'
import type { Database } from '../../../engine/database.ts'
import { open } from '../../../engine/node.ts'
import { sessionsOf } from '../../../sql/database.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import type { SqlSession } from '../../../sql/session.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { printValue } from '../../../sql/value-text.ts'
import { type Postgres, startPostgres } from '../postgres.ts'

export type Rows = readonly (readonly (string | null)[])[]

/** Rows, or `SQLSTATE position` of the error. */
export type Answer = { readonly rows: Rows } | { readonly error: string }

const EVERYTHING = new Set(['read', 'write', 'admin'] as const)

export interface Here {
  readonly db: Database
  ask(text: string): Promise<Answer>
  close(): Promise<void>
}

/** A session over an engine in memory. */
export async function startHere(): Promise<Here> {
  const db = await open('memory:')
  const session = await sessionsOf(db, { bytesMax: 2 ** 26 })({
    database: 'default',
    user: 'tester',
    access: EVERYTHING,
  })
  return { db, ask: (text) => answerOf(session, text), close: () => db.close() }
}

export interface Beside {
  here(text: string): Promise<Answer>
  there(text: string): Promise<Answer>
  close(): Promise<void>
}

/** `setup` is run in both. */
export async function startBeside(setup: readonly string[] = []): Promise<Beside> {
  const [here, server] = await Promise.all([startHere(), startPostgres()])
  const beside: Beside = {
    here: (text) => here.ask(text),
    there: (text) => answerOfPostgres(server, text),
    close: async () => {
      await Promise.all([here.close(), server.close()])
    },
  }
  for (const text of setup) {
    for (const answer of [await beside.here(text), await beside.there(text)]) {
      if ('error' in answer) throw new Error(`${text}: ${answer.error}`)
    }
  }
  return beside
}

async function answerOf(session: SqlSession, text: string): Promise<Answer> {
  try {
    const statement = await session.prepare(text)
    const running = await statement.run([])
    const rows: (string | null)[][] = []
    if (running.kind !== 'rows') return { rows }
    const context = { now: 0n, timeZone: 'UTC', nameOf: running.nameOf }
    for await (const batch of running.batches) {
      for (let row = 0; row < batch.rowCount; row++) {
        rows.push(
          running.columns.map(({ type }, index) => {
            const value = valueAt(batch.columns[index]!, type, row)
            return value === null ? null : printValue(type, value, context)
          }),
        )
      }
    }
    return { rows }
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return { error: `${error.sqlstate} ${error.position ?? 0}` }
  }
}

async function answerOfPostgres(server: Postgres, text: string): Promise<Answer> {
  try {
    // After an error among rows, the driver counts those of the next answer from there.
    const { rows } = await server.query(text)
    return { rows: rows.filter((row) => row !== undefined) }
  } catch (error) {
    const { code, position } = error as { code?: string; position?: string }
    if (code === undefined) throw error
    return { error: `${code} ${position ?? 0}` }
  }
}

/** Whether two answers are the same but for `1e-12` of their numbers. */
export function isNear(one: Answer, two: Answer): boolean {
  if ('error' in one || 'error' in two) return JSON.stringify(one) === JSON.stringify(two)
  if (one.rows.length !== two.rows.length) return false
  return one.rows.every((row, at) =>
    row.every((cell, column) => isNearText(cell, two.rows[at]![column] ?? null)),
  )
}

const NUMBER = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g

function isNearText(one: string | null, two: string | null): boolean {
  if (one === two) return true
  if (one === null || two === null) return false
  if (one.replace(NUMBER, '#') !== two.replace(NUMBER, '#')) return false
  const [a, b] = [one, two].map((text) => (text.match(NUMBER) ?? []).map(Number))
  return a!.every((x, i) => Math.abs(x - b![i]!) <= 1e-12 * Math.max(Math.abs(x), Math.abs(b![i]!)))
}

/** The statements of both whose answers are not the same, with both answers. */
export async function differences(
  { here, there }: Beside,
  statements: readonly string[],
): Promise<string[]> {
  const found: string[] = []
  for (const text of statements) {
    const [ours, theirs] = [await here(text), await there(text)]
    if (isNear(ours, theirs)) continue
    found.push(`${text}\n  here ${JSON.stringify(ours)}\n  there ${JSON.stringify(theirs)}`)
  }
  return found
}
