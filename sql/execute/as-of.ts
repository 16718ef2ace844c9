// As-of joins: `LATERAL (SELECT … FROM t WHERE t.tag = o.tag AND t.time <= o.time ORDER BY t.time DESC
// LIMIT 1)` gives each left row the newest point before it, or with >= and ASC the first one after it.
// The points are read once for many left rows, numbered by their keys and put in order of time; each
// left row then finds its point by halving. The span that is read begins near the left rows' times and
// grows only for rows that have found nothing.

import type { Batches, SqlBatch, SqlVector } from '../batch.ts'
import { functionTable } from '../functions/table.ts'
import { allOf, inputsOf } from '../plan/inputs.ts'
import type { Bound, Node } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import type { AsOf } from './as-of-shape.ts'
import { compile } from './expression.ts'
import { KeyIndex } from './key.ts'
import { type Scope, frameOf } from './scope.ts'
import type { RunNode } from './subquery.ts'
import { collect, concatenate, nullsOf, spread, take, takeRows } from './vector.ts'

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>
type Join = Of<'join'>

/** Left rows that are answered together: few at first, as few may be enough. */
const BLOCK_MIN = 1_024
const BLOCK_MAX = 65_536

/** Runs an as-of join: rows in the order of the left side. Throws 53200 above the budget. */
export async function* asOfJoin(node: Join, asOf: AsOf, scope: Scope, runNode: RunNode): Batches {
  const { columns } = node.left
  let parts: SqlBatch[] = []
  let rowCount = 0
  let wanted = BLOCK_MIN
  const block = async function* (): Batches {
    const { batch, release } = await collect(each(parts), columns, scope.run)
    try {
      yield* joinBlock(node, asOf, batch, scope, runNode)
    } finally {
      release()
    }
  }
  for await (const left of runNode(node.left, scope)) {
    parts.push(left)
    rowCount += left.rowCount
    if (rowCount < wanted) continue
    yield* block()
    parts = []
    rowCount = 0
    wanted = Math.min(wanted * 4, BLOCK_MAX)
  }
  if (rowCount > 0) yield* block()
}

async function* each(batches: readonly SqlBatch[]): Batches {
  yield* batches
}

async function* joinBlock(
  node: Join,
  asOf: AsOf,
  left: SqlBatch,
  scope: Scope,
  runNode: RunNode,
): Batches {
  const asked = askedOf(asOf, left, scope)
  const found = await findPoints(asOf, asked, scope, runNode)
  const isLeft = node.join === 'left'
  const rows = Int32Array.from(found.places.keys())
  const kept = isLeft ? rows : rows.filter((row) => found.places[row]! >= 0)
  if (kept.length === 0) return
  const places = kept.map((row) => found.places[row]!)
  const right = projected(asOf, found.points, scope).map((vector, index) =>
    vector.values.length === 0
      ? nullsOf(node.right.columns[index]!.type.layout, kept.length)
      : take(vector, places),
  )
  const taken = isLeft ? left : takeRows(left, kept)
  yield { rowCount: kept.length, columns: [...taken.columns, ...right] }
}

/** The columns that stand above the points. */
function projected({ projects }: AsOf, points: SqlBatch, scope: Scope): readonly SqlVector[] {
  let batch = points
  for (const { expressions } of projects) {
    const frame = frameOf(batch, scope)
    const { rowCount } = batch
    const columns = expressions.map((one) => spread(compile(one).evaluate(frame, null), rowCount))
    batch = { rowCount, columns }
  }
  return batch.columns
}

/** What left rows ask for. */
interface Asked {
  readonly keys: readonly SqlVector[]
  /** Nanoseconds that a point may have at most and at least. */
  readonly ceilings: BigInt64Array
  readonly floors: BigInt64Array
  /** Rows that have keys and times: others have no point. */
  readonly rows: Int32Array
}

const LEAST = -(2n ** 63n)
const MOST = 2n ** 63n - 1n

function askedOf({ keys, ceilings, floors }: AsOf, left: SqlBatch, scope: Scope): Asked {
  const frame = frameOf(left, scope)
  const { rowCount } = left
  const evaluate = (bound: Bound): SqlVector =>
    spread(compile(bound).evaluate(frame, null), rowCount)
  const isWanted = new Uint8Array(rowCount).fill(1)
  const drop = ({ valid }: SqlVector): void => {
    if (valid !== null) for (let row = 0; row < rowCount; row++) isWanted[row]! &= valid[row]!
  }
  const keyVectors = keys.map(({ outer }) => evaluate(outer))
  keyVectors.forEach(drop)
  const most = new BigInt64Array(rowCount).fill(MOST)
  const least = new BigInt64Array(rowCount).fill(LEAST)
  for (const { outer, isStrict } of ceilings) {
    const vector = evaluate(outer)
    drop(vector)
    for (const [row, value] of (vector.values as BigInt64Array).entries()) {
      if (isStrict && value === LEAST) isWanted[row] = 0
      else if (isStrict ? value - 1n < most[row]! : value < most[row]!) {
        most[row] = isStrict ? value - 1n : value
      }
    }
  }
  for (const { outer, isStrict } of floors) {
    const vector = evaluate(outer)
    drop(vector)
    for (const [row, value] of (vector.values as BigInt64Array).entries()) {
      if (isStrict && value === MOST) isWanted[row] = 0
      else if (isStrict ? value + 1n > least[row]! : value > least[row]!) {
        least[row] = isStrict ? value + 1n : value
      }
    }
  }
  const rows: number[] = []
  for (let row = 0; row < rowCount; row++) {
    if (isWanted[row] === 1 && least[row]! <= most[row]!) rows.push(row)
  }
  return { keys: keyVectors, ceilings: most, floors: least, rows: Int32Array.from(rows) }
}

interface Found {
  /** By left row: the row of its point; -1: it has none. */
  readonly places: Int32Array
  readonly points: SqlBatch
}

const NS_PER_MINUTE = 60_000_000_000n
/** What is read beyond the left rows' own times at first, and how it grows: then all. */
const REACH = 10n * NS_PER_MINUTE
const GROWTH = 64n

async function findPoints(
  asOf: AsOf,
  asked: Asked,
  scope: Scope,
  runNode: RunNode,
): Promise<Found> {
  const places = new Int32Array(asked.ceilings.length).fill(-1)
  const parts: SqlBatch[] = []
  let count = 0
  let open = asked.rows
  for (let step = 0; step < 3 && open.length > 0; step++) {
    const [from, to] = windowOf(asOf, asked, open, step)
    const points = await pointsOf(asOf, asked, open, { from, to }, scope, runNode)
    const [rows, chosen, left] = choose(asOf, asked, open, points, { from, to })
    for (const [i, row] of rows.entries()) places[row] = count + i
    parts.push(takeRows(points.batch, chosen))
    count += chosen.length
    open = left
  }
  const { columns } = asOf.scan
  const joined = columns.map(({ type }, index) =>
    concatenate(
      parts.map((part) => part.columns[index]!),
      type.layout,
    ),
  )
  return { places, points: { rowCount: count, columns: joined } }
}

interface Window {
  readonly from: bigint
  readonly to: bigint
}

/** The times that are read in a step: all that the rows may want in the last. */
function windowOf(
  { isDescending }: AsOf,
  { ceilings, floors }: Asked,
  open: Int32Array,
  step: number,
): [bigint, bigint] {
  let [floor, low, high, ceiling] = [MOST, MOST, LEAST, LEAST]
  for (const row of open) {
    const near = isDescending ? ceilings[row]! : floors[row]!
    if (near < low) low = near
    if (near > high) high = near
    if (floors[row]! < floor) floor = floors[row]!
    if (ceilings[row]! > ceiling) ceiling = ceilings[row]!
  }
  if (step === 2) return [floor, ceiling]
  const reach = ((high - low) / 4n + REACH) * (step === 0 ? 1n : GROWTH)
  if (isDescending) return [low - reach > floor ? low - reach : floor, ceiling]
  return [floor, high + reach < ceiling ? high + reach : ceiling]
}

/** Points by key: those of number n are rows.subarray(starts[n], starts[n + 1]), in order of time. */
interface Points {
  readonly batch: SqlBatch
  readonly times: BigInt64Array
  readonly index: KeyIndex
  readonly starts: Uint32Array
  readonly rows: Uint32Array
}

async function pointsOf(
  asOf: AsOf,
  asked: Asked,
  open: Int32Array,
  window: Window,
  scope: Scope,
  runNode: RunNode,
): Promise<Points> {
  const { scan, time, keys } = asOf
  const conditions = [...asOf.own, ...windowConditions(asOf, window), ...listed(asOf, asked, open)]
  const needed = [time, ...keys.flatMap(({ inner }) => [...inputsOf(inner)])]
  const reads =
    scan.reads === undefined
      ? {}
      : { reads: [...new Set([...scan.reads, ...needed])].sort((a, b) => a - b) }
  const { columns } = scan
  const input: Node = { ...scan, ...reads }
  const node: Node = { kind: 'filter', input, condition: allOf(conditions), columns }
  const { batch, release } = await collect(runNode(node, scope), columns, scope.run)
  // Left rows are answered before anything else is read.
  release()
  const frame = frameOf(batch, scope)
  const vectors = keys.map(({ inner }) => {
    return spread(compile(inner).evaluate(frame, null), batch.rowCount)
  })
  const index = new KeyIndex(keys.map(({ inner }) => inner.type))
  const numbers = index.enter(vectors, batch.rowCount)
  const times = batch.columns[time]!.values as BigInt64Array
  return { batch, times, index, ...ordered(numbers, times, index.count) }
}

/** Rows by number, then time; rows of one time stay in the order in which they came. */
function ordered(
  numbers: Uint32Array,
  times: BigInt64Array,
  count: number,
): Pick<Points, 'starts' | 'rows'> {
  const starts = new Uint32Array(count + 1)
  for (const number of numbers) starts[number + 1]!++
  for (let number = 0; number < count; number++) starts[number + 1]! += starts[number]!
  const next = starts.slice()
  const rows = new Uint32Array(numbers.length)
  for (const [row, number] of numbers.entries()) rows[next[number]!++] = row
  for (let number = 0; number < count; number++) {
    const own = rows.subarray(starts[number], starts[number + 1])
    const isAscending = own.every((row, i) => i === 0 || times[own[i - 1]!]! <= times[row]!)
    if (!isAscending) {
      own.sort((a, b) => (times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : a - b))
    }
  }
  return { starts, rows }
}

/** Left rows with the points they found, and those for which an earlier (or later) one may still be. */
function choose(
  { isDescending }: AsOf,
  { keys, ceilings, floors }: Asked,
  open: Int32Array,
  { times, index, starts, rows }: Points,
  { from, to }: Window,
): [number[], Int32Array, Int32Array] {
  const own = keys.map((key) => take(key, open))
  const numbers = index.find(own, open.length)
  const [found, chosen, left]: [number[], number[], number[]] = [[], [], []]
  for (const [i, row] of open.entries()) {
    const number = numbers[i]!
    const [floor, ceiling] = [floors[row]!, ceilings[row]!]
    let point = -1
    if (number >= 0) {
      const some = rows.subarray(starts[number], starts[number + 1])
      const at = isDescending ? newestAt(some, times, ceiling) : firstFrom(some, times, floor)
      if (at >= 0 && at < some.length) point = some[at]!
    }
    const isWithin = point >= 0 && times[point]! >= floor && times[point]! <= ceiling
    if (isWithin) {
      found.push(row)
      chosen.push(point)
    } else if (point < 0 && (isDescending ? floor < from : ceiling > to)) left.push(row)
  }
  return [found, Int32Array.from(chosen), Int32Array.from(left)]
}

/** Index of the first row whose time is not before. */
function firstFrom(rows: Uint32Array, times: BigInt64Array, least: bigint): number {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[rows[middle]!]! < least) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the newest row that is not after, the first of those of its time; -1: there is none. */
function newestAt(rows: Uint32Array, times: BigInt64Array, most: bigint): number {
  const end = most === MOST ? rows.length : firstFrom(rows, times, most + 1n)
  return end === 0 ? -1 : firstFrom(rows, times, times[rows[end - 1]!]!)
}

function windowConditions({ scan, time }: AsOf, { from, to }: Window): Bound[] {
  const { type } = scan.columns[time]!
  const compare = (symbol: string, value: bigint): Bound => ({
    kind: 'call',
    type: typeOf('bool'),
    function: operatorOf(symbol, type),
    arguments: [
      { kind: 'input', type, index: time },
      { kind: 'constant', type, value },
    ],
    position: 0,
  })
  return [compare('<=', to), ...(from === LEAST ? [] : [compare('>=', from)])]
}

function operatorOf(symbol: string, type: DataType) {
  const overloads = functionTable.operators(symbol)
  return overloads.find(({ arguments: [left, right] }) => left === type && right === type)!
}

/** More values of a key than this are not listed: the span of times has to do. */
const LISTED_MAX = 1_000

/** What the engine can find series by: the values that left rows have of each text. */
function listed({ keys }: AsOf, { keys: vectors }: Asked, open: Int32Array): Bound[] {
  return keys.flatMap(({ inner }, index): Bound[] => {
    if (inner.kind !== 'input' || inner.type.name !== 'text') return []
    const values = new Set<unknown>()
    for (const row of open) {
      values.add(vectors[index]!.values[row])
      if (values.size > LISTED_MAX) return []
    }
    const type = typeOf(`_${inner.type.name}`)
    const array: Bound = { kind: 'constant', type, value: new SqlArray(inner.type, [...values]) }
    const operator = operatorOf('=', inner.type)
    const bool = typeOf('bool')
    return [
      {
        kind: 'quantified',
        type: bool,
        quantifier: 'any',
        operator,
        left: inner,
        array,
        position: 0,
      },
    ]
  })
}
