// ON CONFLICT of an INSERT. Points of one series and time are one point, so the key is the tags and the
// time; what may be said of a conflict is nothing, or which columns take the new value.
// Source: PostgreSQL 15, src/backend/optimizer/util/plancat.c, infer_arbiter_indexes.

import type { ColumnRef, InferClause, OnConflictClause, ResTarget, Node as Tree } from 'libpg-query'
import { textsOf } from '../syntax/name.ts'
import type { Relation } from '../relation.ts'
import type { Conflict } from '../tree.ts'
import type { Context } from './context.ts'
import { findColumn } from './relation-name.ts'

export function bindConflict(
  context: Context,
  relation: Relation,
  conflict: OnConflictClause | undefined,
): Conflict {
  if (conflict === undefined) return { kind: 'upsert' }
  const { action, infer, targetList = [], whereClause, location } = conflict
  if (infer !== undefined) checkKey(context, relation, infer)
  if (action === 'ONCONFLICT_NOTHING') return { kind: 'nothing' }
  if (infer === undefined) {
    const message = 'ON CONFLICT DO UPDATE requires inference specification or constraint name'
    context.fail('42601', message, location, { hint: 'For example, ON CONFLICT (column_name).' })
  }
  if (whereClause !== undefined) {
    context.refuse('WHERE of ON CONFLICT DO UPDATE', context.startOf(whereClause))
  }
  const columns = targetList.map((tree) => bindAssignment(context, relation, tree))
  return { kind: 'update', columns: [...new Set(columns)] }
}

function checkKey(context: Context, relation: Relation, infer: InferClause): void {
  const { indexElems = [], conname, whereClause, location } = infer
  if (conname !== undefined) {
    if (conname === `${relation.name}_pkey`) return
    const message = `constraint "${conname}" for table "${relation.name}" does not exist`
    context.fail('42704', message, -1)
  }
  const named = indexElems.map((tree) => {
    const { name, expr } = (tree as { IndexElem: { name?: string; expr?: Tree } }).IndexElem
    if (name === undefined)
      return context.refuse('ON CONFLICT of an expression', expr && context.startOf(expr))
    const missing = `column "${name}" does not exist`
    return findColumn(context, relation, name, location, missing)
  })
  const key = relation.columns.flatMap(({ kind }, index) =>
    kind === 'time' || kind === 'tag' ? [index] : [],
  )
  const isKey = new Set(named).size === key.length && key.every((index) => named.includes(index))
  if (isKey && whereClause === undefined) return
  const message =
    'there is no unique or exclusion constraint matching the ON CONFLICT specification'
  const names = key.map((index) => relation.columns[index]!.name).join(', ')
  context.fail('42P10', message, -1, { hint: `The key is (${names}).` })
}

/** `c = excluded.c`. */
function bindAssignment(context: Context, relation: Relation, tree: Tree): number {
  const { name = '', val, location } = (tree as { ResTarget: ResTarget }).ResTarget
  const index = findColumn(context, relation, name, location)
  const column = relation.columns[index]!
  if (column.kind !== 'field')
    context.refuse(`SET of "${column.name}", which is of the key`, location)
  const reference = (val as { ColumnRef?: ColumnRef }).ColumnRef
  const [table, source, ...rest] = textsOf(reference?.fields ?? [])
  const isExcluded = table === 'excluded' && source !== undefined && rest.length === 0
  const start = context.startOf(val!)
  if (!isExcluded || findColumn(context, relation, source, start) !== index) {
    const hint = `Write ${column.name} = excluded.${column.name}.`
    context.refuse('a value other than the new one', start, hint)
  }
  return index
}
