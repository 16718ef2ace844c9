// Column definitions of CREATE TABLE and ALTER TABLE: a type, NOT NULL, and being of the primary key,
// which is the tags and the time.
// Source: PostgreSQL 15, src/backend/parser/parse_utilcmd.c, transformColumnDefinition.

import type { ColumnDef, Constraint, Node as Tree } from 'libpg-query'
import { textsOf } from '../syntax/name.ts'
import type { TableColumn } from '../tree.ts'
import { isValueType, readType } from './cast.ts'
import type { Context } from './context.ts'

/** Throws 42701 for a name that comes twice, 42703 for a key that is no column, 42P16 for two keys. */
export function readColumns(
  context: Context,
  table: string,
  elements: readonly Tree[],
): readonly TableColumn[] {
  const columns: TableColumn[] = []
  const keys: Constraint[] = []
  for (const element of elements) {
    if ('ColumnDef' in element) {
      const column = readColumn(context, element)
      if (columns.some(({ name }) => name === column.name)) {
        context.fail('42701', `column "${column.name}" specified more than once`, -1)
      }
      columns.push(column)
      if (column.isPrimaryKey) keys.push({ ...keyOf(element), keys: [nameNode(column.name)] })
    } else if ('Constraint' in element) {
      keys.push(readTableConstraint(context, element.Constraint))
    } else {
      context.refuse('LIKE', -1, 'Name the columns.')
    }
  }
  const [key, second] = keys
  if (second !== undefined) {
    const message = `multiple primary keys for table "${table}" are not allowed`
    context.fail('42P16', message, second.location)
  }
  return key === undefined ? columns : withKey(context, columns, key)
}

function keyOf(element: Extract<Tree, { ColumnDef: unknown }>): Constraint {
  const { constraints = [] } = element.ColumnDef
  return constraints
    .map((one) => (one as { Constraint: Constraint }).Constraint)
    .find(({ contype }) => contype === 'CONSTR_PRIMARY')!
}

function nameNode(name: string): Tree {
  return { String: { sval: name } }
}

function withKey(
  context: Context,
  columns: readonly TableColumn[],
  { keys = [], location }: Constraint,
): readonly TableColumn[] {
  const names = textsOf(keys)
  for (const [index, name] of names.entries()) {
    if (!columns.some((column) => column.name === name)) {
      context.fail('42703', `column "${name}" named in key does not exist`, location)
    }
    if (names.indexOf(name) < index) {
      const message = `column "${name}" appears twice in primary key constraint`
      context.fail('42701', message, location)
    }
  }
  return columns.map((column) =>
    names.includes(column.name) ? { ...column, isPrimaryKey: true, isNotNull: true } : column,
  )
}

function readTableConstraint(context: Context, constraint: Constraint): Constraint {
  if (constraint.contype === 'CONSTR_PRIMARY') return constraint
  return refuseConstraint(context, constraint)
}

function refuseConstraint(context: Context, { contype, location }: Constraint): never {
  const title = (contype ?? '').replace('CONSTR_', '').replaceAll('_', ' ')
  const hint = 'A table has NOT NULL and PRIMARY KEY (tags, time).'
  return context.refuse(`constraint ${title}`, location, hint)
}

/** One column definition. Throws 42704 for a type that is none, 0A000 for other constraints. */
export function readColumn(context: Context, tree: Tree): TableColumn {
  const {
    colname,
    typeName,
    constraints = [],
    collClause,
    location,
  } = (tree as { ColumnDef: ColumnDef }).ColumnDef
  const name = typeName?.names?.length === undefined ? undefined : typeName
  if (name === undefined) return context.refuse('a column without a type', location)
  refuseSerial(context, textsOf(name.names ?? []), name.location)
  const { type } = readType(context, name)
  if (!isValueType(type)) {
    context.fail('42P16', `column "${colname}" has pseudo-type ${type.name}`, -1)
  }
  if (collClause !== undefined) context.refuse('COLLATE of a column', collClause.location)
  let isNotNull = false
  let isPrimaryKey = false
  for (const one of constraints) {
    const { Constraint: constraint } = one as { Constraint: Constraint }
    if (constraint.contype === 'CONSTR_NOTNULL') isNotNull = true
    else if (constraint.contype === 'CONSTR_PRIMARY') isPrimaryKey = true
    else if (constraint.contype !== 'CONSTR_NULL') refuseConstraint(context, constraint)
  }
  const position = context.position(location)
  return { name: colname!, type, isNotNull: isNotNull || isPrimaryKey, isPrimaryKey, position }
}

function refuseSerial(
  context: Context,
  parts: readonly string[],
  location: number | undefined,
): void {
  if (!/^(small|big)?serial[248]?$/.test(parts.at(-1) ?? '')) return
  context.refuse('a column that counts by itself', location, 'The key is the tags and the time.')
}
