// Aggregates that stand in a subquery and are of a query around it: all of their columns are its. They
// are computed there, and the subquery reads them as it reads a column of an outer row.
// Source: PostgreSQL 15, src/backend/parser/parse_agg.c, check_agg_arguments.

import type { AggregateCall, Bound } from '../tree.ts'
import { kindOf } from './placeholder.ts'
import type { Scope } from './scope.ts'
import type { Site } from './site.ts'
import { mapAggregate, mapBound } from './tree-map.ts'

/** Where the subqueries that are being bound stand. */
const sites = new WeakMap<Scope, Site>()

/** Binds a subquery that stands at a site, which its aggregates may be of. */
export function bindingWithin<Value>(site: Site, work: () => Value): Value {
  const before = sites.get(site.scope)
  sites.set(site.scope, site)
  try {
    return work()
  } finally {
    if (before === undefined) sites.delete(site.scope)
    else sites.set(site.scope, before)
  }
}

/** How many queries further out the nearest column is that these read; null: they read none. */
function distanceOf(bounds: readonly Bound[]): number | null {
  let nearest: number | null = null
  for (const bound of bounds) {
    mapBound(bound, (one, depth) => {
      const isOwn = one.kind === 'input' && depth === 0
      const isOuter = one.kind === 'outer' && one.depth >= depth && one.depth > 0
      if (!isOwn && !isOuter) return null
      const distance = one.kind === 'outer' ? one.depth - depth : 0
      if (nearest === null || distance < nearest) nearest = distance
      return null
    })
  }
  return nearest
}

export interface Owner {
  readonly site: Site
  readonly distance: number
}

/**
 * The query that an aggregate is of; null: the one that it stands in. Throws 42803 in a FROM of that
 * query.
 */
export function ownerOf(
  { context, scope }: Site,
  call: AggregateCall,
  location: number | undefined,
): Owner | null {
  const order = call.order.map(({ expression }) => expression)
  const parts = [...call.arguments, ...order, ...(call.filter === null ? [] : [call.filter])]
  const distance = distanceOf(parts)
  if (distance === null || distance === 0) return null
  let own: Scope | null = scope
  for (let level = 0; level < distance && own !== null; level++) own = own.parent
  const site = own === null ? undefined : sites.get(own)
  if (site !== undefined) return { site, distance }
  const message = 'aggregate functions are not allowed in FROM clause of their own query level'
  return context.fail('42803', message, location)
}

/** The aggregate as the query so far out has it. */
export function risen(call: AggregateCall, distance: number): AggregateCall {
  return mapAggregate(call, (bound) =>
    mapBound(bound, (one, depth) => {
      if (one.kind !== 'outer' || one.depth < depth + distance) return null
      if (one.depth > depth + distance || depth > 0) return { ...one, depth: one.depth - distance }
      return { kind: 'input', type: one.type, index: one.index }
    }),
  )
}

/** Whether an expression reads an aggregate of the row so many levels out, which is not yet there. */
export function isOuterAggregate(bound: Bound, depth: number): boolean {
  return (
    bound.kind === 'outer' &&
    depth > 0 &&
    bound.depth === depth &&
    kindOf(bound.index) === 'aggregate'
  )
}
