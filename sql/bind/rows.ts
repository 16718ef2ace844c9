// Functions of rows outside of FROM: generate_series in a select list, (function(…)).column.
// Source: PostgreSQL 15, src/backend/parser/parse_func.c, check_srf_call_placement.

import type { FuncCall } from 'libpg-query'
import type { Bound } from '../tree.ts'
import { bindOperands } from './arguments.ts'
import { failToChoose, functionName } from './function-call.ts'
import { choose, coerceArguments } from './overload.ts'
import type { Site } from './site.ts'

/** A call whose rows the block joins to its own. */
export interface BoundRows {
  /** Whether its rows have one column, which is then their value. */
  readonly isBare: boolean
  readonly names: readonly string[]
  readonly column: (index: number) => Bound
}

/** Throws 0A000 where functions of rows may not stand. */
export function bindRows(
  { context, block, clause }: Site,
  { location }: FuncCall,
  name: string,
  operands: readonly Bound[],
): BoundRows {
  const chosen = choose(
    context,
    context.functions.tables(name),
    operands.map(({ type }) => type),
  )
  if (chosen.overload === null) return failToChoose(context, chosen, name, operands, location)
  if (!clause.hasRows || block === null) {
    const message = `set-returning functions are not allowed in ${clause.title}`
    return context.fail('0A000', message, location)
  }
  const { overload, types } = chosen
  const columns = overload.columns(types)
  const call = {
    function: overload,
    arguments: coerceArguments(context, operands, types),
    position: context.position(location),
  }
  return {
    isBare: columns.length === 1,
    names: columns.map((column) => column.name),
    column: (index) => block.rows(call, index),
  }
}

/** `(function(…)).column`. Throws 42703 where its rows have no such column. */
export function bindRowsField(site: Site, call: FuncCall, field: string): Bound {
  const { context } = site
  const name = functionName(context, call)
  const operands = bindOperands(site, call, name)
  const { names, column } = bindRows(site, call, name, operands)
  const index = names.indexOf(field)
  if (index >= 0) return column(index)
  const message = `could not identify column "${field}" in record data type`
  return context.fail('42703', message, call.location)
}
