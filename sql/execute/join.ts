// Joins. Equalities of the condition make it a hash join: the right side is kept, its rows chained by
// key. Without equalities every pair is tried, a left row at a time. Lateral right sides run once for
// each combination of the values that they read.

import type { Batches, SqlBatch, SqlVector } from '../batch.ts'
import type { Bound, Node } from '../tree.ts'
import { asOfOf } from './as-of-shape.ts'
import { asOfJoin } from './as-of.ts'
import { type Expression, compile, rowsWhere } from './expression.ts'
import { KeyIndex } from './key.ts'
import { type Scope, frameOf } from './scope.ts'
import { type RunNode, fetchAnswers, outerKey, outersOf, subqueriesOf } from './subquery.ts'
import { collect, emptyValues, spread, takeRows } from './vector.ts'

type Join = Extract<Node, { kind: 'join' }>
/** Pairs that are tried at once. */
const PAIRS = 16_384

interface Equality {
  readonly left: Bound
  readonly right: Bound
}

/** Moves a condition of the right side to its own columns; null: it reads the left side too. */
function onRight(bound: Bound, width: number): Bound | null {
  if (bound.kind === 'input') {
    return bound.index < width ? null : { ...bound, index: bound.index - width }
  }
  if (bound.kind === 'cast') {
    const operand = onRight(bound.operand, width)
    return operand && { ...bound, operand }
  }
  if (bound.kind === 'constant' || bound.kind === 'parameter') return bound
  if (bound.kind !== 'call') return null
  const moved = bound.arguments.map((one) => onRight(one, width))
  return moved.includes(null) ? null : { ...bound, arguments: moved as Bound[] }
}

const readsInput = (bound: Bound): boolean =>
  bound.kind === 'input' ||
  (bound.kind === 'cast' && readsInput(bound.operand)) ||
  (bound.kind === 'call' && bound.arguments.some(readsInput))

/** Whether an expression reads columns of the left side only. */
function isLeft(bound: Bound, width: number): boolean {
  if (bound.kind === 'input') return bound.index < width
  if (bound.kind === 'cast') return isLeft(bound.operand, width)
  if (bound.kind === 'call') return bound.arguments.every((one) => isLeft(one, width))
  return bound.kind === 'constant' || bound.kind === 'parameter'
}

function equalityOf(condition: Bound, width: number): Equality | null {
  if (condition.kind !== 'call' || condition.function.name !== '=') return null
  const [one, two] = condition.arguments
  if (one === undefined || two === undefined || one.type !== two.type) return null
  for (const [left, other] of [
    [one, two],
    [two, one],
  ] as const) {
    const right = onRight(other, width)
    if (right !== null && readsInput(left) && readsInput(right) && isLeft(left, width)) {
      return { left, right }
    }
  }
  return null
}

function split(condition: Bound | null, width: number): [Equality[], Bound[]] {
  const parts =
    condition === null ? [] : condition.kind === 'and' ? condition.operands : [condition]
  const found = parts.map((part) => equalityOf(part, width))
  const rest = parts.filter((_, index) => found[index] === null)
  return [found.filter((one) => one !== null), rest]
}

/** Rows of the right side by key, chained. */
class Table {
  private readonly index: KeyIndex
  private readonly head: Int32Array
  private readonly next: Int32Array

  constructor(keys: readonly Expression[], batch: SqlBatch, scope: Scope) {
    this.index = new KeyIndex(keys.map(({ type }) => type))
    const vectors = evaluate(keys, batch, scope)
    const numbers = this.index.enter(vectors, batch.rowCount)
    this.head = new Int32Array(Math.max(this.index.count, 1)).fill(-1)
    this.next = new Int32Array(batch.rowCount)
    for (let row = batch.rowCount - 1; row >= 0; row--) {
      // Null equals nothing.
      if (vectors.some(({ valid }) => valid !== null && valid[row] === 0)) continue
      this.next[row] = this.head[numbers[row]!]!
      this.head[numbers[row]!] = row
    }
  }

  /** Calls `see` with every pair of equal keys, by left row. */
  match(keys: readonly Expression[], batch: SqlBatch, scope: Scope): [number[], number[]] {
    const vectors = evaluate(keys, batch, scope)
    const numbers = this.index.find(vectors, batch.rowCount)
    const [lefts, rights]: [number[], number[]] = [[], []]
    for (let row = 0; row < batch.rowCount; row++) {
      const number = numbers[row]!
      if (number < 0 || vectors.some(({ valid }) => valid !== null && valid[row] === 0)) continue
      for (let other = this.head[number]!; other >= 0; other = this.next[other]!) {
        lefts.push(row)
        rights.push(other)
      }
    }
    return [lefts, rights]
  }
}

function evaluate(keys: readonly Expression[], batch: SqlBatch, scope: Scope) {
  const frame = frameOf(batch, scope)
  return keys.map((key) => spread(key.evaluate(frame, null), batch.rowCount))
}

const beside = (left: SqlBatch, right: SqlBatch): SqlBatch => ({
  rowCount: left.rowCount,
  columns: [...left.columns, ...right.columns],
})

/** Joins each batch of the left side with a right side that stays. */
class Pairing {
  private readonly node: Join
  private readonly scope: Scope
  private readonly runNode: RunNode
  private readonly right: SqlBatch
  private readonly table: Table | null
  private readonly keys: readonly Expression[]
  private readonly rest: readonly Expression[]
  private readonly subqueries: ReturnType<typeof subqueriesOf>
  private readonly rightSeen: Uint8Array

  constructor(node: Join, right: SqlBatch, scope: Scope, runNode: RunNode) {
    const [equalities, rest] = split(node.condition, node.left.columns.length)
    this.node = node
    this.scope = scope
    this.runNode = runNode
    this.right = right
    this.keys = equalities.map(({ left }) => compile(left))
    const rightKeys = equalities.map((one) => compile(one.right))
    this.table = equalities.length === 0 ? null : new Table(rightKeys, right, scope)
    this.rest = rest.map(compile)
    this.subqueries = subqueriesOf(rest)
    this.rightSeen = new Uint8Array(right.rowCount)
  }

  async *join(left: SqlBatch): Batches {
    const leftSeen = new Uint8Array(left.rowCount)
    for (const [lefts, rights] of this.candidates(left)) {
      this.scope.run.check()
      const [ones, others] = await this.filter(left, lefts, rights)
      for (const row of ones) leftSeen[row] = 1
      for (const row of others) this.rightSeen[row] = 1
      if (ones.length > 0) yield beside(takeRows(left, ones), takeRows(this.right, others))
    }
    const keepsLeft = this.node.join === 'left' || this.node.join === 'full'
    const alone = keepsLeft ? rowsOf(leftSeen, 0) : new Int32Array(0)
    const nulls = new Int32Array(alone.length).fill(-1)
    if (alone.length > 0) yield beside(takeRows(left, alone), this.nullsOf('right', nulls))
  }

  /** Rows of the right side that met none. */
  *finish(): Generator<SqlBatch> {
    if (this.node.join !== 'right' && this.node.join !== 'full') return
    const alone = rowsOf(this.rightSeen, 0)
    if (alone.length === 0) return
    const left = this.nullsOf('left', new Int32Array(alone.length).fill(-1))
    yield beside(left, takeRows(this.right, alone))
  }

  private nullsOf(side: 'left' | 'right', nulls: Int32Array): SqlBatch {
    return nullRows(this.node[side], nulls.length)
  }

  private *candidates(left: SqlBatch): Generator<[Int32Array, Int32Array]> {
    if (this.table !== null) {
      const [lefts, rights] = this.table.match(this.keys, left, this.scope)
      for (let at = 0; at < lefts.length; at += PAIRS) {
        const end = at + PAIRS
        yield [Int32Array.from(lefts.slice(at, end)), Int32Array.from(rights.slice(at, end))]
      }
      return
    }
    const { rowCount } = this.right
    const step = Math.max(1, Math.floor(PAIRS / Math.max(rowCount, 1)))
    if (rowCount === 0) return
    for (let row = 0; row < left.rowCount; row += step) {
      const count = Math.min(step, left.rowCount - row) * rowCount
      yield [
        Int32Array.from({ length: count }, (_, i) => row + Math.floor(i / rowCount)),
        Int32Array.from({ length: count }, (_, i) => i % rowCount),
      ]
    }
  }

  private async filter(
    left: SqlBatch,
    lefts: Int32Array,
    rights: Int32Array,
  ): Promise<[Int32Array, Int32Array]> {
    let [ones, others] = [lefts, rights]
    for (const condition of this.rest) {
      const batch = beside(takeRows(left, ones), takeRows(this.right, others))
      const frame = frameOf(batch, this.scope)
      await fetchAnswers(this.subqueries, frame, this.runNode)
      const kept = rowsWhere(condition.evaluate(frame, null), batch.rowCount)
      ones = Int32Array.from(kept, (row) => ones[row]!)
      others = Int32Array.from(kept, (row) => others[row]!)
    }
    return [ones, others]
  }
}

function rowsOf(seen: Uint8Array, value: number): Int32Array {
  return Int32Array.from(seen.keys()).filter((row) => seen[row] === value)
}

function nullRows({ columns }: Node, count: number): SqlBatch {
  const nulls = new Int32Array(count).fill(-1)
  const empty = columns.map(({ type }) => ({
    values: emptyValues(type.layout, 0) as SqlVector['values'],
    valid: null,
  }))
  return takeRows({ rowCount: 0, columns: empty }, nulls)
}

/** Runs a join node. Throws 53200 where the right side is more than the budget. */
export async function* join(node: Join, scope: Scope, runNode: RunNode): Batches {
  if (node.isLateral) {
    const asOf = asOfOf(node)
    yield* asOf === null ? lateral(node, scope, runNode) : asOfJoin(node, asOf, scope, runNode)
    return
  }
  const { batch, release } = await collect(
    runNode(node.right, scope),
    node.right.columns,
    scope.run,
  )
  try {
    const pairing = new Pairing(node, batch, scope, runNode)
    for await (const left of runNode(node.left, scope)) {
      scope.run.check()
      yield* pairing.join(left)
    }
    yield* pairing.finish()
  } finally {
    release()
  }
}

/** Right sides that are kept for other rows with the same values. */
const RIGHTS_MAX = 1_000

async function* lateral(node: Join, scope: Scope, runNode: RunNode): Batches {
  const outers = outersOf(node.right)
  const known = new Map<string, SqlBatch>()
  for await (const left of runNode(node.left, scope)) {
    for (let row = 0; row < left.rowCount; row++) {
      scope.run.check()
      const outer = [{ batch: left, row }, ...scope.outer]
      const key = outerKey(outers, outer)
      let right = known.get(key)
      if (right === undefined) {
        const inner = { ...scope, outer }
        const found = await collect(runNode(node.right, inner), node.right.columns, scope.run)
        right = found.batch
        found.release()
        if (known.size < RIGHTS_MAX) known.set(key, right)
      }
      const single = takeRows(left, Int32Array.of(row))
      yield* new Pairing(node, right, scope, runNode).join(single)
    }
  }
}
