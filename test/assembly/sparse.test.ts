import { describe, expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import {
  BOOLEAN,
  FLOAT,
  INTEGER,
  UNSIGNED,
  decodeColumn,
  encodeColumn,
  expectRoundTrip,
  fill,
  floatSlots,
  readEntry,
  slotsOf,
} from './block.ts'

const dice = randomOf(5)
const bits64 = (): bigint => (BigInt(dice.int(2 ** 32)) << 32n) | BigInt(dice.int(2 ** 32))

describe('a block in which few rows have a value', () => {
  const IS_DENSE = 128
  const shapes: [string, number, (i: number) => bigint][] = [
    ['integers', INTEGER, () => BigInt(dice.int(4000))],
    ['wide integers', UNSIGNED, () => bits64()],
    ['a walk', INTEGER, (i) => BigInt(1000 + (i % 7) + (i >> 3))],
    ['decimals', FLOAT, () => floatSlots([dice.int(10_000) / 100])[0]!],
    ['odd doubles', FLOAT, (i) => floatSlots([[NaN, -0, Infinity, i / 3][i % 4]!])[0]!],
    ['booleans', BOOLEAN, () => BigInt(dice.int(2))],
  ]

  test.each(shapes)('has no slot for the others: %s', (_name, type, valueOf) => {
    for (const share of [0.001, 0.02, 0.3, 0.5, 0.74]) {
      for (const n of [1, 63, 64, 65, 1000, 1024]) {
        const slots = slotsOf(fill(n, valueOf))
        const valid = Uint8Array.from(slots, () => (dice.chance(share) ? 1 : 0))
        valid[dice.int(n)] = 1
        const count = valid.reduce((sum, bit) => sum + bit, 0)
        const block = encodeColumn(type, slots, valid)
        const isDense = count < n && count * 4 <= n * 3
        expect((readEntry(block.entry).flags & IS_DENSE) !== 0).toBe(isDense)
        expectRoundTrip(block, slots, valid, `${count} of ${n}`)
        for (let row = 0; row < n; row += 13) {
          const { slots: found, valid: bits } = decodeColumn(block, row, 1)
          expect(bits[0]).toBe(valid[row])
          if (valid[row] === 1) expect(found[0]).toBe(slots[row])
        }
      }
    }
  })

  test('takes half of the bytes, with its bitmap, where two fifths have one', () => {
    const slots = floatSlots(fill(1024, () => dice.int(10_000) / 100))
    const valid = Uint8Array.from(slots, (_, i) => (i % 5 < 2 ? 1 : 0))
    const sparse = encodeColumn(FLOAT, slots, valid).bytes.length
    expect(sparse).toBeLessThanOrEqual(0.5 * encodeColumn(FLOAT, slots).bytes.length)
  })
})
