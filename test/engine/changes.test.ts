// Numbers of changes against a naive list of all of them: a number never stays when there was a change.

import { expect, test } from 'vitest'
import { Changes, SPANS_MAX } from '../../engine/changes.ts'
import { randomOf, seedsOf } from '../random.ts'

const create = (): Changes => new Changes((target) => void target.fill(7))

test.each(seedsOf(8))('a range has a new number after each change in it, seed %i', (seed) => {
  const random = randomOf(seed)
  const changes = create()
  const ranges = Array.from({ length: 12 }, () => {
    const start = BigInt(random.int(1_000))
    return { table: random.int(2), start, end: start + BigInt(1 + random.int(200)), number: 0 }
  })
  for (let i = 0; i < 1_500; i++) {
    const table = random.int(2)
    const start = BigInt(random.chance(0.5) ? i : random.int(1_000))
    const end = start + BigInt(random.int(random.chance(0.1) ? 500 : 3))
    changes.note(table, start, end)
    for (const range of ranges) {
      const number = changes.numberOf(range.table, range.start, range.end)
      const isTouched = range.table === table && range.start <= end && range.end > start
      if (isTouched) expect(number, `change ${i}`).toBe(changes.count)
      expect(number).toBeGreaterThanOrEqual(range.number)
      range.number = number
    }
  }
})

test('a closed range keeps its number while points arrive behind it', () => {
  const changes = create()
  changes.note(1, 0n, 999n)
  const number = changes.numberOf(1, 0n, 1_000n)
  for (let i = 0; i < 3 * SPANS_MAX; i++) changes.note(1, 1_000n + BigInt(i), 1_000n + BigInt(i))
  // What it was joined with when spans became many is the only change that it may show.
  const later = changes.numberOf(1, 0n, 500n)
  for (let i = 0; i < 100; i++) changes.note(1, 900_000n + BigInt(i), 900_000n + BigInt(i))
  expect(changes.numberOf(1, 0n, 500n)).toBe(later)
  expect(number).toBe(1)
})

test('a change of a table as a whole touches every range of it and of no other', () => {
  const changes = create()
  changes.note(1, 5n, 6n)
  changes.note(2, 5n, 6n)
  changes.noteTable(1)
  expect(changes.numberOf(1, -5n, -4n)).toBe(3)
  expect(changes.numberOf(2, 0n, 10n)).toBe(2)
  expect(changes.numberOf(2, 7n, 10n)).toBe(0)
})
