// Where an error of COPY is: the CONTEXT that PostgreSQL gives, by line and column.
// Source: PostgreSQL 15, src/backend/commands/copyfrom.c, CopyFromErrorCallback.

import { SqlError } from '../../sql-error.ts'

/** Bytes of data that are shown. */
const SHOWN_MAX = 100
const encoder = new TextEncoder()

export interface CopyPlace {
  readonly table: string
  readonly line: number
  readonly column?: string | undefined
  /** The value, or without a column the line; null: a null. */
  readonly text?: string | null | undefined
}

/** The error with its place, unless it has one. Anything else thrown is given back as it is. */
export function placed(error: unknown, { table, line, column, text }: CopyPlace): unknown {
  if (!(error instanceof SqlError) || error.where !== undefined) return error
  const { sqlstate, message, detail, hint, position } = error
  const value = text === undefined || text === null ? '' : `: "${clip(text)}"`
  const shown =
    column === undefined ? value : `, column ${column}${text === null ? ': null input' : value}`
  const where = `COPY ${table}, line ${line}${shown}`
  return new SqlError(sqlstate, message, { detail, hint, position, where, cause: error })
}

function clip(text: string): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(SHOWN_MAX))
  return read === text.length ? text : `${text.slice(0, read)}...`
}
