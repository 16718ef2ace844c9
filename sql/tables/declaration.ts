// What CREATE TABLE said of a table beyond what the engine knows: the order of its columns, the name of
// its time, and which columns may not be null. Kept as a point a table in the system's own database,
// so that log, recovery and backups hold it. A table that was made by writes has none.

import type { Database } from '../../engine/database.ts'
import type { FieldType } from '../../engine/field.ts'

export interface Declaration {
  /** Name of the time column. */
  readonly time: string
  /** All columns, in declared order. */
  readonly columns: readonly { readonly name: string; readonly isNotNull: boolean }[]
}

type Reader = Pick<Database, 'export'>
type Writer = Pick<Database, 'batch' | 'deleteRows'>

/** As in engine/reserved.ts. */
const SYSTEM = '_omendb'
const TABLE = 'sql_tables'
const STRING: FieldType = 4

interface Known {
  readonly readAt: number
  /** By `keyOf`. */
  readonly declarations: Promise<ReadonlyMap<string, Declaration>>
}

/** What was read lately, by engine: every statement asks, and declarations hardly ever change. */
const known = new WeakMap<object, Known>()
/** After a restore, the declarations that came with it are seen within this time. */
const AGE_MS_MAX = 1_000

const keyOf = (database: string, table: string): string => JSON.stringify([database, table])

/** The declaration of a table; null: it has none. */
export async function readDeclaration(
  engine: Reader,
  database: string,
  table: string,
): Promise<Declaration | null> {
  let found = known.get(engine)
  if (found === undefined || Date.now() - found.readAt > AGE_MS_MAX) {
    found = { readAt: Date.now(), declarations: readAll(engine) }
    known.set(engine, found)
  }
  try {
    return (await found.declarations).get(keyOf(database, table)) ?? null
  } catch (error) {
    if (known.get(engine) === found) known.delete(engine)
    throw error
  }
}

async function readAll(engine: Reader): Promise<ReadonlyMap<string, Declaration>> {
  const found = new Map<string, Declaration>()
  try {
    const { chunks } = await engine.export({ table: TABLE }, { database: SYSTEM })
    for await (const { tags, fields } of chunks) {
      const text = fields[0]?.values[0] as string
      const key = keyOf(tags.get('database') ?? '', tags.get('table') ?? '')
      found.set(key, JSON.parse(text) as Declaration)
    }
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  return found
}

/** Durable when it resolves. */
export async function writeDeclaration(
  engine: Writer,
  database: string,
  table: string,
  declaration: Declaration,
): Promise<void> {
  const batch = engine.batch({ database: SYSTEM, system: true })
  try {
    const values = [JSON.stringify(declaration)]
    batch.points({
      table: TABLE,
      tags: new Map([
        ['database', database],
        ['table', table],
      ]),
      times: BigInt64Array.of(0n),
      fields: [{ name: 'declaration', type: STRING, values, valid: null, declared: true }],
    })
    await batch.commit('fsync')
  } finally {
    known.delete(engine)
    batch.discard()
  }
}

export function dropDeclaration(engine: Writer, database: string, table: string): Promise<void> {
  return remove(engine, { database, table })
}

/** Of all tables of a database. */
export function dropDeclarations(engine: Writer, database: string): Promise<void> {
  return remove(engine, { database })
}

async function remove(engine: Writer, where: Record<string, string>): Promise<void> {
  try {
    await engine.deleteRows(TABLE, { database: SYSTEM, where })
  } catch (error) {
    if (!isMissing(error)) throw error
  } finally {
    known.delete(engine)
  }
}

/** Nothing has been declared, here or of this kind. */
function isMissing(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'not_found' || code === 'unknown_column'
}
