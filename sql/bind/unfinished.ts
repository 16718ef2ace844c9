// A statement but for its parameters, whose types the rest of it may still decide.

import type { BoundStatement, Command } from '../tree.ts'
import type { Context } from './context.ts'

export type Unfinished = Omit<BoundStatement, 'parameters'>

/** Binds the fields of one kind of statement; `text` is the whole statement's. */
export type Binding = (context: Context, parts: object, text: string) => Unfinished

/** A command that answers no rows. */
export function done(tag: string, command: Command): Unfinished {
  return { body: { command }, columns: null, tag }
}
