// Runs the statements that change points, tables and databases, each acknowledged once it is durable.

import type { Running } from '../session.ts'
import type { Command } from '../tree.ts'
import type { CommandContext } from './context.ts'
import { runCopyFrom } from './copy/copy-from.ts'
import { runCopyTo } from './copy/copy-to.ts'
import { createDatabase, dropDatabase } from './database.ts'
import { runDelete } from './delete.ts'
import { runInsert } from './insert.ts'
import {
  addColumn,
  alterTable,
  createTable,
  dropColumn,
  dropTables,
  setTable,
  truncate,
} from './table.ts'

const KINDS = [
  'addColumn',
  'alterTable',
  'copyFrom',
  'copyTo',
  'createDatabase',
  'createTable',
  'delete',
  'dropColumn',
  'dropDatabase',
  'dropTable',
  'insert',
  'setTable',
  'truncate',
] as const

/** What is run here; all other commands are the session's. */
export type EngineCommand = Extract<Command, { kind: (typeof KINDS)[number] }>

export function isEngineCommand(command: Command): command is EngineCommand {
  return (KINDS as readonly string[]).includes(command.kind)
}

/**
 * Runs a bound command. What it answers is whole when it resolves, but for COPY, which runs while its
 * data comes. Throws SqlError, and OmenError for what fails below (a full disk, a table that went).
 */
export async function runCommand(
  command: EngineCommand,
  context: CommandContext,
): Promise<Running> {
  context.run.check()
  switch (command.kind) {
    case 'insert':
      return runInsert(command, context)
    case 'copyFrom':
      return runCopyFrom(command, context)
    case 'copyTo':
      return runCopyTo(command, context)
    case 'delete':
      return runDelete(command, context)
    case 'createTable':
      return done('CREATE TABLE', createTable(command, context))
    case 'alterTable':
      return done('ALTER TABLE', alterTable(command, context))
    case 'addColumn':
      return done('ALTER TABLE', addColumn(command, context))
    case 'dropColumn':
      return done('ALTER TABLE', dropColumn(command, context))
    case 'setTable':
      return done('ALTER TABLE', setTable(command, context))
    case 'dropTable':
      return done('DROP TABLE', dropTables(command, context))
    case 'truncate':
      return done('TRUNCATE TABLE', truncate(command, context))
    case 'createDatabase':
      return done('CREATE DATABASE', createDatabase(command, context))
    default:
      return done('DROP DATABASE', dropDatabase(command, context))
  }
}

async function done(tag: string, work: Promise<void>): Promise<Running> {
  await work
  return { kind: 'done', tag }
}
