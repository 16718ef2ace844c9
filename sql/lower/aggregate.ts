// GROUP BY over points of a table → one question: buckets of time, groups of tags, aggregates. The
// groups' own expressions are computed above it, from the start of each bucket.

import type { QueryRequest } from '../../engine/query/query.ts'
import { mapBound } from '../bind/tree-map.ts'
import { fold } from '../execute/scan.ts'
import type { Scope } from '../execute/scope.ts'
import type { Source } from '../tables/series-batches.ts'
import type { TableRelation } from '../tables/table-relation.ts'
import type { AggregateCall, Bound, Named, Node } from '../tree.ts'
import { typeOf } from '../type.ts'
import { aggregateText } from './aggregate-text.ts'
import { AnswerRelation, type Question } from './answer-relation.ts'
import { type BucketGroup, bucketOf } from './bucket.ts'
import { type Points, columnOf, pointsOf } from './source.ts'

type Aggregate = Extract<Node, { kind: 'aggregate' }>

/** The rows of one bucket order that are enough. */
export interface Enough {
  readonly rows: number
  readonly isDescending: boolean
}

interface Groups {
  readonly tags: readonly string[]
  readonly bucket: BucketGroup | null
}

/** The same rows by one question, in the order of `enough` if it is given; null: the engine has none. */
export function lowerAggregate(
  node: Aggregate,
  scope: Scope,
  enough: Enough | null = null,
): Node | null {
  if (node.gapfill !== null || node.sets !== null || (node.groupings ?? []).length > 0) return null
  const points = pointsOf(node.input, scope)
  if (points === null) return null
  const { table } = points
  const expressions = node.groups.map((one) => fold(one, scope))
  const groups = groupsOf(expressions, table, scope)
  if (groups === null) return null
  if (enough !== null && (groups.tags.length > 0 || groups.bucket === null)) return null
  const calls = node.aggregates.map((call) => foldCall(call, scope))
  const texts = calls.map((call) => aggregateText(call, table))
  if (texts.includes(null)) return null
  const question = questionOf(points, groups, texts as string[], enough, node)
  return groupsAbove(question, expressions, groups, node)
}

function foldCall(call: AggregateCall, scope: Scope): AggregateCall {
  return { ...call, arguments: call.arguments.map((one) => fold(one, scope)) }
}

/** Null: a group is neither a tag nor a bucket, or there are two buckets. */
function groupsOf(groups: readonly Bound[], table: TableRelation, scope: Scope): Groups | null {
  const tags = new Set<string>()
  let bucket: BucketGroup | null = null
  const isTime = (bound: Bound): boolean => columnOf(bound, table)?.kind === 'time'
  for (const group of groups) {
    const column = columnOf(group, table)
    if (column?.kind === 'tag') {
      tags.add(column.name)
      continue
    }
    if (bucket !== null) return null
    bucket = bucketOf(group, isTime, scope)
    if (bucket === null) return null
  }
  return { tags: [...tags], bucket }
}

/** Columns: the bucket's start if there is one, the tags, the aggregates. */
function questionOf(
  { table, question: { request, isEmpty, explain } }: Points,
  { tags, bucket }: Groups,
  texts: readonly string[],
  enough: Enough | null,
  node: Aggregate,
): Question {
  const start: Named[] = bucket === null ? [] : [{ name: 'time', type: typeOf('timestamptz') }]
  const results = node.columns.slice(node.groups.length)
  const named = tags.map((name) => ({ name, type: typeOf('text') }))
  // Counting rows is what keeps groups whose fields have no values.
  const select = Object.fromEntries([...texts, 'count(*)'].map((text, i) => [`a${i}`, text]))
  const asked: QueryRequest = {
    ...request,
    select,
    ...(tags.length === 0 ? {} : { by: tags }),
    ...bucket?.bucket,
    ...(enough === null ? {} : { limit: enough.rows }),
    ...(enough?.isDescending === true ? { order: 'desc' } : {}),
  }
  return {
    table,
    points: request,
    isEmpty,
    explain,
    asked: [{ kind: 'query', request: asked }],
    columns: [...start, ...named, ...results],
    sources: [
      ...start.map((): Source => ({ kind: 'time' })),
      ...tags.map((key): Source => ({ kind: 'tag', key })),
      ...texts.map((_, index): Source => ({ kind: 'field', index })),
    ],
    nothing: node.groups.length > 0 ? null : texts.map((text) => (isCount(text) ? 0n : null)),
  }
}

const isCount = (text: string): boolean => /^(count|distinct_count)\(/.test(text)

function groupsAbove(
  question: Question,
  expressions: readonly Bound[],
  { tags, bucket }: Groups,
  node: Aggregate,
): Node {
  const relation = new AnswerRelation(question)
  const { columns, table } = question
  const scan: Node = { kind: 'scan', relation, alias: relation.name, columns }
  const input = (index: number): Bound => ({ kind: 'input', type: columns[index]!.type, index })
  const tagsAt = bucket === null ? 0 : 1
  const groups = expressions.map((group) => {
    const column = columnOf(group, table)
    if (column?.kind === 'tag') return input(tagsAt + tags.indexOf(column.name))
    if (bucket?.isStart === true) return input(0)
    return mapBound(group, (bound) => (bound.kind === 'input' ? input(0) : null))
  })
  const results = node.aggregates.map((_, index) => input(tagsAt + tags.length + index))
  return {
    kind: 'project',
    input: scan,
    expressions: [...groups, ...results],
    instead: node,
    columns: node.columns,
  }
}
