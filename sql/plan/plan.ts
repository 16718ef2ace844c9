// Rewrites a bound tree before it runs: conditions move to the rows that they are about, and relations
// that are joined by WHERE are joined in an order in which each has something to be found by. FROM a, b
// WHERE a.x = b.x is the product of both as it is bound.

import { mapBound } from '../bind/tree-map.ts'
import type { Bound, Cte, Node } from '../tree.ts'
import { typeOf } from '../type.ts'
import { conjunctsOf, inputsOf, isVolatile, allOf, moveInputs } from './inputs.ts'
import { type Leaf, orderJoins } from './join-order.ts'

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/** The tree, and those of its subqueries, with the same rows. */
export function planNode(node: Node): Node {
  switch (node.kind) {
    case 'scan':
    case 'cte':
      return node
    case 'values':
      return { ...node, rows: node.rows.map((row) => row.map(planBound)) }
    case 'tableFunction':
      return { ...node, arguments: node.arguments.map(planBound) }
    case 'filter':
      return planFilter(node)
    case 'project':
      return {
        ...node,
        input: planNode(node.input),
        expressions: node.expressions.map(planBound),
      }
    case 'join':
      return planJoin(node)
    case 'set':
      return { ...node, left: planNode(node.left), right: planNode(node.right) }
    case 'with':
      return { ...node, ctes: node.ctes.map(planCte), input: planNode(node.input) }
    default:
      return { ...node, input: planNode(node.input) }
  }
}

function planCte(cte: Cte): Cte {
  const { query, recursive } = cte
  const step = recursive && { ...recursive, step: planNode(recursive.step) }
  return { ...cte, query: planNode(query), recursive: step }
}

/** Its subqueries planned. */
function planBound(bound: Bound): Bound {
  return mapBound(bound, (one) => {
    if (one.kind !== 'subquery') return null
    const { test } = one
    const planned = test.kind === 'quantified' ? { ...test, left: planBound(test.left) } : test
    return { ...one, test: planned, query: planNode(one.query) }
  })
}

function planFilter({ input, condition, columns }: Of<'filter'>): Node {
  const conditions = conjunctsOf(condition)
  return { ...planWhere(input, conditions), columns }
}

/** The rows of a node that meet the conditions. */
function planWhere(node: Node, conditions: readonly Bound[]): Node {
  if (conditions.length === 0) return planNode(node)
  const moving = conditions.filter((one) => !isVolatile(one))
  const staying = conditions.filter(isVolatile)
  if (node.kind === 'filter') {
    return planWhere(node.input, [...conjunctsOf(node.condition), ...conditions])
  }
  if (node.kind === 'project' && canPass(node)) {
    const below = moving.map((one) => moveInputs(one, (index) => sourceOf(node, index)))
    const input = planWhere(node.input, below)
    return filtered({ ...node, input, expressions: node.expressions.map(planBound) }, staying)
  }
  if (node.kind === 'join' && !node.isLateral) return planJoined(node, moving, staying)
  if (node.kind === 'join' && node.join !== 'right' && node.join !== 'full') {
    return planLateral(node, moving, staying)
  }
  return filtered(planNode(node), conditions)
}

/** Conditions on the left side alone are met before the right side runs for its rows. */
function planLateral(
  node: Of<'join'>,
  conditions: readonly Bound[],
  staying: readonly Bound[],
): Node {
  const width = node.left.columns.length
  const isOnLeft = (bound: Bound): boolean => [...inputsOf(bound)].every((index) => index < width)
  const before = conditions.filter(isOnLeft)
  const after = conditions.filter((one) => !isOnLeft(one))
  const condition = node.condition && planBound(node.condition)
  const left = planWhere(node.left, before)
  return filtered({ ...node, left, right: planNode(node.right), condition }, [...after, ...staying])
}

function filtered(input: Node, conditions: readonly Bound[]): Node {
  if (conditions.length === 0) return input
  const condition = allOf(conditions.map(planBound))
  return { kind: 'filter', input, condition, columns: input.columns }
}

/** A projection of columns alone: a condition on it is one on its input. */
const canPass = ({ expressions }: Of<'project'>): boolean =>
  expressions.every(({ kind }) => kind === 'input')

const sourceOf = ({ expressions }: Of<'project'>, index: number): number =>
  (expressions[index] as Extract<Bound, { kind: 'input' }>).index

function planJoin(node: Of<'join'>): Node {
  if (node.isLateral) {
    const condition = node.condition && planBound(node.condition)
    return { ...node, left: planNode(node.left), right: planNode(node.right), condition }
  }
  return planJoined(node, [], [])
}

const isInner = (node: Node): node is Of<'join'> =>
  node.kind === 'join' && !node.isLateral && (node.join === 'inner' || node.join === 'cross')

function planJoined(
  node: Of<'join'>,
  conditions: readonly Bound[],
  staying: readonly Bound[],
): Node {
  if (!isInner(node)) return filtered(planOuter(node, conditions), staying)
  const leaves: Leaf[] = []
  const found: Bound[] = [...conditions]
  flatten(node, 0, leaves, found)
  return filtered(orderJoins(leaves, found, planWhere, planBound), staying)
}

/** The relations of inner joins, and the conditions of these over all of their columns. */
function flatten(node: Node, offset: number, leaves: Leaf[], conditions: Bound[]): void {
  if (!isInner(node)) {
    leaves.push({ node, offset, width: node.columns.length })
    return
  }
  flatten(node.left, offset, leaves, conditions)
  flatten(node.right, offset + node.left.columns.length, leaves, conditions)
  const own = node.condition === null ? [] : conjunctsOf(node.condition)
  conditions.push(...own.map((one) => moveInputs(one, (index) => index + offset)))
}

/** An outer join: conditions on the side whose rows all stay are met before. */
function planOuter(node: Of<'join'>, conditions: readonly Bound[]): Node {
  const width = node.left.columns.length
  const isOn = (bound: Bound, from: number, to: number): boolean => {
    const inputs = [...inputsOf(bound)]
    return inputs.length > 0 && inputs.every((index) => index >= from && index < to)
  }
  const toLeft = node.join === 'left' ? conditions.filter((one) => isOn(one, 0, width)) : []
  const toRight =
    node.join === 'right' ? conditions.filter((one) => isOn(one, width, Infinity)) : []
  const rest = conditions.filter((one) => !toLeft.includes(one) && !toRight.includes(one))
  // What a left join asks of its right side alone decides which rows of that are joined at all.
  const asked = node.condition === null ? [] : conjunctsOf(node.condition)
  const before =
    node.join === 'left'
      ? asked.filter((one) => isOn(one, width, Infinity) && !isVolatile(one))
      : []
  const left = planWhere(node.left, toLeft)
  const right = planWhere(
    node.right,
    [...toRight, ...before].map((one) => moveInputs(one, (index) => index - width)),
  )
  const kept = asked.filter((one) => !before.includes(one)).map(planBound)
  const condition = kept.length === 0 ? TRUE : allOf(kept)
  return filtered({ ...node, left, right, condition: node.condition && condition }, rest)
}

const TRUE: Bound = { kind: 'constant', type: typeOf('bool'), value: true }
