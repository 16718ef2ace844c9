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
import { type Filled, fillColumn } from './fill.ts'
import { type RunNode, fetchAnswers, subqueriesOf } from './subquery.ts'
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
    const groups = filled(node, given, batch, await rangeOf(node, given, scope, runNode), scope)
    for (const [index, fill] of given.fills.entries()) {
      await fillColumn(groups, columns, node.groups.length + index, fill, scope, runNode)
    }
    const rows = groups.flatMap((group) => group.rows)
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

function filled(
  node: Aggregate,
  given: Gapfill,
  batch: SqlBatch,
  range: Range,
  scope: Scope,
): Filled[] {
  const bucketing = node.groups[given.group] as Bucketing
  const groups = groupsOf(node, given, batch)
  const found = groups.flatMap(({ rows }) => [...rows.keys()])
  const start = range.start === null ? least(found) : bucketOf(bucketing, range.start, scope)
  const finish = range.finish ?? (found.length === 0 ? null : greatest(found) + 1n)
  const buckets: Bucket[] = []
  if (start !== null && finish !== null) {
    const step = stepOf(bucketing, scope)
    for (let bucket = start; bucket < finish; bucket = step(bucket)) {
      buckets.push(bucket)
      if (buckets.length * Math.max(groups.length, 1) > BUCKETS_MAX) {
        throw new SqlError('54000', `time_bucket_gapfill makes more than ${BUCKETS_MAX} rows`)
      }
    }
  }
  const isNumber = bucketing.type.layout === 'number'
  return groups.map((group) => fillGroup(node, given, group, buckets, isNumber))
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

/** With a row for each bucket; those of gaps have the group's keys, and nulls. */
function fillGroup(
  { groups, columns }: Aggregate,
  { group }: Gapfill,
  { keys, rows }: Group,
  buckets: readonly Bucket[],
  isNumber: boolean,
): Filled {
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
  return { buckets: all, rows: result, isGap: all.map((bucket) => !rows.has(bucket)) }
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

interface Range {
  readonly start: Bucket | null
  /** Exclusive. */
  readonly finish: Bucket | null
}

async function rangeOf(
  { groups, input }: Aggregate,
  { group, start, finish }: Gapfill,
  scope: Scope,
  runNode: RunNode,
): Promise<Range> {
  const bucketing = groups[group] as Bucketing
  const asked = askedOf(input, bucketing.arguments[1]!, scope)
  const frame = frameOf(ONE_ROW, scope)
  await fetchAnswers(subqueriesOf([start, finish]), frame, runNode)
  const own = (bound: Bound | null): Bucket | null => {
    if (bound === null || inputsOf(bound).size > 0) return null
    const value = valueAt(compile(bound).evaluate(frame, null), bound.type, 0)
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
