// Window functions: the input is kept, sorted once for each PARTITION BY with its ORDER BY, and every
// call gets a value by row. Aggregates run over their frames: once a partition where all rows have the
// same frame, going along where frames only grow, else row by row.
// Source: PostgreSQL 15, its manual, sections 3.5, 4.2.8 and 9.22.

import { BATCH_ROWS, type Batches, type SqlBatch, type SqlVector } from '../batch.ts'
import type { AggregateFunction } from '../function.ts'
import type { Node, WindowCall } from '../tree.ts'
import { compile, rowsWhere } from './expression.ts'
import {
  type FrameOf,
  type Offsets,
  type Partition,
  checkedCount,
  excluded,
  frameFinder,
  reachedKeys,
} from './frame.ts'
import { type OrderKey, isEqualRow, orderRows } from './order.ts'
import { ONE_ROW, type Scope, frameOf } from './scope.ts'
import { type RunNode, fetchAnswers, subqueriesOf } from './subquery.ts'
import { collect, concatenate, slice, spread, take, takeRows, valueAt } from './vector.ts'
import { keyOf } from '../bind/tree-map.ts'
import { ranked } from './window-functions.ts'

type Window = Extract<Node, { kind: 'window' }>

/** The input in the order of one window. */
export interface Ordered {
  readonly batch: SqlBatch
  readonly partitions: readonly Partition[]
  readonly keys: readonly OrderKey[]
  /** All rows, partition after partition. */
  readonly rows: Uint32Array
}

/** Runs a window node. Throws 53200 where its input is more than the budget. */
export async function* window(node: Window, scope: Scope, runNode: RunNode): Batches {
  const { run } = scope
  const { batch, release } = await collect(runNode(node.input, scope), node.input.columns, run)
  try {
    if (batch.rowCount === 0) return
    await answerSubqueries(node, batch, scope, runNode)
    const orders = new Map<string, Ordered>()
    const columns: SqlVector[] = []
    let first: Ordered | null = null
    for (const call of node.calls) {
      const ordered = orderFor(call, batch, scope, orders)
      first ??= ordered
      columns.push(await new Calling(call, ordered, scope).values())
    }
    const all = { rowCount: batch.rowCount, columns: [...batch.columns, ...columns] }
    for (let at = 0; at < batch.rowCount; at += BATCH_ROWS) {
      yield takeRows(all, first!.rows.subarray(at, at + BATCH_ROWS))
    }
  } finally {
    release()
  }
}

async function answerSubqueries(
  { calls }: Window,
  batch: SqlBatch,
  scope: Scope,
  runNode: RunNode,
): Promise<void> {
  const bounds = calls.flatMap(({ arguments: given, filter, partition, order }) => [
    ...given,
    ...partition,
    ...order.map(({ expression }) => expression),
    ...(filter === null ? [] : [filter]),
  ])
  await fetchAnswers(subqueriesOf(bounds), frameOf(batch, scope), runNode)
}

function orderFor(
  { partition, order }: WindowCall,
  batch: SqlBatch,
  scope: Scope,
  known: Map<string, Ordered>,
): Ordered {
  const sorts = order.map((key) => {
    return `${keyOf(key.expression)} ${key.isDescending} ${key.nullsFirst}`
  })
  const name = `${partition.map((one) => keyOf(one)).join()};${sorts.join()}`
  const found = known.get(name)
  if (found !== undefined) return found
  const frame = frameOf(batch, scope)
  const vectorFor = (bound: WindowCall['arguments'][number]): SqlVector =>
    spread(compile(bound).evaluate(frame, null), batch.rowCount)
  const groups = partition.map((bound) => ({
    vector: vectorFor(bound),
    type: bound.type,
    isDescending: false,
    nullsFirst: false,
  }))
  const keys = order.map(({ expression, isDescending, nullsFirst }) => ({
    vector: vectorFor(expression),
    type: expression.type,
    isDescending,
    nullsFirst,
  }))
  const rows = orderRows([...groups, ...keys], batch.rowCount)
  const ordered = { batch, rows, keys, partitions: partitionsOf(rows, groups, keys) }
  known.set(name, ordered)
  return ordered
}

function partitionsOf(
  rows: Uint32Array,
  groups: readonly OrderKey[],
  keys: readonly OrderKey[],
): Partition[] {
  const partitions: Partition[] = []
  for (let start = 0; start < rows.length;) {
    let end = start + 1
    while (end < rows.length && isEqualRow(groups, rows[start]!, rows[end]!)) end++
    partitions.push(withPeers(rows.subarray(start, end), keys))
    start = end
  }
  return partitions
}

/** Without ORDER BY all rows of a partition are peers. */
function withPeers(rows: Uint32Array, keys: readonly OrderKey[]): Partition {
  const count = rows.length
  const [peerStart, peerEnd, group] = [0, 0, 0].map(() => new Uint32Array(count))
  let number = 0
  for (let start = 0; start < count; number++) {
    let end = start + 1
    while (end < count && isEqualRow(keys, rows[start]!, rows[end]!)) end++
    peerStart!.fill(start, start, end)
    peerEnd!.fill(end, start, end)
    group!.fill(number, start, end)
    start = end
  }
  return { rows, peerStart: peerStart!, peerEnd: peerEnd!, group: group! }
}

/** Rows that are handed to an accumulator at once. */
const ROWS_MAX = 16_384

/** One call over its window. */
class Calling {
  private readonly call: WindowCall
  private readonly ordered: Ordered
  private readonly scope: Scope
  private readonly operands: readonly SqlVector[]
  private readonly wanted: Uint8Array | null

  constructor(call: WindowCall, ordered: Ordered, scope: Scope) {
    const { batch } = ordered
    const frame = frameOf(batch, scope)
    this.call = call
    this.ordered = ordered
    this.scope = scope
    this.operands = call.arguments.map((one) =>
      spread(compile(one).evaluate(frame, null), batch.rowCount),
    )
    this.wanted = null
    if (call.filter !== null) {
      this.wanted = new Uint8Array(batch.rowCount)
      const passed = rowsWhere(compile(call.filter).evaluate(frame, null), batch.rowCount)
      for (const row of passed) this.wanted[row] = 1
    }
  }

  /** By row of the input. */
  async values(): Promise<SqlVector> {
    const { call, ordered } = this
    const kind = call.function
    if ('window' in kind) {
      const frames = { find: this.finder(), exclude: call.frame }
      return ranked(kind.window, call, this.operands, ordered, frames)
    }
    const { start, end, unit, exclude } = call.frame
    const isPlain = exclude === 'none' && start.kind === 'unboundedPreceding'
    const isWhole =
      end.kind === 'unboundedFollowing' ||
      (end.kind === 'currentRow' && unit !== 'rows' && ordered.keys.length === 0)
    if (isPlain && isWhole) return this.overPartitions(kind)
    // An accumulator that makes lists goes on filling the one that it gave.
    if (isPlain && call.type.layout !== 'object') return this.growing(kind)
    return this.rowByRow(kind)
  }

  private accumulator(kind: AggregateFunction) {
    const { call } = this
    const constants = call.arguments.map((one, index) => {
      return one.kind === 'constant' ? valueAt(this.operands[index]!, one.type, 0) : null
    })
    return kind.accumulate(
      call.arguments.map(({ type }) => type),
      constants,
    )
  }

  private overPartitions(kind: AggregateFunction): SqlVector {
    const { batch, partitions } = this.ordered
    const groups = new Uint32Array(batch.rowCount)
    for (const [number, { rows }] of partitions.entries()) {
      for (const row of rows) groups[row] = number
    }
    const accumulator = this.accumulator(kind)
    accumulator.add(this.operands, groups, batch.rowCount, this.wanted)
    return take(accumulator.finish(partitions.length), groups)
  }

  /** Frames that begin with the partition and end later with every row. */
  private async growing(kind: AggregateFunction): Promise<SqlVector> {
    const { batch, partitions } = this.ordered
    const find = this.finder()
    const results: SqlVector[] = []
    const places = new Uint32Array(batch.rowCount)
    for (const partition of partitions) {
      const operands = this.operands.map((vector) => take(vector, partition.rows))
      const wanted = this.wanted && partition.rows.map((row) => this.wanted![row]!)
      const accumulator = this.accumulator(kind)
      const none = new Uint32Array(partition.rows.length)
      let added = 0
      for (let place = 0; place < partition.rows.length; place++) {
        const [, end] = find(partition, place)
        if (place === 0 || end > added) {
          if (end > added) {
            const part = operands.map((vector) => slice(vector, added, end))
            const passed = wanted && Uint8Array.from(wanted.subarray(added, end))
            accumulator.add(part, none.subarray(added, end), end - added, passed)
            added = end
          }
          results.push(accumulator.finish(1))
        }
        places[partition.rows[place]!] = results.length - 1
        if (place % ROWS_MAX === 0) await this.scope.run.pause()
      }
    }
    return take(concatenate(results, this.call.type.layout), places)
  }

  /** Every row's frame is added up by itself. */
  private async rowByRow(kind: AggregateFunction): Promise<SqlVector> {
    const { batch, partitions } = this.ordered
    const find = this.finder()
    const accumulator = this.accumulator(kind)
    let [rows, groups]: [number[], number[]] = [[], []]
    const flush = async (): Promise<void> => {
      const taken = Uint32Array.from(rows)
      const operands = this.operands.map((vector) => take(vector, taken))
      const wanted = this.wanted && Uint8Array.from(taken, (row) => this.wanted![row]!)
      accumulator.add(operands, Uint32Array.from(groups), rows.length, wanted)
      rows = []
      groups = []
      await this.scope.run.pause()
    }
    for (const partition of partitions) {
      for (const [place, row] of partition.rows.entries()) {
        const span = find(partition, place)
        for (const [start, end] of excluded(this.call.frame, partition, place, span)) {
          for (let other = start; other < end; other++) {
            rows.push(partition.rows[other]!)
            groups.push(row)
            if (rows.length >= ROWS_MAX) await flush()
          }
        }
      }
    }
    await flush()
    return accumulator.finish(batch.rowCount)
  }

  private finder(): FrameOf {
    const { frame, order } = this.call
    const [sort] = order
    const [key] = this.ordered.keys
    const isRange = frame.unit === 'range'
    const offsets: Offsets = {
      start: this.offsetOf(frame.start, 'starting'),
      end: this.offsetOf(frame.end, 'ending'),
    }
    const by = isRange && key !== undefined ? { vector: key.vector, sort: sort! } : null
    return frameFinder(frame, offsets, by)
  }

  private offsetOf(
    bound: WindowCall['frame']['start'],
    which: 'starting' | 'ending',
  ): number | SqlVector | null {
    if (bound.kind !== 'preceding' && bound.kind !== 'following') return null
    const { offset } = bound
    const vector = compile(offset).evaluate(frameOf(ONE_ROW, this.scope), null)
    const value = valueAt(vector, offset.type, 0)
    if (this.call.frame.unit !== 'range') return checkedCount(value, which)
    const [key] = this.ordered.keys
    const { rowCount } = this.ordered.batch
    const given = { type: offset.type, value, vector }
    const { surroundings } = this.scope.run
    return reachedKeys(key!.vector, this.call.order[0]!, bound, given, rowCount, surroundings)
  }
}
