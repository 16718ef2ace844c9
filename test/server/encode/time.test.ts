import { describe, expect, test } from 'vitest'
import { printRuns } from '../../../engine/cell-text.ts'
import { formatTimeText } from '../../../engine/time.ts'
import { TIME_FORMATS, type TimeFormat } from '../../../server/encode/time.ts'
import { openKernel, seededRandom } from '../../kernel.ts'

const instance = await openKernel()

function print(values: BigInt64Array, time: TimeFormat): string[] {
  const run = { prefix: '', values, valid: null, from: 0, to: values.length, time }
  const bytes = printRuns(instance, [{ ...run, style: 'plain' }])
  return new TextDecoder().decode(bytes).split(',')
}

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const EDGES = [0n, 1n, -1n, 999n, 1000n, -1000n, 999_999n, 1_000_000n, -1_000_000n, MIN, MAX]
  .concat([999_999_999n, 1_000_000_000n, -1_000_000_001n, 2n ** 32n, 2n ** 32n - 1n, -(2n ** 32n)])
  .concat([951_782_400_000_000_000n, 1_790_000_000_123_456_789n, -2_208_988_800_000_000_000n])
  .concat([9_007_199_254_740_991_000n, 9_007_199_254_740_992_000n, 86_399_999_999_999n])

function randomTimes(seed: number, count: number): bigint[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => {
    const bits = BigInt(Math.floor(random() * 2 ** 32)) * 2n ** 32n
    const wide = BigInt.asIntN(64, bits + BigInt(Math.floor(random() * 2 ** 32)))
    return wide / 10n ** BigInt(Math.floor(random() * 18))
  })
}

function floorDivide(value: bigint, unit: bigint): bigint {
  return (value - (((value % unit) + unit) % unit)) / unit
}

const EXPECTED: Record<TimeFormat, (time: bigint) => string> = {
  s: (time) => String(floorDivide(time, 1_000_000_000n)),
  ms: (time) => String(floorDivide(time, 1_000_000n)),
  us: (time) => String(floorDivide(time, 1000n)),
  ns: String,
  rfc3339: (time) => formatTimeText(time, 'rfc3339'),
}

describe.each(TIME_FORMATS)('times as %s', (format) => {
  const seed = 20261122
  test.each([
    ['at the edges', EDGES],
    [`at random, seed ${seed}`, randomTimes(seed, 5000)],
  ])('equal exact integer arithmetic %s', (_name, times) => {
    expect(print(BigInt64Array.from(times), format)).toEqual(times.map(EXPECTED[format]))
  })

  test('are printed from a column that starts anywhere in its buffer', () => {
    const column = new BigInt64Array(4).subarray(2)
    column.set([1_790_000_000_000_000_000n, 5n])
    expect(print(column, format)).toEqual([...column].map(EXPECTED[format]))
  })
})
