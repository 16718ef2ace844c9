// Calls of aggregates: DISTINCT, ORDER BY, FILTER and WITHIN GROUP, and where they may stand.
// Source: PostgreSQL 15, src/backend/parser/parse_agg.c.

import type { FuncCall, SortBy } from 'libpg-query'
import type { AggregateFunction } from '../function.ts'
import type { AggregateCall, Bound, SortKey } from '../tree.ts'
import { isPlaceName, placeAggregate } from '../functions/ordered-set.ts'
import { coerceToBoolean, unify } from './coercion.ts'
import type { Context } from './context.ts'
import { failToChoose } from './function-call.ts'
import { choose, coerceArguments, resultType } from './overload.ts'
import { isOuterAggregate, ownerOf, risen } from './outer-aggregate.ts'
import { isPlaceholder } from './placeholder.ts'
import { bindExpression } from './recursion.ts'
import type { Site } from './site.ts'
import { bindSortKey } from './sort.ts'
import { keyOf, mapBound } from './tree-map.ts'

/** `name(operands)` where name is an aggregate. Throws 42803 where none may stand. */
export function bindAggregate(
  site: Site,
  call: FuncCall,
  name: string,
  operands: readonly Bound[],
): Bound {
  const { context } = site
  const order = (call.agg_order ?? []).map((one) =>
    bindSortKey(site, (one as { SortBy: SortBy }).SortBy),
  )
  const filter = bindFilter(site, call)
  const made = makeAggregate(context, call, name, { operands, order, filter })
  const owner = ownerOf(site, made, call.location)
  if (owner === null) return placeAggregateIn(site, made, call)
  const placed = placeAggregateIn(owner.site, risen(made, owner.distance), call)
  if (placed.kind !== 'input') throw new Error('aggregate: a placeholder is an input')
  return { kind: 'outer', type: placed.type, depth: owner.distance, index: placed.index }
}

function placeAggregateIn(
  { context, block, clause }: Site,
  made: AggregateCall,
  { location }: FuncCall,
): Bound {
  if (!clause.hasAggregates || block === null) {
    const message = `aggregate functions are not allowed in ${clause.title}`
    return context.fail('42803', message, location)
  }
  checkNesting(
    context,
    [...made.arguments, ...made.order.map((key) => key.expression)],
    'aggregate',
  )
  return block.aggregate(made, { kind: 'null' })
}

/** FILTER (WHERE …), which holds no aggregate itself. */
export function bindFilter(site: Site, { agg_filter }: FuncCall): Bound | null {
  if (agg_filter === undefined) return null
  const clause = { ...site.clause, title: 'FILTER', hasAggregates: false, hasWindows: false }
  const condition = bindExpression({ ...site, clause }, agg_filter)
  return coerceToBoolean(site.context, condition, 'FILTER')
}

interface AggregateParts {
  readonly operands: readonly Bound[]
  readonly order: readonly SortKey[]
  readonly filter: Bound | null
}

/** The aggregate of a call's name and arguments. Throws 42883, 42725, 42809 or 42P10. */
export function makeAggregate(
  context: Context,
  call: FuncCall,
  name: string,
  { operands, order, filter }: AggregateParts,
): AggregateCall {
  const { location } = call
  const isWithinGroup = call.agg_within_group === true
  if (isWithinGroup && isPlaceName(name)) {
    return makePlace(context, call, name, { operands, order, filter })
  }
  const all = isWithinGroup ? [...operands, ...order.map((key) => key.expression)] : operands
  const overloads = context.functions.aggregates(name)
  if (all.length === 0 && call.agg_star !== true) {
    const message = `${name}(*) must be used to call a parameterless aggregate function`
    context.fail('42809', message, location)
  }
  const chosen = choose(
    context,
    overloads,
    all.map(({ type }) => type),
  )
  if (chosen.overload === null) return failToChoose(context, chosen, name, all, location)
  const { overload, types } = chosen
  checkForm(context, call, name, overload)
  const arguments_ = coerceArguments(context, all, types)
  if (call.agg_distinct === true) checkDistinctOrder(context, operands, order)
  return {
    function: overload,
    type: resultType(overload, types),
    arguments: arguments_,
    isDistinct: call.agg_distinct === true,
    order: isWithinGroup ? asArguments(order, arguments_.slice(operands.length)) : order,
    filter,
    position: context.position(location),
  }
}

/** `rank(a) WITHIN GROUP (ORDER BY b)`: each argument with its column of the order, in one type. */
function makePlace(
  context: Context,
  { location }: FuncCall,
  name: string,
  { operands, order, filter }: AggregateParts,
): AggregateCall {
  if (operands.length !== order.length) {
    const all = [...operands, ...order.map((key) => key.expression)]
    const form = `${name}(${all.map(({ type }) => type.title).join(', ')})`
    const hint =
      `To use the hypothetical-set aggregate ${name}, the number of hypothetical direct arguments ` +
      `(here ${operands.length}) must match the number of ordering columns (here ${order.length}).`
    context.fail('42883', `function ${form} does not exist`, location, { hint })
  }
  const pairs = operands.map((operand, index) =>
    unify(context, [order[index]!.expression, operand], 'WITHIN GROUP'),
  )
  const [ordered, direct] = [pairs.map(([one]) => one!), pairs.map(([, two]) => two!)]
  const overload = placeAggregate(
    name,
    order.map((key, index) => ({ ...key, type: ordered[index]!.type })),
  )
  return {
    function: overload,
    type: resultType(overload, overload.arguments),
    arguments: [...direct, ...ordered],
    isDistinct: false,
    order: asArguments(order, ordered),
    filter,
    position: context.position(location),
  }
}

function checkDistinctOrder(
  context: Context,
  operands: readonly Bound[],
  order: readonly SortKey[],
): void {
  const keys = new Set(operands.map((one) => keyOf(one)))
  for (const { expression } of order) {
    if (keys.has(keyOf(expression))) continue
    const message =
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list'
    context.failAt('42P10', message, expression)
  }
}

function asArguments(order: readonly SortKey[], ordered: readonly Bound[]): SortKey[] {
  return order.map((key, index) => ({ ...key, expression: ordered[index]! }))
}

function checkForm(
  context: Context,
  { agg_within_group, location }: FuncCall,
  name: string,
  { isOrderedSet }: AggregateFunction,
): void {
  if (isOrderedSet && agg_within_group !== true) {
    const message = `WITHIN GROUP is required for ordered-set aggregate ${name}`
    context.fail('42809', message, location)
  }
  if (!isOrderedSet && agg_within_group === true) {
    const message = `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`
    context.fail('42809', message, location)
  }
}

/** Throws where an aggregate's or a window function's arguments hold another. */
export function checkNesting(
  context: Context,
  operands: readonly Bound[],
  outer: 'aggregate' | 'window',
): void {
  const find = (bound: Bound): Bound =>
    mapBound(bound, (one, depth) => {
      if (outer === 'aggregate' && isOuterAggregate(one, depth)) {
        context.failAt('42803', 'aggregate function calls cannot be nested', one)
      }
      if (depth > 0) return null
      if (outer === 'aggregate' && isPlaceholder(one, 'aggregate')) {
        context.failAt('42803', 'aggregate function calls cannot be nested', one)
      }
      if (!isPlaceholder(one, 'window')) return null
      if (outer === 'window') {
        context.failAt('42P20', 'window function calls cannot be nested', one)
      }
      const message = 'aggregate function calls cannot contain window function calls'
      return context.failAt('42803', message, one)
    })
  operands.forEach(find)
}
