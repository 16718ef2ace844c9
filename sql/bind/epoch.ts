// A bare integer where a time is wanted is milliseconds since 1970, as in the REST API: constants at
// once, other integers by a function that has no name in SQL.

import type { SqlVector } from '../batch.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import type { Context } from './context.ts'

const NANOSECONDS = 1_000_000n
const TIME_MAX = 2n ** 63n - 1n

export function isTime(type: DataType): boolean {
  return type.name === 'timestamptz' || type.name === 'timestamp'
}

export function isInteger(type: DataType): boolean {
  return type.name === 'int2' || type.name === 'int4' || type.name === 'int8'
}

/** An integer as a time. Throws 22008 where nanoseconds cannot hold it. */
export function timeOfMilliseconds(context: Context, integer: Bound, type: DataType): Bound {
  const tree = context.treeOf(integer)
  const start = context.start(integer)
  if (integer.kind === 'constant') {
    const { value } = integer
    const time = value === null ? null : context.at(start, () => toTime(value as number | bigint))
    return context.placed({ kind: 'constant', type, value: time }, tree)
  }
  const position = context.position(start)
  const made = type.name === 'timestamp' ? TO_TIMESTAMP : TO_TIMESTAMPTZ
  const call: Bound = { kind: 'call', type, function: made, arguments: [integer], position }
  return context.placed(call, tree)
}

function toTime(milliseconds: number | bigint): bigint {
  const time = BigInt(milliseconds) * NANOSECONDS
  if (time > TIME_MAX || time < -TIME_MAX) {
    throw new SqlError('22008', `timestamp out of range: ${milliseconds} ms`)
  }
  return time
}

function makeFunction(result: string): ScalarFunction {
  return {
    name: `epoch_ms_to_${result}`,
    arguments: [typeOf('int8')],
    isVariadic: false,
    result: typeOf(result),
    isStrict: true,
    volatility: 'immutable',
    evaluate: ([given], rowCount, valid) => toTimes(given!, rowCount, valid),
  }
}

function toTimes({ values }: SqlVector, rowCount: number, valid: Uint8Array | null): SqlVector {
  const times = new BigInt64Array(rowCount)
  for (let row = 0; row < rowCount; row += 1) {
    if (valid !== null && valid[row] === 0) continue
    // A constant's vector has one row.
    times[row] = toTime(values[values.length === 1 ? 0 : row] as number | bigint)
  }
  return { values: times, valid }
}

const TO_TIMESTAMPTZ = makeFunction('timestamptz')
const TO_TIMESTAMP = makeFunction('timestamp')
