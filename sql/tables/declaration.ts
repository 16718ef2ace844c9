// What CREATE TABLE said of a table beyond what the engine knows: the order of its columns, the name of
// its time, and which columns may not be null. The engine keeps it as a text with the table, so that it
// goes where the table goes: into the log, into backups, to other shards, and away with it. A table that
// was made by writes has none.

import type { TableColumns } from '../../engine/database-types.ts'

export interface Declaration {
  /** Name of the time column. */
  readonly time: string
  /** All columns, in declared order. */
  readonly columns: readonly { readonly name: string; readonly isNotNull: boolean }[]
}

/** The setting of the table that says so. */
export function encodeDeclaration({ time, columns }: Declaration): string {
  return JSON.stringify({ time, columns })
}

/** The declaration of a table; null: it has none. */
export function declarationOf({
  declaration,
}: Pick<TableColumns, 'declaration'>): Declaration | null {
  return declaration === null ? null : (JSON.parse(declaration) as Declaration)
}
