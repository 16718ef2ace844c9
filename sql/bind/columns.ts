// The columns of a query as other types than they are written: untyped literals decided, casts added.

import type { Bound, Named, Node } from '../tree.ts'
import { coerce, settle } from './coercion.ts'
import type { Context } from './context.ts'
import type { Query } from './recursion.ts'

/** Untyped literals become text. */
export function settleColumns(context: Context, query: Query): Query {
  return retype(context, query, (bound) => settle(context, bound))
}

/** The query with its columns cast. Every cast has been checked to be there. */
export function castColumns(
  context: Context,
  query: Query,
  types: readonly Named['type'][],
): Query {
  return retype(context, query, (bound, index) =>
    coerce(context, bound, types[index]!, 'assignment')!,
  )
}

function retype(
  context: Context,
  query: Query,
  change: (bound: Bound, index: number) => Bound,
): Query {
  const node = retypeNode(context, query, query.node, change)
  return node === query.node ? query : { ...query, node, columns: node.columns }
}

function retypeNode(
  context: Context,
  query: Query,
  node: Node,
  change: (bound: Bound, index: number) => Bound,
): Node {
  const isUnknown = node.columns.some(({ type }) => type.name === 'unknown')
  if (isUnknown && (node.kind === 'sort' || node.kind === 'limit' || node.kind === 'distinct')) {
    const input = retypeNode(context, query, node.input, change)
    return { ...node, input, columns: input.columns }
  }
  const expressions =
    isUnknown && node.kind === 'project'
      ? node.expressions
      : node.columns.map(({ type }, index): Bound => ({ kind: 'input', type, index }))
  const changed = expressions.map((bound, index) =>
    change(context.placed(bound, context.treeOf(bound) ?? query.trees[index]), index),
  )
  if (changed.every((bound, index) => bound === expressions[index])) return node
  const columns = node.columns.map(({ name }, index) => ({ name, type: changed[index]!.type }))
  const input = isUnknown && node.kind === 'project' ? node.input : node
  return { kind: 'project', input, expressions: changed, columns }
}
