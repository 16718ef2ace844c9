// GROUP BY: groups are numbered by their keys, accumulators take whole batches with the numbers.
// Aggregates of DISTINCT or ordered values get their rows at the end, sorted. Each grouping set has
// groups of its own over the same input.

import type { Batches, SqlBatch, SqlVector } from '../batch.ts'
import type { Accumulator } from '../function.ts'
import type { AggregateCall, Node } from '../tree.ts'
import { typeOf } from '../type.ts'
import { type Expression, compile, rowsWhere } from './expression.ts'
import { KeyIndex } from './key.ts'
import { orderRows } from './order.ts'
import { type Frame, ONE_ROW, type Scope, frameOf } from './scope.ts'
import { type RunNode, fetchAnswers, subqueriesOf } from './subquery.ts'
import { concatenate, spread, take, valueAt, vectorOf } from './vector.ts'

type Aggregate = Extract<Node, { kind: 'aggregate' }>
const INT4 = typeOf('int4')

/** Evaluated columns of the rows that an aggregate of distinct or ordered values waits for. */
interface Waiting {
  readonly parts: { arguments: SqlVector[]; keys: SqlVector[]; groups: Uint32Array }[]
}

class Call {
  private readonly call: AggregateCall
  private readonly operands: readonly Expression[]
  private readonly keys: readonly Expression[]
  private readonly filter: Expression | null
  private readonly accumulator: Accumulator
  private readonly waiting: Waiting | null

  constructor(call: AggregateCall, constants: readonly unknown[]) {
    this.call = call
    this.operands = call.arguments.map(compile)
    this.keys = call.order.map(({ expression }) => compile(expression))
    this.filter = call.filter && compile(call.filter)
    const given = call.arguments.map(({ type }) => type)
    this.accumulator = call.function.accumulate(given, constants)
    this.waiting = call.isDistinct || call.order.length > 0 ? { parts: [] } : null
  }

  get bytes(): number {
    return this.accumulator.bytes
  }

  add(frame: Frame, groups: Uint32Array): void {
    const { rowCount } = frame.batch
    let wanted: Uint8Array | null = null
    if (this.filter !== null) {
      wanted = new Uint8Array(rowCount)
      for (const row of rowsWhere(this.filter.evaluate(frame, null), rowCount)) wanted[row] = 1
    }
    const vectors = this.operands.map((one) => spread(one.evaluate(frame, wanted), rowCount))
    if (this.waiting === null) return this.accumulator.add(vectors, groups, rowCount, wanted)
    const keys = this.keys.map((one) => spread(one.evaluate(frame, wanted), rowCount))
    if (wanted === null) return void this.waiting.parts.push({ arguments: vectors, keys, groups })
    const rows = Uint32Array.from(wanted.keys()).filter((row) => wanted[row] === 1)
    const taken = (all: readonly SqlVector[]): SqlVector[] => all.map((one) => take(one, rows))
    this.waiting.parts.push({
      arguments: taken(vectors),
      keys: taken(keys),
      groups: rows.map((row) => groups[row]!),
    })
  }

  finish(count: number): SqlVector {
    if (this.waiting !== null) this.addWaiting(this.waiting)
    return this.accumulator.finish(count)
  }

  private addWaiting({ parts }: Waiting): void {
    if (parts.length === 0) return
    const join = (
      pick: (part: (typeof parts)[number]) => SqlVector[],
      types: readonly Expression[],
    ) =>
      types.map(({ type }, index) =>
        concatenate(
          parts.map((part) => pick(part)[index]!),
          type.layout,
        ),
      )
    const vectors = join((part) => part.arguments, this.operands)
    const keys = join((part) => part.keys, this.keys)
    const groups = new Uint32Array(parts.reduce((sum, part) => sum + part.groups.length, 0))
    let at = 0
    for (const part of parts) {
      groups.set(part.groups, at)
      at += part.groups.length
    }
    const rows = this.orderWaiting(vectors, keys, groups)
    const ordered = vectors.map((one) => take(one, rows))
    this.accumulator.add(
      ordered,
      rows.map((row) => groups[row]!),
      rows.length,
      null,
    )
  }

  private orderWaiting(
    vectors: readonly SqlVector[],
    keys: readonly SqlVector[],
    groups: Uint32Array,
  ): Uint32Array {
    const order = this.call.order.map(({ isDescending, nullsFirst }, index) => ({
      vector: keys[index]!,
      type: this.keys[index]!.type,
      isDescending,
      nullsFirst,
    }))
    if (!this.call.isDistinct) return orderRows(order, groups.length)
    const own = vectors.map((vector, index) => ({
      vector,
      type: this.operands[index]!.type,
      isDescending: false,
      nullsFirst: false,
    }))
    const rows = orderRows([...order, ...own], groups.length)
    const types = [INT4, ...own.map(({ type }) => type)]
    const index = new KeyIndex(types)
    const group = { values: Float64Array.from(groups), valid: null }
    const numbers = index.enter([group, ...vectors], groups.length)
    const seen = new Uint8Array(index.count)
    return rows.filter((row) => seen[numbers[row]!]!++ === 0)
  }
}

/** Values of arguments that are constant, else null: fractions of percentiles. */
function constantsOf(call: AggregateCall, scope: Scope): unknown[] {
  const frame = frameOf(ONE_ROW, scope)
  return call.arguments.map((argument) => {
    const expression = compile(argument)
    return expression.isConstant
      ? valueAt(expression.evaluate(frame, null), argument.type, 0)
      : null
  })
}

class GroupingSet {
  readonly members: readonly number[]
  readonly index: KeyIndex
  readonly calls: readonly Call[]
  private readonly firsts: SqlVector[][] = []
  private entered = 0

  constructor(node: Aggregate, members: readonly number[], scope: Scope) {
    this.members = members
    this.index = new KeyIndex(members.map((member) => node.groups[member]!.type))
    this.calls = node.aggregates.map((call) => new Call(call, constantsOf(call, scope)))
  }

  get bytes(): number {
    return this.index.bytes + this.calls.reduce((sum, call) => sum + call.bytes, 0)
  }

  add(frame: Frame, keys: readonly SqlVector[]): void {
    const own = this.members.map((member) => keys[member]!)
    const { rowCount } = frame.batch
    const groups = this.index.enter(own, rowCount)
    const fresh: number[] = []
    for (let row = 0; row < rowCount; row++) {
      if (groups[row] === this.entered) {
        fresh.push(row)
        this.entered++
      }
    }
    if (fresh.length > 0) this.firsts.push(own.map((key) => take(key, Uint32Array.from(fresh))))
    for (const call of this.calls) call.add(frame, groups)
  }

  finish(node: Aggregate): SqlBatch {
    const count = this.members.length === 0 ? 1 : this.entered
    const groups = node.groups.map(({ type }, group): SqlVector => {
      const at = this.members.indexOf(group)
      if (at < 0 || count === 0) return vectorOf(type, count, () => null)
      return concatenate(
        this.firsts.map((first) => first[at]!),
        type.layout,
      )
    })
    const results = this.calls.map((call) => call.finish(count))
    const groupings = (node.groupings ?? []).map((asked) => {
      const bits = asked.reduce((sum, group) => sum * 2 + Number(!this.members.includes(group)), 0)
      return { values: new Float64Array(count).fill(bits), valid: null }
    })
    return { rowCount: count, columns: [...groups, ...results, ...groupings] }
  }
}

/** Runs an aggregate node. Throws 53200 where the groups are more than the budget. */
export async function* aggregate(node: Aggregate, scope: Scope, runNode: RunNode): Batches {
  const keys = node.groups.map(compile)
  const all = node.groups.map((_, index) => index)
  const sets = (node.sets ?? [all]).map((members) => new GroupingSet(node, members, scope))
  const parts = node.aggregates.flatMap((call) => [
    ...call.arguments,
    ...call.order.map(({ expression }) => expression),
    call.filter,
  ])
  const subqueries = subqueriesOf([...node.groups, ...parts])
  const { run } = scope
  let held = 0
  try {
    for await (const batch of runNode(node.input, scope)) {
      run.check()
      const frame = frameOf(batch, scope)
      await fetchAnswers(subqueries, frame, runNode)
      const vectors = keys.map((key) => spread(key.evaluate(frame, null), batch.rowCount))
      for (const set of sets) set.add(frame, vectors)
      const bytes = sets.reduce((sum, set) => sum + set.bytes, 0)
      run.hold(bytes - held)
      held = bytes
    }
    for (const set of sets) yield set.finish(node)
  } finally {
    run.hold(-held)
  }
}
