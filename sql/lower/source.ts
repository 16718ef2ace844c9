// What a block of a query reads, if that is points of one table of the engine which the engine can
// choose by itself.

import { fold } from '../execute/scan.ts'
import type { Scope } from '../execute/scope.ts'
import { subqueriesOf } from '../execute/subquery.ts'
import type { RelationColumn } from '../relation.ts'
import { type PointsQuestion, TableRelation } from '../tables/table-relation.ts'
import type { Bound, Node } from '../tree.ts'

export interface Points {
  readonly table: TableRelation
  readonly question: PointsQuestion
  /** Indexes of the table's columns that are read above. */
  readonly reads: readonly number[]
}

/** Null: the node is no scan of a table, or has conditions that the engine does not answer. */
export function pointsOf(node: Node, scope: Scope): Points | null {
  const conditions: Bound[] = []
  let at = node
  for (; at.kind === 'filter'; at = at.input) conditions.push(at.condition)
  if (at.kind !== 'scan' || !(at.relation instanceof TableRelation)) return null
  if (subqueriesOf(conditions).length > 0) return null
  const question = at.relation.question(conditions.map((one) => fold(one, scope)))
  if (question.left.length > 0) return null
  return { table: at.relation, question, reads: at.reads ?? [...at.relation.columns.keys()] }
}

/** The column of a table that an expression is; null: it is something else. */
export function columnOf(bound: Bound, { columns }: TableRelation): RelationColumn | null {
  return bound.kind === 'input' ? (columns[bound.index] ?? null) : null
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
