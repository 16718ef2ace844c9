// A table's key to PostgreSQL's clients: its tags, then its time, as a primary key.

import type { RelationColumn } from '../relation.ts'

/** Name of a table's primary key, of its index and constraint. */
export const keyName = (table: string): string => `${table}_pkey`

/** Positions (from 0) of the key's columns in the table: tags in declared order, then time. */
export function keyColumns(columns: readonly RelationColumn[]): number[] {
  const positions = columns.map((_, position) => position)
  const ofKind = (kind: RelationColumn['kind']) =>
    positions.filter((position) => columns[position]!.kind === kind)
  return [...ofKind('tag'), ...ofKind('time')]
}
