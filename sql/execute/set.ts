// UNION, INTERSECT, EXCEPT with and without ALL, and DISTINCT: rows as numbers of a key index.

import type { Batches, SqlBatch } from '../batch.ts'
import type { Columns, Scope } from './scope.ts'
import type { Node } from '../tree.ts'
import { KeyIndex } from './key.ts'
import type { RunNode } from './subquery.ts'
import { takeRows } from './vector.ts'

type SetNode = Extract<Node, { kind: 'set' }>

/** Key index of whole rows, its size counted. */
class Rows {
  readonly index: KeyIndex
  private readonly scope: Scope
  private held = 0

  constructor(columns: Columns, scope: Scope) {
    this.index = new KeyIndex(columns.map(({ type }) => type))
    this.scope = scope
  }

  enter({ columns, rowCount }: SqlBatch): Uint32Array {
    const numbers = this.index.enter(columns, rowCount)
    this.scope.run.hold(this.index.bytes - this.held)
    this.held = this.index.bytes
    return numbers
  }

  release(): void {
    this.scope.run.hold(-this.held)
  }
}

/** The first of equal rows. */
export async function* distinctRows(input: Batches, columns: Columns, scope: Scope): Batches {
  const rows = new Rows(columns, scope)
  let seen = 0
  try {
    for await (const batch of input) {
      scope.run.check()
      const numbers = rows.enter(batch)
      const fresh: number[] = []
      for (let row = 0; row < batch.rowCount; row++) {
        if (numbers[row] !== seen) continue
        fresh.push(row)
        seen++
      }
      if (fresh.length > 0) yield takeRows(batch, Uint32Array.from(fresh))
    }
  } finally {
    rows.release()
  }
}

async function* both(node: SetNode, scope: Scope, runNode: RunNode): Batches {
  yield* runNode(node.left, scope)
  yield* runNode(node.right, scope)
}

/** Runs a set operation. */
export async function* setOperation(node: SetNode, scope: Scope, runNode: RunNode): Batches {
  const { operation, isAll, columns } = node
  if (operation === 'union') {
    const all = both(node, scope, runNode)
    yield* isAll ? all : distinctRows(all, columns, scope)
    return
  }
  const rows = new Rows(columns, scope)
  const counts: number[] = []
  try {
    for await (const batch of runNode(node.right, scope)) {
      scope.run.check()
      for (const number of rows.enter(batch)) counts[number] = (counts[number] ?? 0) + 1
    }
    for await (const batch of runNode(node.left, scope)) {
      scope.run.check()
      const kept = pick(node, rows.enter(batch), counts)
      if (kept.length > 0) yield takeRows(batch, Uint32Array.from(kept))
    }
  } finally {
    rows.release()
  }
}

/** Rows of the left side that stay. `counts`: how often the right side still has each row. */
function pick({ operation, isAll }: SetNode, numbers: Uint32Array, counts: number[]): number[] {
  const kept: number[] = []
  for (const [row, number] of numbers.entries()) {
    const count = counts[number] ?? 0
    if (count > 0 === (operation === 'intersect')) kept.push(row)
    // One of the right side answers for one of the left; without ALL each row is given once.
    if (isAll) counts[number] = count - 1
    else counts[number] = operation === 'intersect' ? 0 : 1
  }
  return kept
}
