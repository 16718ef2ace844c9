// Which columns of each relation a statement reads: the others need not be fetched. Nodes keep all of
// their columns, so that no index moves; what nobody reads is null.

import { mapBound, mapNode } from '../bind/tree-map.ts'
import type { Bound, Cte, Node } from '../tree.ts'
import { inputsOf } from './inputs.ts'

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>
type Columns = ReadonlySet<number>

/** The tree, and those of its subqueries, whose scans name what is read of them. */
export function pruneNode(node: Node): Node {
  return prune(node, allOf(node))
}

function allOf({ columns }: Node): Columns {
  return new Set(columns.keys())
}

/** `read`: the columns of the node that somebody above reads. */
function prune(node: Node, read: Columns): Node {
  switch (node.kind) {
    case 'scan':
      return { ...node, reads: [...read].sort((a, b) => a - b) }
    case 'values':
      return { ...node, rows: node.rows.map((row) => row.map(pruneBound)) }
    case 'tableFunction':
      return { ...node, arguments: node.arguments.map(pruneBound) }
    case 'cte':
      return node
    case 'join':
      return pruneJoin(node, read)
    // Rows are compared whole, but for UNION ALL; its sides may have other names for one column.
    case 'set': {
      const isUnion = node.operation === 'union' && node.isAll
      const side = (one: Node): Node => prune(one, isUnion ? read : allOf(one))
      return { ...node, left: side(node.left), right: side(node.right) }
    }
    case 'with':
      return { ...node, ctes: node.ctes.map(pruneCte), input: prune(node.input, read) }
    default:
      return pruneInput(node, read)
  }
}

function pruneCte(cte: Cte): Cte {
  const { query, recursive } = cte
  const step = recursive && { ...recursive, step: pruneNode(recursive.step) }
  return { ...cte, query: pruneNode(query), recursive: step }
}

/** Its subqueries pruned. */
function pruneBound(bound: Bound): Bound {
  return mapBound(bound, (one) => {
    if (one.kind !== 'subquery') return null
    const { test } = one
    const pruned = test.kind === 'quantified' ? { ...test, left: pruneBound(test.left) } : test
    return { ...one, test: pruned, query: pruneNode(one.query) }
  })
}

type WithInput = Exclude<
  Node,
  { kind: 'scan' | 'values' | 'tableFunction' | 'cte' | 'join' | 'set' | 'with' }
>

function pruneInput(node: WithInput, read: Columns): Node {
  const input = prune(node.input, readOf(node, read))
  switch (node.kind) {
    case 'filter':
      return { ...node, input, condition: pruneBound(node.condition) }
    case 'project':
      return { ...node, input, expressions: node.expressions.map(pruneBound) }
    default:
      // The expressions of the others, with their subqueries.
      return mapOwn({ ...node, input })
  }
}

/** Expressions of the node alone: its input is done. */
function mapOwn(node: WithInput): Node {
  const { input } = node
  const leaf: Node = { kind: 'cte', cte: -1, columns: input.columns }
  const mapped = mapNode({ ...node, input: leaf }, prunedSubquery, 0) as WithInput
  return { ...mapped, input }
}

const prunedSubquery = (bound: Bound): Bound | null =>
  bound.kind === 'subquery' ? pruneBound(bound) : null

/** The columns of a node's input that it, or somebody above, reads. */
function readOf(node: WithInput, read: Columns): Columns {
  const { input } = node
  const found = new Set<number>()
  const add = (bounds: readonly (Bound | null)[]): void => {
    for (const bound of bounds) {
      if (bound !== null) for (const index of inputsOf(bound)) found.add(index)
    }
  }
  const pass = (): void => {
    for (const index of read) if (index < input.columns.length) found.add(index)
  }
  switch (node.kind) {
    case 'filter':
      pass()
      // A scan takes conditions itself, and reads what is left of them.
      if (input.kind !== 'scan') add([node.condition])
      return found
    case 'project':
      // Whatever is computed is read, as it may fail.
      add(node.expressions.filter((one, index) => one.kind !== 'input' || read.has(index)))
      return found
    case 'aggregate':
      if (node.gapfill !== null) return allOf(input)
      add(node.groups)
      for (const { arguments: given, order, filter } of node.aggregates) {
        add([...given, ...order.map(({ expression }) => expression), filter])
      }
      return found
    case 'window':
    case 'distinct':
      if (node.kind === 'distinct' && node.on === null) return allOf(input)
      pass()
      mapNode(
        { ...node, input: { kind: 'cte', cte: -1, columns: input.columns } },
        (bound) => {
          add([bound])
          return bound
        },
        0,
      )
      return found
    case 'sort':
      pass()
      add(node.keys.map(({ expression }) => expression))
      return found
    default:
      pass()
      return found
  }
}

function pruneJoin(node: Of<'join'>, read: Columns): Node {
  const width = node.left.columns.length
  const both = new Set([...read, ...(node.condition === null ? [] : inputsOf(node.condition))])
  const left = new Set([...both].filter((index) => index < width))
  if (node.isLateral) for (const index of outersOf(node.right)) left.add(index)
  const right = [...both].filter((index) => index >= width).map((index) => index - width)
  return {
    ...node,
    left: prune(node.left, left),
    right: prune(node.right, new Set(right)),
    condition: node.condition && pruneBound(node.condition),
  }
}

/** Columns of the left row that a lateral right side reads. */
function outersOf(right: Node): Columns {
  const found = new Set<number>()
  mapNode(
    right,
    (bound, depth) => {
      if (bound.kind === 'outer' && bound.depth === depth) found.add(bound.index)
      return null
    },
    1,
  )
  return found
}
