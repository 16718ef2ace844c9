// Statements over an engine in memory: bound, and run as a session runs them.

import '../grammar-module.ts'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import { bind } from '../../../sql/bind/bind.ts'
import { type EngineCommand, runCommand } from '../../../sql/commands/commands.ts'
import { execute } from '../../../sql/execute/execute.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import { functionTable } from '../../../sql/functions/table.ts'
import type { RunContext } from '../../../sql/relation.ts'
import type { Running } from '../../../sql/session.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { openSchema } from '../../../sql/tables/table-schema.ts'
import type { Named } from '../../../sql/tree.ts'
import { printValue } from '../../../sql/value-text.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { surroundings } from '../bind-setup.ts'

export const RUN: RunContext = {
  surroundings,
  check: () => undefined,
  pause: async () => undefined,
  hold: () => undefined,
}

export async function openEngine(): Promise<Database> {
  return openDatabase(await simulatedHost(new SimulatedDisk(1).open()), SMALL_OPTIONS)
}

export interface Outcome {
  /** Null: rows without a command. */
  readonly tag: string | null
  /** Values as PostgreSQL prints them. */
  readonly rows: readonly (readonly (string | null)[])[]
}

export async function start(
  engine: Database,
  text: string,
  parameters: readonly unknown[] = [],
  run: RunContext = RUN,
): Promise<Running> {
  const names = text.match(/[a-z_][a-z0-9_]*/gi) ?? []
  const schema = await openSchema(engine, 'default', names)
  const { body, columns } = await bind(text, [], schema, functionTable, surroundings)
  if ('query' in body) {
    const batches = execute(body.query, run, parameters)
    return { kind: 'rows', columns: columns!, batches, tag: (count) => `SELECT ${count}` }
  }
  return runCommand(body.command as EngineCommand, {
    engine,
    database: 'default',
    run,
    parameters,
    columns,
    query: (node) => execute(node, run, parameters),
  })
}

/** Runs a statement to its end. */
export async function run(
  engine: Database,
  text: string,
  parameters: readonly unknown[] = [],
): Promise<Outcome> {
  return finish(await start(engine, text, parameters))
}

export async function finish(running: Running): Promise<Outcome> {
  if (running.kind === 'done') return { tag: running.tag, rows: [] }
  if (running.kind !== 'rows') throw new Error(running.kind)
  const rows = await readRows(running.columns, running)
  return { tag: running.tag(rows.length), rows }
}

async function readRows(
  columns: readonly Named[],
  { batches }: Extract<Running, { kind: 'rows' }>,
): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = []
  for await (const batch of batches) {
    for (let row = 0; row < batch.rowCount; row++) {
      rows.push(
        columns.map(({ type }, index) => {
          const value = valueAt(batch.columns[index]!, type, row)
          return value === null ? null : printValue(type, value, surroundings)
        }),
      )
    }
  }
  return rows
}

/** SQLSTATE of what a statement throws, `OmenError` with its code, or null. */
export async function stateOf(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (error instanceof SqlError) return error.sqlstate
    if (error instanceof OmenError) return `OmenError ${error.code}`
    throw error
  }
}
