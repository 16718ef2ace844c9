// `(row).*` in a select list: the columns of a value that is a row, of a function's rows.
// Source: PostgreSQL 15, src/backend/parser/parse_target.c, ExpandIndirectionStar.

import type { A_Indirection, FuncCall, Node as Tree } from 'libpg-query'
import type { Bound } from '../tree.ts'
import { bindOperands } from './arguments.ts'
import { functionName } from './function-call.ts'
import { fieldAt } from './record.ts'
import { bindExpression } from './recursion.ts'
import { bindRows } from './rows.ts'
import type { VisibleColumn } from './scope.ts'
import type { Site } from './site.ts'

/** Null: there is no `*`. Throws 42809 where the value is no row. */
export function columnsOfRow(
  site: Site,
  { arg, indirection = [] }: A_Indirection,
): readonly VisibleColumn[] | null {
  const last = indirection.at(-1)
  if (last === undefined || !('A_Star' in last)) return null
  const { context } = site
  const inner: Tree =
    indirection.length === 1
      ? arg!
      : { A_Indirection: { arg: arg!, indirection: indirection.slice(0, -1) } }
  const rows = rowsColumns(site, inner)
  if (rows !== null) return rows
  const row = bindExpression(site, inner)
  const { fields } = row.type
  if (fields === undefined) {
    return context.fail('42809', `type ${row.type.title} is not composite`, -1)
  }
  return fields.map(({ name }, index) => ({ name, bound: fieldAt(row, index) }))
}

/** Of a function of rows with several columns, each row once. */
function rowsColumns(site: Site, tree: Tree): readonly VisibleColumn[] | null {
  const call = (tree as { FuncCall?: FuncCall }).FuncCall
  if (call === undefined || call.over !== undefined) return null
  const name = functionName(site.context, call)
  if (site.context.functions.tables(name).length === 0) return null
  const { isBare, names, column } = bindRows(site, call, name, bindOperands(site, call, name))
  if (isBare) return null
  return names.map((one, index): { name: string; bound: Bound } => ({
    name: one,
    bound: column(index),
  }))
}
