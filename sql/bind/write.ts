// INSERT and DELETE: what is written is cast to the columns; an integer for a time is milliseconds.
// Source: PostgreSQL 15, src/backend/parser/analyze.c, transformInsertStmt.

import type {
  DeleteStmt,
  InsertStmt,
  RangeVar,
  ResTarget,
  ReturningClause,
  SelectStmt,
  Node as Tree,
} from 'libpg-query'
import type { Relation } from '../relation.ts'
import type { Bound, Named, Node } from '../tree.ts'
import type { DataType } from '../type.ts'
import { coerce, coerceToBoolean, settle } from './coercion.ts'
import { bindConflict } from './conflict.ts'
import type { Context } from './context.ts'
import { isInteger, isTime, timeOfMilliseconds } from './epoch.ts'
import { findColumn, findRelation } from './relation-name.ts'
import { bindExpression, bindSelectStatement } from './recursion.ts'
import {
  type Environment,
  type FromItem,
  NO_FROM,
  OUTERMOST,
  inputsOf,
  openScope,
} from './scope.ts'
import { bindTargets } from './select.ts'
import { clause } from './site.ts'
import type { Unfinished } from './unfinished.ts'
import { rowsOf } from './values.ts'
import { bindWith } from './with.ts'

export function bindInsert(context: Context, insert: InsertStmt): Unfinished {
  const { relation: table, cols, selectStmt, withClause, override, returningClause } = insert
  const ctes = bindWith(context, withClause, OUTERMOST)
  const relation = findWritable(context, table!)
  const targets = bindColumns(context, relation, cols)
  if (selectStmt === undefined) context.refuse('DEFAULT VALUES', -1, 'A point has a time.')
  if (override !== undefined && override.startsWith('OVERRIDING') && !override.endsWith('SET')) {
    context.refuse('OVERRIDING', -1)
  }
  const { SelectStmt: select } = selectStmt as { SelectStmt: SelectStmt }
  const into: Into = { relation, targets, trees: cols ?? [], isNamed: cols !== undefined }
  const { targets: used, node } = bindSource(context, into, select, ctes.environment)
  const conflict = bindConflict(context, relation, insert.onConflictClause)
  const { returning, columns } = bindReturning(context, relation, table!, returningClause)
  const bound = ctes.ctes()
  const source: Node =
    bound.length === 0 ? node : { kind: 'with', ctes: bound, input: node, columns: node.columns }
  const command = { kind: 'insert', relation, targets: used, source, conflict, returning } as const
  return { body: { command }, columns, tag: 'INSERT' }
}

/** A table whose points may change. Throws 42P01, 42809 for one of the catalogs. */
export function findWritable(context: Context, table: RangeVar): Relation {
  const relation = findRelation(context, table)
  if (relation.columns.every(({ kind }) => kind === null)) {
    context.fail('42809', `cannot change relation "${relation.name}"`, -1)
  }
  return relation
}

interface Into {
  readonly relation: Relation
  /** Indexes of the relation's columns. */
  readonly targets: readonly number[]
  readonly trees: readonly Tree[]
  readonly isNamed: boolean
}

/** Columns by name, or all. Throws 42703 or 42701. */
function bindColumns(
  context: Context,
  relation: Relation,
  cols: readonly Tree[] | undefined,
): readonly number[] {
  if (cols === undefined) return relation.columns.map((_, index) => index)
  const targets: number[] = []
  for (const tree of cols) {
    const { name = '', location, indirection = [] } = (tree as { ResTarget: ResTarget }).ResTarget
    if (indirection.length > 0) context.refuse('a part of a column as a target', location)
    const index = findColumn(context, relation, name, location)
    if (targets.includes(index)) {
      context.fail('42701', `column "${name}" specified more than once`, location)
    }
    targets.push(index)
  }
  return targets
}

function bindSource(
  context: Context,
  into: Into,
  select: SelectStmt,
  environment: Environment,
): { targets: readonly number[]; node: Node } {
  const isPlain = select.valuesLists !== undefined && select.sortClause === undefined
  const isWhole = select.limitCount === undefined && select.limitOffset === undefined
  if (isPlain && isWhole && select.withClause === undefined) {
    return bindRows(context, into, select.valuesLists ?? [], environment)
  }
  const query = bindSelectStatement(context, select, environment, { keepsUnknown: true })
  const targets = fit(context, into, query.columns.length, query.trees)
  const isProject = query.node.kind === 'project'
  const expressions = query.columns.map(({ type }, index): Bound => {
    const written = isProject
      ? (query.node as { expressions: readonly Bound[] }).expressions[index]!
      : null
    const bound: Bound =
      written !== null && written.type.name === 'unknown' ? written : { kind: 'input', type, index }
    return assign(context, into, targets[index]!, context.placed({ ...bound }, query.trees[index]))
  })
  const columns = nameColumns(into, targets)
  return { targets, node: { kind: 'project', input: query.node, expressions, columns } }
}

/** VALUES lists, whose members become the columns' types each by itself, and may be DEFAULT. */
function bindRows(
  context: Context,
  into: Into,
  lists: readonly Tree[],
  environment: Environment,
): { targets: readonly number[]; node: Node } {
  const trees = rowsOf(context, lists)
  const targets = fit(context, into, trees[0]!.length, trees[0]!)
  const scope = openScope(environment, NO_FROM)
  const site = { context, scope, clause: clause('VALUES'), block: null }
  const rows = trees.map((row) =>
    row.map((tree, index): Bound => {
      const target = targets[index]!
      const { type } = into.relation.columns[target]!
      if ('SetToDefault' in tree) return { kind: 'constant', type, value: null }
      return assign(context, into, target, bindExpression(site, tree))
    }),
  )
  return { targets, node: { kind: 'values', rows, columns: nameColumns(into, targets) } }
}

function nameColumns({ relation }: Into, targets: readonly number[]): Named[] {
  return targets.map((target) => {
    const { name, type } = relation.columns[target]!
    return { name, type }
  })
}

/** As many targets as there are values. Throws 42601. */
function fit(
  context: Context,
  { targets, trees, isNamed }: Into,
  count: number,
  values: readonly (Tree | undefined)[],
): readonly number[] {
  if (count > targets.length) {
    const extra = values[targets.length]
    const start = extra === undefined ? -1 : context.startOf(extra)
    context.fail('42601', 'INSERT has more expressions than target columns', start)
  }
  if (isNamed && count < targets.length) {
    const lonely = (trees[count] as { ResTarget: ResTarget }).ResTarget
    context.fail('42601', 'INSERT has more target columns than expressions', lonely.location)
  }
  return targets.slice(0, count)
}

function assign(context: Context, { relation }: Into, target: number, bound: Bound): Bound {
  const { name, type } = relation.columns[target]!
  if (isTime(type) && isInteger(bound.type)) return timeOfMilliseconds(context, bound, type)
  const cast = coerce(context, bound, type, 'assignment')
  if (cast !== null) return cast
  return failAssignment(context, name, type, bound)
}

function failAssignment(context: Context, name: string, type: DataType, bound: Bound): never {
  const message = `column "${name}" is of type ${type.title} but expression is of type ${bound.type.title}`
  const hint = 'You will need to rewrite or cast the expression.'
  return context.failAt('42804', message, bound, { hint })
}

/** The row of a table that a command changes, under its alias. */
function itemOf(relation: Relation, { alias, relname, location = 0 }: RangeVar): FromItem {
  const columns = relation.columns.map(({ name, type }) => ({ name, type }))
  const name = alias?.aliasname ?? relname!
  const node: Node = { kind: 'scan', relation, alias: name, columns }
  const visible = inputsOf(columns)
  const schema = alias === undefined ? relation.schema : null
  return { node, entries: [{ name, schema, columns: visible, location }], visible }
}

function bindReturning(
  context: Context,
  relation: Relation,
  table: RangeVar,
  returning: ReturningClause | undefined,
): { returning: readonly Bound[] | null; columns: readonly Named[] | null } {
  if (returning === undefined) return { returning: null, columns: null }
  if (returning.options !== undefined) context.refuse('RETURNING WITH', -1)
  const scope = openScope(OUTERMOST, itemOf(relation, table))
  const site = { context, scope, clause: clause('RETURNING'), block: null }
  const targets = bindTargets(site, returning.exprs ?? [])
  const bound = targets.map((target) => settle(context, target.bound))
  const columns = targets.map(({ name }, index) => ({ name, type: bound[index]!.type }))
  return { returning: bound, columns }
}

export function bindDelete(context: Context, statement: DeleteStmt): Unfinished {
  const { relation: table, usingClause, whereClause, withClause, returningClause } = statement
  if (withClause !== undefined) context.refuse('WITH of a DELETE', withClause.location)
  const relation = findWritable(context, table!)
  if (usingClause !== undefined) {
    const start = context.startOf(usingClause[0]!)
    context.refuse('DELETE … USING', start, 'Use a subquery in WHERE.')
  }
  const scope = openScope(OUTERMOST, itemOf(relation, table!))
  const site = { context, scope, clause: clause('WHERE'), block: null }
  const condition =
    whereClause === undefined
      ? null
      : coerceToBoolean(context, bindExpression(site, whereClause), 'WHERE')
  const { returning, columns } = bindReturning(context, relation, table!, returningClause)
  return {
    body: { command: { kind: 'delete', relation, condition, returning } },
    columns,
    tag: 'DELETE',
  }
}
