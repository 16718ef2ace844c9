// The tables of a database that one statement names, as relations. They are described before the
// statement is bound, because the binder asks for them while it cannot wait.

import type { TableColumns } from '../../engine/database-types.ts'
import type { Relation, Schema } from '../relation.ts'
import type { SqlEngine } from './engine.ts'
import { TableRelation } from './table-relation.ts'

/** Tables by name; null: there is none of that name. */
export type Described = ReadonlyMap<string, TableColumns | null>

/** Schema `public` with those of `names` that are tables. Throws OmenError. */
export async function openSchema(
  engine: SqlEngine,
  database: string,
  names: Iterable<string>,
): Promise<Schema> {
  return schemaOf(engine, database, await describeTables(engine, database, names))
}

/** What these names are in a database. Throws OmenError. */
export async function describeTables(
  engine: SqlEngine,
  database: string,
  names: Iterable<string>,
): Promise<Described> {
  const described = new Map<string, TableColumns | null>()
  for (const name of names) described.set(name, await describe(engine, database, name))
  return described
}

export function schemaOf(engine: SqlEngine, database: string, described: Described): Schema {
  const relations = new Map<string, Relation>()
  for (const [name, columns] of described) {
    if (columns !== null) relations.set(name, new TableRelation(engine, database, columns))
  }
  return {
    relation: (schema, name) =>
      schema === null || schema === 'public' ? (relations.get(name) ?? null) : null,
  }
}

/** Null: there is no such table, or no such database. */
async function describe(
  engine: SqlEngine,
  database: string,
  name: string,
): Promise<TableColumns | null> {
  try {
    return await engine.columns(name, { database })
  } catch (error) {
    if ((error as { code?: unknown }).code === 'not_found') return null
    throw error
  }
}
