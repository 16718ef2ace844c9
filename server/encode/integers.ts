// 64-bit integers in JSON: numbers where no digit is lost, else strings.

import type { AnswerColumn, AnswerSeries, Vector } from '../../engine/query/query.ts'

/** `auto`: numbers where every value is a safe integer, else strings; `string`: always strings. */
export type IntegerFormat = 'auto' | 'string'

export const INTEGER_FORMATS = ['auto', 'string'] as const

const SAFE_HIGH = 2_097_152 // 2^53 / 2^32

/** True for 64-bit words of which a double holds the exact value and no other integer rounds to it. */
function isSafe(high: number, low: number): boolean {
  return high < SAFE_HIGH && (high > -SAFE_HIGH || (high === -SAFE_HIGH && low !== 0))
}

/** True if every value of the vector is a safe integer; nulls do not count. */
export function isSafeVector({ values, valid }: Vector): boolean {
  if (!(values instanceof BigInt64Array) && !(values instanceof BigUint64Array)) return true
  const { buffer, byteOffset, length } = values
  const low = new Uint32Array(buffer, byteOffset, 2 * length)
  const high = new Int32Array(buffer, byteOffset, 2 * length)
  const unsigned = values instanceof BigUint64Array
  for (let row = 0; row < length; row++) {
    if (valid !== null && valid[row] === 0) continue
    const word = high[2 * row + 1]!
    if (!isSafe(unsigned ? word >>> 0 : word, low[2 * row]!)) return false
  }
  return true
}

/** Which columns (time excluded) have to be strings in JSON, so that no digit is lost. */
export function stringColumns(
  columns: readonly AnswerColumn[],
  series: readonly AnswerSeries[],
  integers: IntegerFormat,
): boolean[] {
  return columns.slice(1).map(({ type }, i) => {
    if (type !== 'integer' && type !== 'unsigned') return false
    return integers === 'string' || !series.every(({ fields }) => isSafeVector(fields[i]!))
  })
}
