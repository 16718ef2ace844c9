// The order in which relations are joined. The first one streams, the others are kept by the key that
// joins them: so a table of points comes first, then whatever shares an equality with those before it,
// and a product of two relations only where nothing else is left.

import type { Bound, Named, Node } from '../tree.ts'
import { allOf, inputsOf, moveInputs } from './inputs.ts'

/** A relation of a join with the place of its columns among all. */
export interface Leaf {
  readonly node: Node
  readonly offset: number
  readonly width: number
}

type PlanWhere = (node: Node, conditions: readonly Bound[]) => Node

interface Condition {
  readonly bound: Bound
  /** Indexes of leaves. */
  readonly leaves: ReadonlySet<number>
  readonly isEquality: boolean
}

/** The joined rows that meet all conditions, with the leaves' columns in their order. */
export function orderJoins(
  leaves: readonly Leaf[],
  bounds: readonly Bound[],
  planWhere: PlanWhere,
  planBound: (bound: Bound) => Bound,
): Node {
  const conditions = bounds.map((bound) => conditionOf(bound, leaves))
  const ownOf = (index: number): Condition[] =>
    conditions.filter((one) => one.leaves.size === 1 && one.leaves.has(index))
  const order = chooseOrder(leaves, conditions, (index) => ownOf(index).length)
  const place = new Map<number, number>()
  let joined: Node | null = null
  const done = new Set<Condition>()
  for (const [rank, index] of order.entries()) {
    const { node, offset, width } = leaves[index]!
    const own = ownOf(index)
    for (const one of own) done.add(one)
    const right = planWhere(
      node,
      own.map(({ bound }) => moveInputs(bound, (column) => column - offset)),
    )
    const start: number = joined === null ? 0 : joined.columns.length
    for (let column = 0; column < width; column++) place.set(offset + column, start + column)
    if (joined === null) {
      joined = right
      continue
    }
    const seen = new Set(order.slice(0, rank + 1))
    const met = conditions.filter((one) => {
      return (
        !done.has(one) && one.leaves.size > 0 && [...one.leaves].every((leaf) => seen.has(leaf))
      )
    })
    for (const one of met) done.add(one)
    const moved = met.map(({ bound }) =>
      planBound(moveInputs(bound, (column) => place.get(column)!)),
    )
    joined = joinOf(joined, right, moved)
  }
  const inOrder = restoreColumns(joined!, leaves, place)
  const rest = conditions.filter((one) => !done.has(one)).map(({ bound }) => planBound(bound))
  if (rest.length === 0) return inOrder
  return { kind: 'filter', input: inOrder, condition: allOf(rest), columns: inOrder.columns }
}

function joinOf(left: Node, right: Node, conditions: readonly Bound[]): Node {
  return {
    kind: 'join',
    join: conditions.length === 0 ? 'cross' : 'inner',
    left,
    right,
    condition: conditions.length === 0 ? null : allOf(conditions),
    isLateral: false,
    columns: [...left.columns, ...right.columns],
  }
}

function conditionOf(bound: Bound, leaves: readonly Leaf[]): Condition {
  const found = new Set<number>()
  for (const column of inputsOf(bound)) {
    found.add(leaves.findIndex(({ offset, width }) => column < offset + width))
  }
  const isEquality = bound.kind === 'call' && bound.function.name === '='
  return { bound, leaves: found, isEquality }
}

const isTable = ({ node }: Leaf): boolean => {
  let inner = node
  while (inner.kind === 'filter' || inner.kind === 'project') inner = inner.input
  return inner.kind === 'scan' && inner.relation.schema === 'public'
}

/** Greedy: whatever shares an equality with those before it, the one with most conditions of its own first. */
function chooseOrder(
  leaves: readonly Leaf[],
  conditions: readonly Condition[],
  ownCount: (index: number) => number,
): readonly number[] {
  const left = new Set(leaves.keys())
  const order: number[] = []
  const isLinked = (index: number): boolean =>
    conditions.some(({ leaves: all, isEquality }) => {
      if (!isEquality || !all.has(index) || all.size < 2) return false
      return [...all].every((leaf) => leaf === index || order.includes(leaf))
    })
  while (left.size > 0) {
    const isFirst = order.length === 0
    const score = (index: number): number => {
      const preferred = isFirst ? isTable(leaves[index]!) : isLinked(index)
      return (preferred ? 1_000_000 : 0) + ownCount(index)
    }
    let best = -1
    for (const index of left) if (best < 0 || score(index) > score(best)) best = index
    order.push(best)
    left.delete(best)
  }
  return order
}

function restoreColumns(
  joined: Node,
  leaves: readonly Leaf[],
  place: ReadonlyMap<number, number>,
): Node {
  const columns: readonly Named[] = leaves.flatMap(({ node }) => node.columns)
  const isSame = columns.every((_, index) => place.get(index) === index)
  if (isSame) return joined
  const expressions = columns.map(({ type }, index): Bound => ({
    kind: 'input',
    type,
    index: place.get(index)!,
  }))
  return { kind: 'project', input: joined, expressions, columns }
}
