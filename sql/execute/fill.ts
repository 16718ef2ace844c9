// What the rows of a gap have in a column that locf or interpolate fills: the value before, or one on the
// line between the values around; and what their further arguments say of the ends of a group, which are
// expressions over the group's row, evaluated for the groups that need them.
// Source: TimescaleDB's documentation of locf and interpolate.

import type { SqlVector } from '../batch.ts'
import { Decimal } from '../decimal.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound, Fill, Named } from '../tree.ts'
import type { DataType } from '../type.ts'
import type { SqlRecord } from '../value.ts'
import { compile } from './expression.ts'
import { type Scope, frameOf } from './scope.ts'
import { type RunNode, fetchAnswers, subqueriesOf } from './subquery.ts'
import { spread, valueAt, vectorOf } from './vector.ts'

/** A group's rows by bucket, in order. */
export interface Filled {
  readonly buckets: readonly bigint[]
  readonly rows: readonly unknown[][]
  readonly isGap: readonly boolean[]
}

/** Fills one column of all groups in place. */
export async function fillColumn(
  groups: readonly Filled[],
  columns: readonly Named[],
  column: number,
  fill: Fill,
  scope: Scope,
  runNode: RunNode,
): Promise<void> {
  const ask = (bound: Bound | null, row: (group: Filled) => readonly unknown[] | null) =>
    asked(groups, columns, bound, row, scope, runNode)
  if (fill.kind === 'locf') {
    const first = (group: Filled) => group.rows[0] ?? null
    const ignores = await ask(fill.ignoresNulls, first)
    const isMissing = (group: Filled, at: number): boolean =>
      group.isGap[at]! || (ignores.get(group) === true && group.rows[at]![column] === null)
    const before = await ask(fill.before, (group) => (isMissing(group, 0) ? first(group) : null))
    for (const group of groups) {
      carry(group, column, before.get(group) ?? null, (at) => isMissing(group, at))
    }
  }
  if (fill.kind === 'interpolate') {
    const end = (at: number) => (group: Filled) => {
      const row = group.rows.at(at)
      return group.isGap.at(at) === true ? row! : null
    }
    const [before, after] = [await ask(fill.before, end(0)), await ask(fill.after, end(-1))]
    const { type } = columns[column]!
    for (const group of groups) {
      const ends = [sampleOf(before.get(group)), sampleOf(after.get(group))] as const
      interpolate(group, column, type, ends)
    }
  }
}

/** What an expression is over a row of each group; `row` null: it is not asked there. */
async function asked(
  groups: readonly Filled[],
  columns: readonly Named[],
  bound: Bound | null,
  row: (group: Filled) => readonly unknown[] | null,
  scope: Scope,
  runNode: RunNode,
): Promise<Map<Filled, unknown>> {
  const values = new Map<Filled, unknown>()
  if (bound === null) return values
  const needed = groups.filter((group) => group.rows.length > 0 && row(group) !== null)
  const rows = needed.map((group) => row(group)!)
  const vectors = columns.map(({ type }, index) =>
    vectorOf(type, rows.length, (at) => rows[at]![index]),
  )
  const frame = frameOf({ rowCount: rows.length, columns: vectors }, scope)
  await fetchAnswers(subqueriesOf([bound]), frame, runNode)
  if (rows.length === 0) return values
  const vector: SqlVector = spread(compile(bound).evaluate(frame, null), rows.length)
  for (const [at, group] of needed.entries()) values.set(group, valueAt(vector, bound.type, at))
  return values
}

function carry(
  { rows }: Filled,
  column: number,
  before: unknown,
  isMissing: (at: number) => boolean,
): void {
  let last = before
  for (const [at, row] of rows.entries()) {
    if (isMissing(at)) row[column] = last
    else last = row[column]
  }
}

/** A value at a time. */
interface Sample {
  readonly at: bigint
  readonly value: unknown
}

/** A row of a time and a value; null if it, or one of them, is. */
function sampleOf(record: unknown): Sample | null {
  const [at, value] = (record as SqlRecord | null | undefined)?.values ?? [null, null]
  return at === null || value === null ? null : { at: BigInt(at as bigint | number), value }
}

function interpolate(
  { rows, isGap, buckets }: Filled,
  column: number,
  type: DataType,
  [before, after]: readonly [Sample | null, Sample | null],
): void {
  const known = rows.flatMap((row, at): (Sample & { index: number })[] =>
    isGap[at]! || row[column] === null ? [] : [{ index: at, at: buckets[at]!, value: row[column] }],
  )
  const samples = [
    ...(before === null ? [] : [{ ...before, index: -1 }]),
    ...known,
    ...(after === null ? [] : [{ ...after, index: rows.length }]),
  ]
  for (const [next, to] of samples.entries()) {
    const from = samples[next - 1]
    if (from === undefined) continue
    for (let at = from.index + 1; at < to.index; at++) {
      if (isGap[at]!) rows[at]![column] = between(from, to, buckets[at]!, type)
    }
  }
}

/** On the line through two samples; whole numbers are cut off. */
function between(from: Sample, to: Sample, at: bigint, { name }: DataType): unknown {
  const [span, done] = [to.at - from.at, at - from.at]
  if (span === 0n) throw new SqlError('22012', 'division by zero')
  const isWhole = name === 'int8' || name === 'int4' || name === 'int2'
  if (isWhole) {
    const [one, two] = [from.value, to.value].map((value) => BigInt(String(value)))
    const value = one! + ((two! - one!) * done) / span
    return name === 'int8' ? value : Number(value)
  }
  const [one, two] = [Number(from.value), Number(to.value)]
  const value = one + ((two - one) * Number(done)) / Number(span)
  return name === 'numeric' ? Decimal.parse(String(value)) : value
}
