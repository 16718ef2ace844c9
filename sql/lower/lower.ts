// Rewrites a bound tree before it runs: blocks that the engine answers by one question become a scan of
// that answer. Parameters have their values by now.

import { mapNode } from '../bind/tree-map.ts'
import { fold } from '../execute/scan.ts'
import type { Scope } from '../execute/scope.ts'
import { Looks } from '../looks.ts'
import type { RunContext } from '../relation.ts'
import type { Bound, Gapfill, Node } from '../tree.ts'
import { type Enough, lowerAggregate } from './aggregate.ts'
import { lowerDistinct, lowerOrdered, lowerTimes } from './newest.ts'

interface Lowered {
  readonly tree: Node
  readonly looks: Looks
  readonly timeZone: string
}

/** Of trees that say all by themselves: neither parameters nor the time. */
const lowered = new WeakMap<Node, Lowered>()

/** A tree with the same rows. Throws nothing that running the tree would not. */
export function lower(node: Node, run: RunContext, parameters: readonly unknown[]): Node {
  if (parameters.length > 0) return lowerTree(node, scopeOf(run, parameters))
  const { timeZone } = run.surroundings
  const known = lowered.get(node)
  if (known?.timeZone === timeZone && known.looks.areSame(run.surroundings)) return known.tree
  const looks = new Looks()
  const tree = lowerTree(node, scopeOf(watched(run, looks), parameters))
  if (!looks.isPassing) lowered.set(node, { tree, looks, timeZone })
  return tree
}

function scopeOf(run: RunContext, parameters: readonly unknown[]): Scope {
  return { run, parameters, outer: [], ctes: new Map(), answers: new Map() }
}

function watched(run: RunContext, looks: Looks): RunContext {
  return {
    surroundings: looks.through(run.surroundings),
    check: () => run.check(),
    pause: () => run.pause(),
    rest: async () => run.rest?.(),
    hold: (bytes) => run.hold(bytes),
  }
}

const withSubqueries = new WeakMap<Node, boolean>()

/** Whether a tree has subqueries in its expressions. */
function hasSubqueries(node: Node): boolean {
  const known = withSubqueries.get(node)
  if (known !== undefined) return known
  let found = false
  const look = (bound: Bound): null => {
    if (bound.kind === 'subquery') found = true
    return null
  }
  mapNode(node, look, 0)
  withSubqueries.set(node, found)
  return found
}

function lowerTree(node: Node, scope: Scope): Node {
  if (!hasSubqueries(node)) return lowerNode(node, scope)
  const lowerSubquery = (bound: Bound): Bound | null =>
    bound.kind === 'subquery' ? { ...bound, query: lowerTree(bound.query, scope) } : null
  return lowerNode(mapNode(node, lowerSubquery, 0), scope)
}

function lowerNode(node: Node, scope: Scope): Node {
  const into = (input: Node): Node => lowerNode(input, scope)
  switch (node.kind) {
    case 'aggregate':
      if (node.gapfill !== null) return lowerGapfill(node, node.gapfill, scope)
      return (
        lowerAggregate(node, scope) ??
        lowerTimes(node, scope) ?? { ...node, input: into(node.input) }
      )
    case 'distinct':
      return lowerDistinct(node, scope) ?? { ...node, input: into(node.input) }
    case 'limit':
      return lowerLimit(node, scope) ?? { ...node, input: into(node.input) }
    case 'filter':
      return lowerFilter(node, scope)
    case 'project':
    case 'window':
    case 'sort':
      return { ...node, input: into(node.input) }
    case 'join':
    case 'set':
      return { ...node, left: into(node.left), right: into(node.right) }
    case 'with': {
      const ctes = node.ctes.map((cte) => ({
        ...cte,
        query: into(cte.query),
        recursive: cte.recursive && { ...cte.recursive, step: into(cte.recursive.step) },
      }))
      return { ...node, ctes, input: into(node.input) }
    }
    default:
      return node
  }
}

/** What is known by now is not worked out again by each run. */
function lowerFilter(node: Filter, scope: Scope): Node {
  const { input, condition } = node
  if (input.kind !== 'scan') return { ...node, input: lowerNode(input, scope) }
  return { ...node, condition: fold(condition, scope) }
}

/** Gaps are filled above the question that gives the groups. */
function lowerGapfill(node: Aggregate, gapfill: Gapfill, scope: Scope): Node {
  const plain = lowerAggregate({ ...node, gapfill: null }, scope)
  return plain === null ? node : { ...node, gapfill: { ...gapfill, plain } }
}

type Aggregate = Extract<Node, { kind: 'aggregate' }>
type Filter = Extract<Node, { kind: 'filter' }>
type Limit = Extract<Node, { kind: 'limit' }>
type Sort = Extract<Node, { kind: 'sort' }>

/** The first rows in order of time: only those are asked for. */
function lowerLimit(node: Limit, scope: Scope): Node | null {
  const rows = enoughRows(node, scope)
  if (rows === null || node.input.kind !== 'sort') return null
  const ordered = lowerOrdered(node.input, rows, scope)
  if (ordered !== null) return { ...node, input: ordered }
  const input = lowerBuckets(node.input, rows, scope)
  return input === null ? null : { ...node, input }
}

/** `ORDER BY bucket LIMIT n` of groups that are buckets alone. */
function lowerBuckets(sort: Sort, rows: number, scope: Scope): Node | null {
  if (sort.keys.length !== 1) return null
  const [key] = sort.keys
  let column = key!.expression
  const projects: Extract<Node, { kind: 'project' }>[] = []
  let at = sort.input
  for (; at.kind === 'project'; at = at.input) {
    if (column.kind !== 'input') return null
    column = at.expressions[column.index]!
    projects.push(at)
  }
  if (at.kind !== 'aggregate' || at.groups.length !== 1) return null
  if (column.kind !== 'input' || column.index !== 0) return null
  const enough: Enough = { rows, isDescending: key!.isDescending }
  const lowered = lowerAggregate(at, scope, enough)
  if (lowered === null) return null
  const input = projects.reduceRight<Node>((below, one) => ({ ...one, input: below }), lowered)
  return { ...sort, input }
}

/** Most rows that the engine gives at once. */
const ROWS_MAX = 1_000_000

function enoughRows({ count, offset, withTies }: Limit, scope: Scope): number | null {
  const wanted = count === null ? null : wholeOf(count, scope)
  const skipped = offset === null ? 0 : wholeOf(offset, scope)
  if (wanted === null || skipped === null || withTies) return null
  const rows = wanted + skipped
  return rows >= 1 && rows <= ROWS_MAX ? rows : null
}

function wholeOf(bound: Bound, scope: Scope): number | null {
  const folded = fold(bound, scope)
  if (folded.kind !== 'constant' || folded.value === null) return null
  const value = Number(folded.value)
  return Number.isSafeInteger(value) && value >= 0 ? value : null
}
