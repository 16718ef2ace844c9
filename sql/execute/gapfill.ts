// time_bucket_gapfill: the groups of an aggregate, with a row for every bucket of the range in which a
// group has none; what those rows have is null, the value before (locf), or on the line between the
// values around (interpolate). The range is given, or what WHERE asks of the time, or that of the rows.
// Source: TimescaleDB's documentation of time_bucket_gapfill, locf and interpolate.

import { BATCH_ROWS, type Batches, type SqlBatch } from '../batch.ts'
import { keyOf as formOf } from '../bind/tree-map.ts'
import { addMonths } from '../calendar.ts'
import { conjunctsOf, inputsOf } from '../plan/inputs.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound, Gapfill, Node } from '../tree.ts'
import { Interval } from '../value.ts'
import { compile } from './expression.ts'
import { KeyIndex } from './key.ts'
import { ONE_ROW, type Scope, frameOf } from './scope.ts'
import type { RunNode } from './subquery.ts'
import { collect, valueAt, vectorOf } from './vector.ts'

type Aggregate = Extract<Node, { kind: 'aggregate' }>
type Bucketing = Extract<Bound, { kind: 'call' }>
/** A bucket: nanoseconds, or a whole number. */
type Bucket = bigint

const BUCKETS_MAX = 1_000_000

/** Rows of a group's buckets in order, as values by column. */
interface Group {
  readonly keys: readonly unknown[]
  readonly rows: Map<Bucket, readonly unknown[]>
}

/** Runs an aggregate with gaps to fill. Throws 54000 for too many buckets. */
export async function* gapfill(
  node: Aggregate,
  given: Gapfill,
  scope: Scope,
  runNode: RunNode,
): Batches {
  const { columns } = node
  const plain = given.plain ?? { ...node, gapfill: null }
  const { batch, release } = await collect(runNode(plain, scope), columns, scope.run)
  try {
    const rows = filled(node, given, batch, scope)
    for (let at = 0; at < rows.length; at += BATCH_ROWS) {
      const part = rows.slice(at, at + BATCH_ROWS)
      const vectors = columns.map(({ type }, column) =>
        vectorOf(type, part.length, (row) => part[row]![column]),
      )
      yield { rowCount: part.length, columns: vectors }
    }
  } finally {
    release()
  }
}

function filled(node: Aggregate, given: Gapfill, batch: SqlBatch, scope: Scope): unknown[][] {
  const bucketing = node.groups[given.group] as Bucketing
  const type = bucketing.type
  const groups = groupsOf(node, given, batch)
  const found = groups.flatMap(({ rows }) => [...rows.keys()])
  const range = rangeOf(node, given, bucketing, scope)
  const start = range.start === null ? least(found) : bucketOf(bucketing, range.start, scope)
  const finish = range.finish ?? (found.length === 0 ? null : greatest(found) + 1n)
  if (start === null || finish === null)
    return groups.flatMap(({ rows }) => [...rows.values()].map((row) => [...row]))
  const step = stepOf(bucketing, scope)
  const buckets: Bucket[] = []
  for (let bucket = start; bucket < finish; bucket = step(bucket)) {
    buckets.push(bucket)
    if (buckets.length * Math.max(groups.length, 1) > BUCKETS_MAX) {
      throw new SqlError('54000', `time_bucket_gapfill makes more than ${BUCKETS_MAX} rows`)
    }
  }
  const isNumber = type.layout === 'number'
  return groups.flatMap((group) => fillGroup(node, given, group, buckets, isNumber))
}

const least = (buckets: readonly Bucket[]): Bucket | null =>
  buckets.length === 0 ? null : buckets.reduce((a, b) => (a < b ? a : b))
const greatest = (buckets: readonly Bucket[]): Bucket => buckets.reduce((a, b) => (a > b ? a : b))

/** Without other groups there is one, even of no rows. Rows without a bucket are left as they are. */
function groupsOf({ groups, columns }: Aggregate, { group }: Gapfill, batch: SqlBatch): Group[] {
  const others = groups.map((_, index) => index).filter((index) => index !== group)
  const index = new KeyIndex(others.map((column) => columns[column]!.type))
  const numbers = index.enter(
    others.map((column) => batch.columns[column]!),
    batch.rowCount,
  )
  const found: Group[] = others.length === 0 ? [{ keys: [], rows: new Map() }] : []
  for (let row = 0; row < batch.rowCount; row++) {
    const values = columns.map(({ type }, column) => valueAt(batch.columns[column]!, type, row))
    const own = (found[numbers[row]!] ??= {
      keys: others.map((column) => values[column]),
      rows: new Map(),
    })
    const bucket = values[group]
    if (bucket !== null) own.rows.set(BigInt(bucket as bigint | number), values)
  }
  return found
}

function fillGroup(
  { groups, aggregates, columns }: Aggregate,
  { group, fills }: Gapfill,
  { keys, rows }: Group,
  buckets: readonly Bucket[],
  isNumber: boolean,
): unknown[][] {
  const wanted = new Set(buckets)
  const outside = [...rows.keys()].filter((bucket) => !wanted.has(bucket))
  const all = [...buckets, ...outside].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const result = all.map((bucket) => {
    const known = rows.get(bucket)
    if (known !== undefined) return [...known]
    const row: unknown[] = columns.map(() => null)
    let next = 0
    for (const column of groups.keys()) if (column !== group) row[column] = keys[next++]
    row[group] = isNumber ? Number(bucket) : bucket
    return row
  })
  const isGap = all.map((bucket) => !rows.has(bucket))
  for (const [index, call] of aggregates.entries()) {
    const column = groups.length + index
    if (fills[index] === 'locf') carry(result, isGap, column)
    if (fills[index] === 'interpolate') {
      interpolate(result, isGap, all, column, call.type.layout === 'bigint')
    }
  }
  return result
}

function carry(rows: readonly unknown[][], isGap: readonly boolean[], column: number): void {
  for (let at = 1; at < rows.length; at++) {
    if (isGap[at]!) rows[at]![column] = rows[at - 1]![column]
  }
}

function interpolate(
  rows: readonly unknown[][],
  isGap: readonly boolean[],
  buckets: readonly Bucket[],
  column: number,
  isWhole: boolean,
): void {
  const known = rows.flatMap((row, at) => (isGap[at]! || row[column] === null ? [] : [at]))
  for (let next = 1; next < known.length; next++) {
    const [from, to] = [known[next - 1]!, known[next]!]
    const [one, two] = [rows[from]![column], rows[to]![column]]
    const span = buckets[to]! - buckets[from]!
    for (let at = from + 1; at < to; at++) {
      if (!isGap[at]!) continue
      const done = buckets[at]! - buckets[from]!
      rows[at]![column] = isWhole
        ? (one as bigint) + (((two as bigint) - (one as bigint)) * done) / span
        : Number(one) + ((Number(two) - Number(one)) * Number(done)) / Number(span)
    }
  }
}

/** What is known without a row; null: it depends on one, or is null. */
function constantOf(bound: Bound, scope: Scope): unknown {
  if (inputsOf(bound).size > 0) return null
  return valueAt(compile(bound).evaluate(frameOf(ONE_ROW, scope), null), bound.type, 0)
}

function bucketOf(bucketing: Bucketing, time: Bucket, scope: Scope): Bucket {
  const { type } = bucketing.arguments[1]!
  const value = type.layout === 'number' ? Number(time) : time
  const constant: Bound = { kind: 'constant', type, value }
  const call = { ...bucketing, arguments: bucketing.arguments.with(1, constant) }
  return BigInt(constantOf(call, scope) as bigint | number)
}

function stepOf(bucketing: Bucketing, scope: Scope): (bucket: Bucket) => Bucket {
  const width = constantOf(bucketing.arguments[0]!, scope)
  if (!(width instanceof Interval)) {
    const step = BigInt((width ?? 0) as bigint | number)
    if (step <= 0n) throw new SqlError('22023', 'the width of a bucket must be positive')
    return (bucket) => bucket + step
  }
  if (width.span <= 0n) throw new SqlError('22023', 'the width of a bucket must be positive')
  const fixed = width.span - BigInt(width.months) * MONTH
  return (bucket) => (width.months === 0 ? bucket : addMonths(bucket, width.months)) + fixed
}

/** As `Interval.span` counts months. */
const MONTH = 30n * 86_400_000_000_000n

/** `finish` is exclusive. */
function rangeOf(
  { input }: Aggregate,
  { start, finish }: Gapfill,
  bucketing: Bucketing,
  scope: Scope,
): { start: Bucket | null; finish: Bucket | null } {
  const asked = askedOf(input, bucketing.arguments[1]!, scope)
  const own = (bound: Bound | null): Bucket | null => {
    const value = bound && constantOf(bound, scope)
    return value === null ? null : BigInt(value as bigint | number)
  }
  return { start: own(start) ?? asked.start, finish: own(finish) ?? asked.finish }
}

const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

/** What conditions right below the aggregate ask of its time. */
function askedOf(
  input: Node,
  time: Bound,
  scope: Scope,
): { start: Bucket | null; finish: Bucket | null } {
  const range: { start: Bucket | null; finish: Bucket | null } = { start: null, finish: null }
  if (input.kind !== 'filter') return range
  const form = formOf(time)
  for (const one of conjunctsOf(input.condition)) {
    if (one.kind !== 'call' || MIRRORED[one.function.name] === undefined) continue
    const [left, right] = one.arguments as readonly [Bound, Bound]
    const isLeft = formOf(left) === form
    if (!isLeft && formOf(right) !== form) continue
    const value = constantOf(isLeft ? right : left, scope)
    if (value === null) continue
    const end = BigInt(value as bigint | number)
    const symbol = isLeft ? one.function.name : MIRRORED[one.function.name]!
    if (symbol === '>=' || symbol === '>') {
      const from = symbol === '>' ? end + 1n : end
      if (range.start === null || from > range.start) range.start = from
    } else {
      const to = symbol === '<=' ? end + 1n : end
      if (range.finish === null || to < range.finish) range.finish = to
    }
  }
  return range
}
