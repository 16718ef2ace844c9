// CREATE TABLE, ALTER TABLE, DROP TABLE and TRUNCATE. The key of a table is its tags and its time; all
// other columns are fields. What the columns were declared as, in which order and which of them may
// not be null, is kept with the table (tables/declaration.ts).

import type { Relation } from '../relation.ts'
import { SqlError } from '../sql-error.ts'
import { type Declaration, declarationOf, encodeDeclaration } from '../tables/declaration.ts'
import type { Command, TableColumn } from '../tree.ts'
import type { CommandContext } from './context.ts'
import { deleteAll } from './delete.ts'
import { hasCode, translated } from './engine-error.ts'
import { fieldTypeName, isTagType } from './table-column-type.ts'
import { readSettings } from './table-setting.ts'
import { inTurn } from './table-turn.ts'

type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>

/** The parts of a new table. */
interface Shape {
  readonly time: TableColumn
  readonly tags: readonly TableColumn[]
  readonly fields: readonly TableColumn[]
}

/** Throws 42P07, 42P16 and 0A000 for keys and types that no table has, 22023 for settings. */
export async function createTable(
  command: Of<'createTable'>,
  context: CommandContext,
): Promise<void> {
  const { name, columns } = command
  const { engine, database } = context
  const settings = readSettings(command.settings)
  const { time, tags, fields } = shapeOf(command)
  const types = fields.map((column) => [column.name, fieldTypeName(column)] as const)
  const declaration: Declaration = {
    time: time.name,
    columns: columns.map((column) => ({ name: column.name, isNotNull: column.isNotNull })),
  }
  await inTurn(engine, database, name, async () => {
    if (await exists(name, context)) {
      if (command.ifNotExists) return
      throw new SqlError('42P07', `relation "${name}" already exists`)
    }
    const put = {
      tags: tags.map((tag) => tag.name),
      fields: Object.fromEntries(types),
      declaration: encodeDeclaration(declaration),
      ...settings,
    }
    await translated(() => engine.putTable(name, put, { database }), DECLARATION_ERRORS)
  })
}

/** The time column is the timestamptz of the primary key, tags are its other columns. */
function shapeOf({ name, columns }: Of<'createTable'>): Shape {
  const key = columns.filter(({ isPrimaryKey }) => isPrimaryKey)
  const hint = 'Write PRIMARY KEY (tag, …, time): the time is its timestamptz, tags are its texts.'
  if (key.length === 0) throw new SqlError('0A000', `table "${name}" has no primary key`, { hint })
  const [time, second] = key.filter(({ type }) => type.name === 'timestamptz')
  if (time === undefined || second !== undefined) {
    const what = time === undefined ? 'no timestamptz' : 'more than one timestamptz'
    throw new SqlError('0A000', `the primary key of "${name}" has ${what}`, { hint })
  }
  const tags = key.filter((column) => column !== time)
  const wrong = tags.find((column) => !isTagType(column))
  if (wrong !== undefined) {
    const message = `key column "${wrong.name}" of type ${wrong.type.title} is not supported`
    throw new SqlError('0A000', message, { position: wrong.position, hint })
  }
  const fields = columns.filter(({ isPrimaryKey }) => !isPrimaryKey)
  for (const column of [...tags, ...fields]) refuseTimeName(column, time.name)
  return { time, tags, fields }
}

/** The engine calls the time of its points `time`. */
function refuseTimeName({ name, position }: TableColumn, time: string): void {
  if (name !== 'time') return
  const hint = `The time of a point is column "${time}" here: give this one another name.`
  throw new SqlError('0A000', 'column "time" has to be the time of the key', { position, hint })
}

const DECLARATION_ERRORS = {
  bad_request: (message: string) => new SqlError('42602', message),
  type_conflict: (message: string) => new SqlError('42701', message),
  conflict: (message: string) => new SqlError('55006', message),
  limit_exceeded: (message: string) => new SqlError('54011', message),
} as const

async function exists(name: string, { engine, database }: CommandContext): Promise<boolean> {
  try {
    await engine.columns(name, { database })
    return true
  } catch (error) {
    if (hasCode(error, 'not_found')) return false
    throw error
  }
}

/**
 * Several changes: all are checked before the first is made. What fails below after that (a limit, a
 * full disk) leaves those that were made.
 */
export async function alterTable(
  { relation, changes }: Of<'alterTable'>,
  context: CommandContext,
): Promise<void> {
  let { columns } = relation
  const { name } = relation
  const steps: (() => Promise<void>)[] = []
  for (const change of changes) {
    const altered = { name, columns }
    if (change.kind === 'setTable') {
      readSettings(change.settings)
      steps.push(() => setTable(change, context))
    } else if (change.kind === 'addColumn') {
      if (!isAdded(altered, change)) continue
      steps.push(() => add(altered, change, context))
      const { name: added, type } = change.column
      columns = [...columns, { name: added, type, kind: 'field', isNullable: true }]
    } else {
      if (!isDropped(altered, change)) continue
      steps.push(() => drop(altered, change, context))
      columns = columns.filter((one) => one.name !== change.name)
    }
  }
  for (const step of steps) await step()
}

/** A table as it will be when the changes before are made. */
type Altered = Pick<Relation, 'name' | 'columns'>

/** Throws 42701 for a name that is taken. */
export async function addColumn(command: Of<'addColumn'>, context: CommandContext): Promise<void> {
  if (isAdded(command.relation, command)) await add(command.relation, command, context)
}

/** False: it is there, and may be. */
function isAdded(relation: Altered, { column, ifNotExists }: Of<'addColumn'>): boolean {
  if (relation.columns.some(({ name }) => name === column.name)) {
    if (ifNotExists) return false
    const message = `column "${column.name}" of relation "${relation.name}" already exists`
    throw new SqlError('42701', message)
  }
  refuseAdded(relation, column)
  fieldTypeName(column)
  return true
}

async function add(
  relation: Altered,
  { column }: Of<'addColumn'>,
  context: CommandContext,
): Promise<void> {
  const { engine, database } = context
  const fields = { [column.name]: fieldTypeName(column) }
  await inTurn(engine, database, relation.name, async () => {
    const columns = [...declaredColumns(relation), { name: column.name, isNotNull: false }]
    const put = { fields, ...(await redeclared(relation, columns, context)) }
    await translated(() => engine.putTable(relation.name, put, { database }), DECLARATION_ERRORS)
  })
}

function refuseAdded(relation: Altered, column: TableColumn): void {
  const { position } = column
  if (column.isPrimaryKey) {
    const message = `multiple primary keys for table "${relation.name}" are not allowed`
    throw new SqlError('42P16', message, { position })
  }
  const time = relation.columns.find(({ kind }) => kind === 'time')!
  refuseTimeName(column, time.name)
  if (!column.isNotNull) return
  const hint = 'Points that are stored have no value in it.'
  const message = `a column that is added with NOT NULL is not supported`
  throw new SqlError('0A000', message, { position, hint })
}

function declaredColumns(relation: Altered): Declaration['columns'] {
  return relation.columns.map(({ name, isNullable }) => ({ name, isNotNull: !isNullable }))
}

/** The setting that keeps the declaration of a table that has one. */
async function redeclared(
  { name }: Altered,
  columns: Declaration['columns'],
  { engine, database }: CommandContext,
): Promise<{ declaration?: string }> {
  const before = declarationOf(await engine.columns(name, { database }))
  return before === null ? {} : { declaration: encodeDeclaration({ ...before, columns }) }
}

/** Throws 0A000 for a column of the key. */
export async function dropColumn(
  command: Of<'dropColumn'>,
  context: CommandContext,
): Promise<void> {
  if (isDropped(command.relation, command)) await drop(command.relation, command, context)
}

/** False: it is not there, and need not be. */
function isDropped(relation: Altered, { name, ifExists }: Of<'dropColumn'>): boolean {
  const column = relation.columns.find((one) => one.name === name)
  if (column === undefined) {
    if (ifExists) return false
    const message = `column "${name}" of relation "${relation.name}" does not exist`
    throw new SqlError('42703', message)
  }
  if (column.kind !== 'field') {
    const hint = 'The time and the tags name the points of a table.'
    throw new SqlError('0A000', `dropping column "${name}" of the key is not supported`, { hint })
  }
  return true
}

async function drop(
  relation: Altered,
  { name }: Of<'dropColumn'>,
  context: CommandContext,
): Promise<void> {
  const { engine, database } = context
  await inTurn(engine, database, relation.name, async () => {
    await translated(() => engine.dropColumn(relation.name, name, { database }), {
      unknown_column: (message) => new SqlError('42703', message),
      not_found: (message) => new SqlError('42P01', message),
      conflict: (message) => new SqlError('2BP01', message),
    })
    const columns = declaredColumns(relation).filter((one) => one.name !== name)
    await engine.putTable(relation.name, await redeclared(relation, columns, context), { database })
  })
}

export async function setTable(
  { relation, settings }: Of<'setTable'>,
  { engine, database }: CommandContext,
): Promise<void> {
  const read = readSettings(settings)
  await translated(() => engine.putTable(relation.name, read, { database }), {
    ...DECLARATION_ERRORS,
    bad_request: (message) => new SqlError('22023', message),
  })
}

/** Drops all of them, or none if one does not exist: 42P01. */
export async function dropTables(
  { names, ifExists }: Of<'dropTable'>,
  context: CommandContext,
): Promise<void> {
  const { engine, database } = context
  const found: string[] = []
  for (const { schema, name } of names) {
    const isPublic = schema === null || schema === 'public'
    if (isPublic && (await exists(name, context))) found.push(name)
    else if (!ifExists) throw new SqlError('42P01', `table "${name}" does not exist`)
  }
  for (const name of new Set(found)) {
    await inTurn(engine, database, name, async () => {
      await translated(() => engine.dropTable(name, { database }), {
        not_found: () => new SqlError('42P01', `table "${name}" does not exist`),
        conflict: (message) => new SqlError('2BP01', message),
      })
    })
  }
}

export async function truncate(
  { relations }: Of<'truncate'>,
  context: CommandContext,
): Promise<void> {
  for (const relation of relations) await deleteAll(relation, context)
}
