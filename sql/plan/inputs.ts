// What an expression reads of its row, and the same expression over a row whose columns lie elsewhere:
// also within subqueries, which read that row as an outer one.

import { mapBound } from '../bind/tree-map.ts'
import type { Bound } from '../tree.ts'

/** Indexes of the columns that are read. */
export function inputsOf(bound: Bound): ReadonlySet<number> {
  const inputs = new Set<number>()
  mapBound(bound, (one, depth) => {
    if (one.kind === 'input' && depth === 0) inputs.add(one.index)
    if (one.kind === 'outer' && one.depth === depth) inputs.add(one.index)
    return null
  })
  return inputs
}

/** Whether it has to stay where it is: it is another value each time. */
export function isVolatile(bound: Bound): boolean {
  let found = false
  mapBound(bound, (one) => {
    if (one.kind === 'call' && one.function.volatility === 'volatile') found = true
    return null
  })
  return found
}

/** The expression with its columns moved. */
export function moveInputs(bound: Bound, to: (index: number) => number): Bound {
  return mapBound(bound, (one, depth) => {
    if (one.kind === 'input' && depth === 0) return { ...one, index: to(one.index) }
    if (one.kind === 'outer' && one.depth === depth) return { ...one, index: to(one.index) }
    return null
  })
}

/** The parts of a condition that are ANDed. */
export function conjunctsOf(condition: Bound): readonly Bound[] {
  return condition.kind === 'and' ? condition.operands.flatMap(conjunctsOf) : [condition]
}

/** The condition that all of these are met; there is at least one. */
export function allOf(conditions: readonly Bound[]): Bound {
  const [first] = conditions
  if (conditions.length === 1) return first!
  return { kind: 'and', type: first!.type, operands: conditions }
}
