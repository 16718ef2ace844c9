// The points that are stored under the keys of rows: one scan of their span of times and their tags,
// of which only the points asked for are kept.

import type { SqlBatch, SqlVector } from '../batch.ts'
import type { ScalarFunction } from '../function.ts'
import { functionTable } from '../functions/table.ts'
import type { Relation } from '../relation.ts'
import type { Bound } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import type { CommandContext } from './context.ts'
import { tagAt } from './row-groups.ts'

/** A row of a batch that has all columns of the relation. */
export interface StoredPoint {
  readonly batch: SqlBatch
  readonly row: number
}

/** The key of a point as text: its time and its tags. `columns`: those of the key, the time first. */
export function keyAt(columns: readonly SqlVector[], row: number): string {
  const [time, ...tags] = columns
  return [String(time!.values[row]), ...tags.map((tag) => tagAt(tag, row))].join('\0')
}

/** Indexes of the relation's key columns, the time first. */
export function keyColumns({ columns }: Relation): readonly number[] {
  const all = [...columns.keys()]
  const time = all.filter((index) => columns[index]!.kind === 'time')
  return [...time, ...all.filter((index) => columns[index]!.kind === 'tag')]
}

/** Stored points by key, of the keys of a batch; `key` are its columns of the key. */
export async function readStored(
  relation: Relation,
  key: readonly SqlVector[],
  rowCount: number,
  { run }: CommandContext,
): Promise<Map<string, StoredPoint>> {
  const indexes = keyColumns(relation)
  const wanted = new Set(Array.from({ length: rowCount }, (_, row) => keyAt(key, row)))
  const found = new Map<string, StoredPoint>()
  const conditions = conditionsOf(relation, key, rowCount)
  const columns = [...relation.columns.keys()]
  const scan = relation.scan({ columns, conditions, limit: null }, run.surroundings)
  for await (const batch of scan.batches(run)) {
    run.check()
    const own = indexes.map((index) => batch.columns[index]!)
    for (let row = 0; row < batch.rowCount; row++) {
      const text = keyAt(own, row)
      if (wanted.has(text)) found.set(text, { batch, row })
    }
  }
  return found
}

/** Conditions that all points of these keys meet, and perhaps others. */
function conditionsOf(
  relation: Relation,
  [time, ...tags]: readonly SqlVector[],
  rowCount: number,
): Bound[] {
  const [timeIndex, ...tagIndexes] = keyColumns(relation)
  let least = time!.values[0] as bigint
  let most = least
  for (let row = 1; row < rowCount; row++) {
    const value = time!.values[row] as bigint
    if (value < least) least = value
    if (value > most) most = value
  }
  const conditions = [
    compare('>=', input(relation, timeIndex!), least),
    compare('<=', input(relation, timeIndex!), most),
  ]
  for (const [i, index] of tagIndexes.entries()) {
    const condition = oneOf(input(relation, index), tags[i]!, rowCount)
    if (condition !== null) conditions.push(condition)
  }
  return conditions
}

/** More values of a tag than this are not listed: the span of times has to do. */
const LISTED_MAX = 500

function oneOf(column: Bound, tag: SqlVector, rowCount: number): Bound | null {
  const values = new Set<string>()
  for (let row = 0; row < rowCount && values.size <= LISTED_MAX; row++) values.add(tagAt(tag, row))
  if (values.size > LISTED_MAX) return null
  const bool = typeOf('bool')
  const absent: Bound = { kind: 'is', type: bool, operand: column, test: 'null', negated: false }
  const hasAbsent = values.delete('')
  if (values.size === 0) return absent
  const array = new SqlArray(column.type, [...values])
  const listed: Bound = {
    kind: 'quantified',
    type: bool,
    quantifier: 'any',
    operator: operatorOf('=', column.type),
    left: column,
    array: { kind: 'constant', type: typeOf(`_${column.type.name}`), value: array },
    position: 0,
  }
  return hasAbsent ? { kind: 'or', type: bool, operands: [absent, listed] } : listed
}

function input({ columns }: Relation, index: number): Bound {
  return { kind: 'input', type: columns[index]!.type, index }
}

function compare(symbol: string, column: Bound, value: bigint): Bound {
  const { type } = column
  const constant: Bound = { kind: 'constant', type, value }
  const operator = operatorOf(symbol, type)
  return {
    kind: 'call',
    type: typeOf('bool'),
    function: operator,
    arguments: [column, constant],
    position: 0,
  }
}

function operatorOf(symbol: string, type: DataType): ScalarFunction {
  const overloads = functionTable.operators(symbol)
  return overloads.find(({ arguments: [left, right] }) => left === type && right === type)!
}
