// Calls: whether a name means a function, an aggregate, a window function or a function of rows.
// Source: PostgreSQL 15, src/backend/parser/parse_func.c.

import type { FuncCall } from 'libpg-query'
import { isPlaceName } from '../functions/ordered-set.ts'
import type { Bound } from '../tree.ts'
import { bindAggregate } from './aggregate.ts'
import { bindOperands } from './arguments.ts'
import type { Context } from './context.ts'
import { bindNamedCall, functionName } from './function-call.ts'
import { bindFill, bindGapfill } from './gapfill.ts'
import { makeRecord } from './record.ts'
import { bindRows } from './rows.ts'
import type { Site } from './site.ts'
import { bindVariadic } from './variadic.ts'
import { WINDOW_FUNCTIONS, bindWindowCall } from './window.ts'

export function bindCall(site: Site, call: FuncCall): Bound {
  const { context } = site
  const name = functionName(context, call)
  if (name === 'locf' || name === 'interpolate') return bindFill(site, call, name)
  if (name === 'time_bucket_gapfill') return bindGapfill(site, call)
  const operands = bindOperands(site, call, name)
  if (call.func_variadic === true) return bindVariadic(context, call, name, operands)
  if (call.over !== undefined) return bindWindowCall(site, call, name, operands)
  if (call.agg_within_group === true && isPlaceName(name)) {
    return bindAggregate(site, call, name, operands)
  }
  if (name in WINDOW_FUNCTIONS) {
    const message = `window function ${name} requires an OVER clause`
    context.fail('42809', message, call.location)
  }
  if (isAggregate(context, name)) return bindAggregate(site, call, name, operands)
  if (context.functions.tables(name).length > 0) {
    const { isBare, names, column } = bindRows(site, call, name, operands)
    if (isBare) return column(0)
    return makeRecord(
      names,
      names.map((_, index) => column(index)),
    )
  }
  const bound = bindNamedCall(context, name, operands, call.location)
  refuseAggregateForms(context, call, name)
  return bound
}

function isAggregate({ functions }: Context, name: string): boolean {
  return functions.aggregates(name).length > 0
}

function refuseAggregateForms(context: Context, call: FuncCall, name: string): void {
  const wrong = (what: string): never =>
    context.fail(
      '42809',
      `${what} specified, but ${name} is not an aggregate function`,
      call.location,
    )
  if (call.agg_star === true) {
    wrong(`${name}(*)`)
  }
  if (call.agg_distinct === true) wrong('DISTINCT')
  if (call.agg_within_group === true) wrong('WITHIN GROUP')
  if ((call.agg_order ?? []).length > 0) wrong('ORDER BY')
  if (call.agg_filter !== undefined) wrong('FILTER')
}
