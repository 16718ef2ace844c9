// UNION, INTERSECT, EXCEPT: both sides' columns become the types they agree on.
// Source: PostgreSQL 15, src/backend/parser/analyze.c, transformSetOperationTree.

import type { SelectStmt } from 'libpg-query'
import type { Bound, Node } from '../tree.ts'
import { coerce, unify } from './coercion.ts'
import type { Context } from './context.ts'
import { bindLimit, bindOutputOrder } from './order.ts'
import { castColumns } from './columns.ts'
import { type Query, bindSelectStatement } from './recursion.ts'
import type { Environment } from './scope.ts'
import { checkEquality } from './sort.ts'

const OPERATIONS = {
  SETOP_UNION: 'union',
  SETOP_INTERSECT: 'intersect',
  SETOP_EXCEPT: 'except',
} as const

export function bindSetOperation(
  context: Context,
  select: SelectStmt,
  environment: Environment,
): Query {
  const { op, all = false, larg, rarg } = select
  const operation = OPERATIONS[op as keyof typeof OPERATIONS]
  const title = operation.toUpperCase()
  const left = bindSelectStatement(context, larg!, environment, { keepsUnknown: true })
  const right = bindSelectStatement(context, rarg!, environment, { keepsUnknown: true })
  const combined = combine(context, left, right, operation, all)
  const ordered = bindOutputOrder(context, select, environment, combined, title)
  return bindLimit(context, select, environment, ordered)
}

/** The columns of both as their common types. Throws 42601, 42804, 42846, 42883. */
export function combine(
  context: Context,
  left: Query,
  right: Query,
  operation: 'union' | 'intersect' | 'except',
  isAll: boolean,
): Query {
  const title = operation.toUpperCase()
  if (left.columns.length !== right.columns.length) {
    const message = `each ${title} query must have the same number of columns`
    const [tree] = right.trees
    context.fail('42601', message, tree === undefined ? -1 : context.startOf(tree))
  }
  const types = left.columns.map((_, index) => {
    const pair = [outputOf(context, left, index), outputOf(context, right, index)]
    const [agreed] = unifyOutputs(context, pair, title)
    if (!isAll) checkEquality(context, agreed!)
    return agreed!.type
  })
  const sides = [castColumns(context, left, types), castColumns(context, right, types)]
  const columns = left.columns.map(({ name }, index) => ({ name, type: types[index]! }))
  const node: Node = {
    kind: 'set',
    operation,
    isAll,
    left: sides[0]!.node,
    right: sides[1]!.node,
    columns,
  }
  return { node, columns, trees: left.trees }
}

/** A column of a side; parameters keep what they are, so that the other side may decide their type. */
function outputOf(context: Context, { node, columns, trees }: Query, index: number): Bound {
  const { type } = columns[index]!
  const written = node.kind === 'project' ? node.expressions[index] : undefined
  const isOpen = written !== undefined && written.type.name === 'unknown'
  if (isOpen) return context.placed({ ...written }, trees[index])
  return context.placed({ kind: 'input', type, index }, trees[index])
}

function unifyOutputs(context: Context, pair: readonly Bound[], title: string): Bound[] {
  const agreed = unify(context, pair, title)
  return agreed.map((bound) => coerce(context, bound, agreed[0]!.type, 'implicit') ?? bound)
}
