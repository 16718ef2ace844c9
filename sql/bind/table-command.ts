// Commands that make, change and drop tables and databases.
// Source: PostgreSQL 15, src/backend/parser/parse_utilcmd.c.

import type {
  AlterTableCmd,
  AlterTableStmt,
  CreatedbStmt,
  CreateStmt,
  DropdbStmt,
  DropStmt,
  RangeVar,
  TruncateStmt,
  Node as Tree,
} from 'libpg-query'
import { textsOf } from '../syntax/name.ts'
import type { TableChange } from '../tree.ts'
import type { Context } from './context.ts'
import { readOptions } from './option.ts'
import { findColumn, unplaced } from './relation-name.ts'
import { readColumn, readColumns } from './table-column.ts'
import { type Binding, type Unfinished, done } from './unfinished.ts'
import { findWritable } from './write.ts'

function bindCreateTable(context: Context, create: CreateStmt): Unfinished {
  const { relation, tableElts = [], options = [], if_not_exists: ifNotExists = false } = create
  const { relname, schemaname = null, relpersistence, location } = relation!
  refuseCreateForms(context, create, relpersistence, location)
  checkSchema(context, schemaname, location)
  const command = {
    kind: 'createTable',
    schema: schemaname,
    name: relname!,
    columns: readColumns(context, relname!, tableElts),
    settings: readSettings(context, options),
    ifNotExists,
    position: context.position(location),
  } as const
  return done('CREATE TABLE', command)
}

function refuseCreateForms(
  context: Context,
  { inhRelations, partspec, ofTypename, accessMethod, tablespacename }: CreateStmt,
  persistence: string | undefined,
  location: number | undefined,
): void {
  if (persistence === 't') context.refuse('a temporary table', location)
  if (inhRelations !== undefined) context.refuse('INHERITS', location)
  if (partspec !== undefined) {
    context.refuse(
      'PARTITION BY',
      partspec.location,
      'Tables are partitioned by time by themselves.',
    )
  }
  if (ofTypename !== undefined) context.refuse('a table of a type', location)
  if (accessMethod !== undefined) context.refuse('USING of a table', location)
  if (tablespacename !== undefined) context.refuse('TABLESPACE', location)
}

function checkSchema(context: Context, schema: string | null, location: number | undefined): void {
  if (schema === null || schema === 'public') return
  context.fail('3F000', `schema "${schema}" does not exist`, location)
}

function readSettings(context: Context, trees: readonly Tree[]): ReadonlyMap<string, string> {
  const options = readOptions(context, trees)
  return new Map(options.map(({ name, text }) => [name, text ?? 'true']))
}

function bindAlterTable(context: Context, alter: AlterTableStmt): Unfinished {
  const { relation: table, cmds = [], objtype, missing_ok: isOptional = false } = alter
  if (objtype !== 'OBJECT_TABLE') context.refuse(titleOf('ALTER', objtype), table?.location)
  const { relname, schemaname = null } = table!
  if (isOptional && context.schema.relation(schemaname, relname!) === null) {
    return done('ALTER TABLE', { kind: 'nothing' })
  }
  const changes = cmds.map((tree) =>
    bindChange(context, table!, (tree as { AlterTableCmd: AlterTableCmd }).AlterTableCmd),
  )
  const [first] = changes
  if (changes.length === 1) return done('ALTER TABLE', first!)
  // PostgreSQL's passes: what goes makes room for what comes.
  const ordered = PASSES.flatMap((pass) => changes.filter(({ kind }) => kind === pass))
  return done('ALTER TABLE', {
    kind: 'alterTable',
    relation: first!.relation,
    changes: ordered,
  })
}

const PASSES: readonly TableChange['kind'][] = ['dropColumn', 'addColumn', 'setTable']

function bindChange(context: Context, table: RangeVar, change: AlterTableCmd): TableChange {
  const relation = findWritable(context, unplaced(table))
  const { subtype, name = '', def, missing_ok: isOptional = false } = change
  switch (subtype) {
    case 'AT_AddColumn': {
      const column = readColumn(context, def!)
      return { kind: 'addColumn', relation, column, ifNotExists: isOptional }
    }
    case 'AT_DropColumn': {
      const isThere = relation.columns.some((column) => column.name === name)
      if (!isThere && !isOptional) findColumn(context, relation, name, -1)
      return { kind: 'dropColumn', relation, name, ifExists: isOptional, position: 0 }
    }
    case 'AT_SetRelOptions':
    case 'AT_ResetRelOptions': {
      const items = (def as { List: { items?: Tree[] } }).List.items ?? []
      const isReset = subtype === 'AT_ResetRelOptions'
      const settings = new Map<string, string | null>(
        readOptions(context, items).map(({ name: key, text }) => [
          key,
          isReset ? null : (text ?? 'true'),
        ]),
      )
      return { kind: 'setTable', relation, settings }
    }
    default: {
      const words = (subtype ?? '').replace('AT_', '').match(/[A-Z][a-z]*/g) ?? []
      return context.refuse(`ALTER TABLE … ${words.join(' ').toUpperCase()}`, table.location)
    }
  }
}

function titleOf(verb: string, type: string | undefined): string {
  return `${verb} ${(type ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`
}

function bindDrop(context: Context, drop: DropStmt): Unfinished {
  const { objects = [], removeType, missing_ok: ifExists = false } = drop
  if (removeType !== 'OBJECT_TABLE') context.refuse(titleOf('DROP', removeType), -1)
  const names = objects.map((tree) => {
    const parts = textsOf((tree as { List: { items?: Tree[] } }).List.items ?? [])
    const [name, schema = null] = [...parts].reverse()
    return { schema, name: name!, position: 0 }
  })
  return done('DROP TABLE', { kind: 'dropTable', names, ifExists })
}

function bindTruncate(context: Context, { relations = [] }: TruncateStmt): Unfinished {
  const found = relations.map((tree) =>
    findWritable(context, unplaced((tree as { RangeVar: RangeVar }).RangeVar)),
  )
  return done('TRUNCATE TABLE', { kind: 'truncate', relations: found })
}

function bindCreateDatabase(context: Context, { dbname, options = [] }: CreatedbStmt): Unfinished {
  const [option] = readOptions(context, options).filter(({ name }) => !IGNORED.has(name))
  if (option !== undefined) context.refuse(`CREATE DATABASE with ${option.name}`, option.location)
  return done('CREATE DATABASE', { kind: 'createDatabase', name: dbname!, ifExists: false })
}

/** What every database here has anyway: one owner, UTF-8, collation by bytes. */
const IGNORED = new Set(['owner', 'encoding', 'template'])

function bindDropDatabase(_context: Context, { dbname, missing_ok }: DropdbStmt): Unfinished {
  const command = { kind: 'dropDatabase', name: dbname!, ifExists: missing_ok === true } as const
  return done('DROP DATABASE', command)
}

export const TABLE_COMMANDS = {
  CreateStmt: bindCreateTable,
  AlterTableStmt: bindAlterTable,
  DropStmt: bindDrop,
  TruncateStmt: bindTruncate,
  CreatedbStmt: bindCreateDatabase,
  DropdbStmt: bindDropDatabase,
} as Readonly<Record<string, Binding>>
