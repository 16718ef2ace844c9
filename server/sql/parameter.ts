// Parameters as JSON, read as the type that the statement gives them.

import { SqlError } from '../../sql/sql-error.ts'
import type { DataType } from '../../sql/type.ts'
import { arrayOf } from '../../sql/catalogs/array.ts'
import { readValue, type TextContext } from '../../sql/value-text.ts'

const TIMES = new Set(['timestamptz', 'timestamp'])

/**
 * Values of `$1` and on as a run takes them. Throws 08P01 if there are not as many as the statement has,
 * 22P02 and its like for texts that are none of the type.
 */
export function readParameters(
  given: readonly unknown[],
  types: readonly DataType[],
  context: TextContext,
): unknown[] {
  if (given.length !== types.length) {
    const message = `${given.length} parameters are given, the statement has ${types.length}`
    throw new SqlError('08P01', message)
  }
  return types.map((type, index) => readParameter(given[index], type, context, index))
}

function readParameter(
  value: unknown,
  type: DataType,
  context: TextContext,
  index: number,
): unknown {
  if (value === null || value === undefined) return null
  if (Array.isArray(value) && type.element) {
    const { element } = type
    return arrayOf(
      type,
      value.map((each) => readParameter(each, element, context, index)),
    )
  }
  if (typeof value === 'string') return readValue(type, value, context)
  if (typeof value === 'number') return readNumber(value, type, context, index)
  if (typeof value === 'boolean') return readValue(type, String(value), context)
  if (type.name === 'json' || type.name === 'jsonb') return JSON.stringify(value)
  throw new SqlError('22023', `parameter $${index + 1} is no ${type.title}`)
}

function readNumber(value: number, type: DataType, context: TextContext, index: number): unknown {
  if (TIMES.has(type.name)) return BigInt(Math.round(value * 1000)) * 1000n
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && type.layout !== 'number') {
    const message = `parameter $${index + 1}: ${value} is beyond 2^53, send it as a string`
    throw new SqlError('22003', message)
  }
  // Never in exponents, which are no integers to PostgreSQL.
  const text = Number.isInteger(value) ? BigInt(value).toString() : String(value)
  return readValue(type, text, context)
}
