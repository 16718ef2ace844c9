// One statement of any kind: a query, or a command, with the tag that it answers.

import type { Node as Tree } from 'libpg-query'
import { partsOf } from '../syntax/location.ts'
import type { Command } from '../tree.ts'
import type { Context } from './context.ts'
import { bindCopy } from './copy.ts'
import { bindDelete, bindInsert } from './write.ts'
import { bindExplain } from './explain.ts'
import { bindQuery } from './recursion.ts'
import { OUTERMOST } from './scope.ts'
import { SESSION_COMMANDS } from './session-command.ts'
import { TABLE_COMMANDS } from './table-command.ts'
import type { Binding, Unfinished } from './unfinished.ts'

type Bind = (context: Context, parts: never, text: string) => Unfinished

const STATEMENTS: Readonly<Record<string, Bind>> = {
  InsertStmt: bindInsert,
  DeleteStmt: bindDelete,
  CopyStmt: bindCopy,
  ExplainStmt: (context: Context, parts: { query?: Tree }, text: string) =>
    bindExplain(context, parts, (tree) => bindStatement(context, tree, text)),
  ...TABLE_COMMANDS,
  ...SESSION_COMMANDS,
}

/** Throws SqlError with its place; 0A000 with a hint for what is not offered. */
export function bindStatement(context: Context, tree: Tree, text: string): Unfinished {
  if ('SelectStmt' in tree) {
    const { node } = bindQuery(context, tree, OUTERMOST)
    return { body: { query: node }, columns: node.columns, tag: 'SELECT' }
  }
  const [kind, parts] = partsOf(tree)
  const bind = STATEMENTS[kind] as Binding | undefined
  if (bind !== undefined) return bind(context, parts, text)
  const idle = IDLE[kind]
  if (idle !== undefined) return nothing(idle)
  if ('VacuumStmt' in tree) return nothing(tree.VacuumStmt.is_vacuumcmd ? 'VACUUM' : 'ANALYZE')
  const [what, hint] = REFUSED[kind] ?? [
    words(kind),
    'See docs/sql.md for the statements there are.',
  ]
  return context.refuse(what, -1, hint)
}

function nothing(tag: string): Unfinished {
  const command: Command = { kind: 'nothing' }
  return { body: { command }, columns: null, tag }
}

/** `CreateRoleStmt` → CREATE ROLE. */
function words(kind: string): string {
  const parts = kind.replace(/Stmt$/, '').match(/[A-Z][a-z]*/g) ?? [kind]
  return parts.join(' ').toUpperCase()
}

/** What clients send that there is nothing to do for. */
const IDLE: Readonly<Record<string, string>> = {
  UnlistenStmt: 'UNLISTEN',
  CheckPointStmt: 'CHECKPOINT',
  ConstraintsSetStmt: 'SET CONSTRAINTS',
}

const TOKENS = 'Tokens have scopes: POST /v1/tokens.'

const REFUSED: Readonly<Record<string, readonly [string, string]>> = {
  UpdateStmt: ['UPDATE', 'INSERT the point again: one of the same series and time is overwritten.'],
  MergeStmt: ['MERGE', 'INSERT overwrites points of the same series and time.'],
  IndexStmt: ['CREATE INDEX', 'Tags and time are indexed by themselves.'],
  CreateTableAsStmt: ['CREATE TABLE AS', 'Create the table, then INSERT … SELECT.'],
  ViewStmt: ['CREATE VIEW', 'Use WITH, or a rollup of the table.'],
  ListenStmt: ['LISTEN', 'Follow new points with GET /v1/tail.'],
  NotifyStmt: ['NOTIFY', 'Follow new points with GET /v1/tail.'],
  LockStmt: ['LOCK', 'Writes of one point are atomic.'],
  CreateExtensionStmt: ['CREATE EXTENSION', 'time_bucket and its kin are built in.'],
  CreateSchemaStmt: ['CREATE SCHEMA', 'Tables are in schema public; use databases.'],
  GrantStmt: ['GRANT', TOKENS],
  GrantRoleStmt: ['GRANT', TOKENS],
  CreateRoleStmt: ['CREATE ROLE', TOKENS],
  AlterRoleStmt: ['ALTER ROLE', TOKENS],
  DropRoleStmt: ['DROP ROLE', TOKENS],
  CommentStmt: ['COMMENT', 'Tables and columns have no comments.'],
  CreateFunctionStmt: ['CREATE FUNCTION', 'There are no functions of one’s own.'],
  DoStmt: ['DO', 'There are no procedural languages: send the statements.'],
  CallStmt: ['CALL', 'There are no procedures: send the statements.'],
  CreateSeqStmt: ['CREATE SEQUENCE', 'A point is named by its tags and its time.'],
  CreateTrigStmt: ['CREATE TRIGGER', 'Follow new points with GET /v1/tail.'],
  RenameStmt: ['RENAME', 'Write into a table of the new name.'],
}
