// CREATE DATABASE and DROP DATABASE.

import { SqlError } from '../sql-error.ts'
import type { Command } from '../tree.ts'
import type { CommandContext } from './context.ts'
import { translated } from './engine-error.ts'

type DatabaseCommand = Extract<Command, { name: string; kind: 'createDatabase' | 'dropDatabase' }>

/** Throws 42P04 for one that exists, 42602 for its name. */
export async function createDatabase(
  { name }: DatabaseCommand,
  { engine }: CommandContext,
): Promise<void> {
  if (engine.databases().includes(name)) {
    throw new SqlError('42P04', `database "${name}" already exists`)
  }
  await translated(() => engine.createDatabase(name), {
    bad_request: (message) => new SqlError('42602', message),
    forbidden: (message) => new SqlError('42939', message),
  })
}

/** Throws 3D000 for one that does not exist, 55006 for the session's own. */
export async function dropDatabase(
  { name, ifExists }: DatabaseCommand,
  { engine, database }: CommandContext,
): Promise<void> {
  const isThere = engine.databases().includes(name)
  if (!isThere && ifExists) return
  const missing = (): SqlError => new SqlError('3D000', `database "${name}" does not exist`)
  if (!isThere) throw missing()
  if (name === database) throw new SqlError('55006', 'cannot drop the currently open database')
  await translated(() => engine.dropDatabase(name), { not_found: missing })
}
