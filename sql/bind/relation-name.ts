// Tables and their columns by the names that commands give them.
// Source: PostgreSQL 15, src/backend/parser/parse_relation.c.

import type { RangeVar } from 'libpg-query'
import type { Relation } from '../relation.ts'
import type { Context } from './context.ts'

/** Throws 42P01, or 0A000 for a table of another database. */
export function findRelation(
  context: Context,
  { relname, schemaname, catalogname, location }: RangeVar,
): Relation {
  if (catalogname !== undefined && catalogname !== context.surroundings.database) {
    const name = `${catalogname}.${schemaname}.${relname}`
    context.fail('0A000', `cross-database references are not implemented: "${name}"`, location)
  }
  const relation = context.schema.relation(schemaname ?? null, relname!)
  if (relation !== null) return relation
  const name = schemaname === undefined ? relname : `${schemaname}.${relname}`
  return context.fail('42P01', `relation "${name}" does not exist`, location)
}

/** The index of a column: of its exact name, else of the only one equal but for case. Throws 42703. */
export function findColumn(
  context: Context,
  relation: Relation,
  name: string,
  location: number | undefined,
  missing = `column "${name}" of relation "${relation.name}" does not exist`,
): number {
  const exact = relation.columns.findIndex((column) => column.name === name)
  if (exact >= 0) return exact
  const folded = name.toLowerCase()
  const equal = relation.columns.filter((column) => column.name.toLowerCase() === folded)
  if (equal.length === 1) return relation.columns.indexOf(equal[0]!)
  return context.fail('42703', missing, location)
}

/** A table's name as commands have it that say no place in their errors. */
export function unplaced(table: RangeVar): RangeVar {
  return { ...table, location: -1 }
}
