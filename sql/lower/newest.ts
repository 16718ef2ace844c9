// Blocks that need few of a table's points, which the engine finds by their time: the first or last in
// order of time, the newest of each series. What stands above stays, over those points alone.

import type { Scope } from '../execute/scope.ts'
import type { Source } from '../tables/series-batches.ts'
import type { AggregateCall, Bound, Node } from '../tree.ts'
import { AnswerRelation, type Asked } from './answer-relation.ts'
import { type Points, columnOf, pointsOf, quoted } from './source.ts'

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/** Points below projections, and what the expressions above are of the table. */
interface Leaf {
  readonly points: Points
  /** The expression over the table's columns; null: the table has no such expression. */
  trace(bound: Bound): Bound | null
  /** The same nodes over other points. */
  over(asked: readonly Asked[]): Node
}

function leafOf(node: Node, scope: Scope): Leaf | null {
  if (node.kind === 'project') {
    const below = leafOf(node.input, scope)
    if (below === null) return null
    return {
      points: below.points,
      trace: (bound) =>
        bound.kind === 'input' ? below.trace(node.expressions[bound.index]!) : null,
      over: (asked) => ({ ...node, input: below.over(asked) }),
    }
  }
  const points = pointsOf(node, scope)
  if (points === null) return null
  const over = (asked: readonly Asked[]): Node => answerScan(points, asked)
  return { points, trace: (bound) => bound, over }
}

/** The columns of the table that are read, of the points that are asked for. */
function answerScan({ table, question, reads }: Points, asked: readonly Asked[]): Node {
  const { columns } = table
  const isNewest = asked.some(({ kind }) => kind === 'latest')
  const fields = columns.filter(({ kind }, index) => {
    return kind === 'field' && (isNewest || reads.includes(index))
  })
  const sources = columns.map((column): Source => {
    if (column.kind === 'time') return { kind: 'time' }
    if (column.kind === 'tag') return { kind: 'tag', key: column.name }
    return { kind: 'field', index: fields.indexOf(column) }
  })
  const { isEmpty, explain, request } = question
  const all = { table, asked, points: request, isEmpty, explain, columns, sources, nothing: null }
  return { kind: 'scan', relation: new AnswerRelation(all), alias: table.name, columns, reads }
}

/** All fields: the newest point is that of any of them. */
function fieldsOf({ table }: Points): string[] {
  return table.columns.filter(({ kind }) => kind === 'field').map(({ name }) => quoted(name))
}

function orderedPoints({ points, isDescending, rows }: OrderedPoints): Asked {
  const order = isDescending ? 'desc' : 'asc'
  const { table, reads } = points
  const fields = reads.map((index) => table.columns[index]!).filter(({ kind }) => kind === 'field')
  const select = fields.map(({ name }) => quoted(name))
  return { kind: 'query', request: { ...points.question.request, select, order, limit: rows } }
}

interface OrderedPoints {
  readonly points: Points
  readonly isDescending: boolean
  readonly rows: number
}

/** Null: the points have to end before a time, which the newest ones do not say. */
function newestPoints(points: Points): Asked | null {
  const { end, precision, start, table, where } = points.question.request
  if (end !== null && end !== undefined) return null
  return { kind: 'latest', request: { table, start, precision, where, select: fieldsOf(points) } }
}

const isTime = (bound: Bound | null, { points }: Leaf): boolean =>
  bound !== null && columnOf(bound, points.table)?.kind === 'time'

/** A table without fields has no points that a question gives. */
const hasFields = ({ points }: Leaf): boolean => fieldsOf(points).length > 0

/** `ORDER BY time [DESC] LIMIT n`: the sort over the first n points. Null: it is something else. */
export function lowerOrdered(sort: Of<'sort'>, rows: number, scope: Scope): Node | null {
  const [key] = sort.keys
  if (sort.keys.length !== 1) return null
  const leaf = leafOf(sort.input, scope)
  if (leaf === null || !hasFields(leaf) || !isTime(leaf.trace(key!.expression), leaf)) return null
  const { points } = leaf
  return { ...sort, input: leaf.over([orderedPoints({ points, rows, ...key! })]) }
}

/** `DISTINCT ON (tags) … ORDER BY tags, time DESC`: over the newest point of each series. */
export function lowerDistinct(node: Of<'distinct'>, scope: Scope): Node | null {
  const { on, input: sort } = node
  if (on === null || sort.kind !== 'sort') return null
  const leaf = leafOf(sort.input, scope)
  if (leaf === null || !hasFields(leaf)) return null
  const tagOf = (bound: Bound): string | null => {
    const traced = leaf.trace(bound)
    const column = traced && columnOf(traced, leaf.points.table)
    return column?.kind === 'tag' ? column.name : null
  }
  const tags = new Set(on.map(tagOf))
  const at = sort.keys.findIndex(({ expression }) => !tags.has(tagOf(expression)))
  const time = sort.keys[at]
  if (tags.has(null) || time === undefined || !time.isDescending) return null
  if (!isTime(leaf.trace(time.expression), leaf)) return null
  const asked = newestPoints(leaf.points)
  return asked === null ? null : { ...node, input: { ...sort, input: leaf.over([asked]) } }
}

/** `min(time)`, `max(time)`: over the first and the last point; by tags, over the newest of each series. */
export function lowerTimes(node: Of<'aggregate'>, scope: Scope): Node | null {
  const { aggregates, groups } = node
  if (node.gapfill !== null || node.sets !== null || aggregates.length === 0) return null
  const leaf = leafOf(node.input, scope)
  if (leaf === null || !hasFields(leaf)) return null
  if (!aggregates.every((call) => isEdge(call, leaf))) return null
  if (groups.length > 0) return lowerNewest(node, leaf)
  const { points } = leaf
  const asked = ['min', 'max']
    .filter((name) => aggregates.some((call) => call.function.name === name))
    .map((name) => orderedPoints({ points, rows: 1, isDescending: name === 'max' }))
  return { ...node, input: leaf.over(asked) }
}

function isEdge({ function: { name }, arguments: given, filter }: AggregateCall, leaf: Leaf) {
  if (filter !== null || (name !== 'min' && name !== 'max')) return false
  return isTime(leaf.trace(given[0]!), leaf)
}

function lowerNewest(node: Of<'aggregate'>, leaf: Leaf): Node | null {
  if (node.aggregates.some((call) => call.function.name === 'min')) return null
  const isTag = (group: Bound): boolean => {
    const traced = leaf.trace(group)
    return traced !== null && columnOf(traced, leaf.points.table)?.kind === 'tag'
  }
  if (!node.groups.every(isTag)) return null
  const asked = newestPoints(leaf.points)
  return asked === null ? null : { ...node, input: leaf.over([asked]) }
}
