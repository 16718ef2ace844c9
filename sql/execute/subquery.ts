// Subqueries of expressions: run before the expression is evaluated, once for every combination of the
// outer values that they read. One without such values runs once per statement.

import type { Bound, Node } from '../tree.ts'
import { keyOf } from './key.ts'
import type { Answer, Frame, OuterRow, Scope } from './scope.ts'
import { collect, valueAt } from './vector.ts'

type Subquery = Extract<Bound, { kind: 'subquery' }>
type Outer = Extract<Bound, { kind: 'outer' }>
export type RunNode = (node: Node, scope: Scope) => AsyncIterable<Frame['batch']>

const isBound = (value: object): value is Bound =>
  'kind' in value && 'type' in value && typeof value.kind === 'string'

/** What of a tree's parts may hold expressions: not relations, types and functions. */
const OPAQUE = new Set(['relation', 'type', 'function', 'cast', 'equal', 'operator', 'value'])

/** Calls `see` for every expression and node below; `depth` counts the queries around it. */
function walk(tree: unknown, depth: number, see: (bound: Bound, depth: number) => boolean): void {
  if (tree === null || typeof tree !== 'object') return
  if (Array.isArray(tree)) {
    for (const one of tree) walk(one, depth, see)
    return
  }
  if (isBound(tree) && !see(tree, depth)) return
  const isLateral = 'isLateral' in tree && tree.isLateral === true
  for (const [name, part] of Object.entries(tree)) {
    if (OPAQUE.has(name)) continue
    const isInner = (name === 'query' && isBound(tree as object)) || (isLateral && name === 'right')
    walk(part, depth + (isInner ? 1 : 0), see)
  }
}

/** The subqueries that stand in expressions, not those within them. */
export function subqueriesOf(expressions: readonly (Bound | null)[]): readonly Subquery[] {
  let found = subqueries.get(expressions)
  if (found === undefined) subqueries.set(expressions, (found = findSubqueries(expressions)))
  return found
}

const subqueries = new WeakMap<readonly (Bound | null)[], readonly Subquery[]>()

function findSubqueries(expressions: readonly (Bound | null)[]): readonly Subquery[] {
  const found: Subquery[] = []
  walk(expressions, 0, (bound) => {
    if (bound.kind !== 'subquery') return true
    found.push(bound)
    if (bound.test.kind === 'quantified') found.push(...subqueriesOf([bound.test.left]))
    return false
  })
  return found.toReversed()
}

const dependencies = new WeakMap<Node, readonly Outer[]>()

/** Columns of enclosing rows that a query reads; depth 1 is the row that it stands in. */
export function outersOf(query: Node): readonly Outer[] {
  const known = dependencies.get(query)
  if (known !== undefined) return known
  const found = new Map<string, Outer>()
  walk(query, 0, (bound, depth) => {
    if (bound.kind === 'outer' && bound.depth > depth) {
      const outer = { ...bound, depth: bound.depth - depth }
      found.set(`${outer.depth}.${outer.index}`, outer)
    }
    return true
  })
  const outers = [...found.values()]
  dependencies.set(query, outers)
  return outers
}

/** The outer values as text: equal where the answers are. */
export function outerKey(outers: readonly Outer[], outer: readonly OuterRow[]): string {
  return outers
    .map(({ depth, index, type }) => {
      const { batch, row } = outer[depth - 1]!
      const value = valueAt(batch.columns[index]!, type, row)
      const key = value === null ? 'null' : `=${String(Object.is(value, -0) ? '-0' : keyOf(value))}`
      return `${key.length}:${key}`
    })
    .join('')
}

/** Fetches what the subqueries of expressions answer for every row of a frame. */
export async function fetchAnswers(
  subqueries: readonly Subquery[],
  frame: Frame,
  runNode: RunNode,
): Promise<void> {
  for (const subquery of subqueries) {
    const outers = outersOf(subquery.query)
    const isAlike = !outers.some(({ depth }) => depth === 1)
    const count = isAlike ? Math.min(1, frame.batch.rowCount) : frame.batch.rowCount
    const answers: Answer[] = []
    for (let row = 0; row < count; row++) {
      answers.push(await answerOf(subquery, outers, frame, row, runNode))
    }
    frame.answers.set(subquery, answers)
  }
}

async function answerOf(
  subquery: Subquery,
  outers: readonly Outer[],
  { batch, scope }: Frame,
  row: number,
  runNode: RunNode,
): Promise<Answer> {
  const outer = [{ batch, row }, ...scope.outer]
  let known = scope.answers.get(subquery)
  if (known === undefined) scope.answers.set(subquery, (known = new Map()))
  const key = outerKey(outers, outer)
  const found = known.get(key)
  if (found !== undefined) return found
  scope.run.check()
  const answer = await ask(subquery, { ...scope, outer }, runNode)
  known.set(key, answer)
  return answer
}

async function ask({ query, test }: Subquery, scope: Scope, runNode: RunNode): Promise<Answer> {
  const empty = { rowCount: 0, columns: [] }
  try {
    if (test.kind !== 'exists') {
      // Kept until the statement ends, and so never given back.
      const { batch } = await collect(runNode(query, scope), query.columns, scope.run)
      return { rows: batch, error: null }
    }
    for await (const { rowCount } of runNode(query, scope)) {
      if (rowCount > 0) return { rows: { rowCount: 1, columns: [] }, error: null }
    }
    return { rows: empty, error: null }
  } catch (error) {
    return { rows: empty, error }
  }
}
