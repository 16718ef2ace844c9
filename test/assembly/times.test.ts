import { describe, expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import {
  type Block,
  CORRUPT,
  check,
  decodeTimes,
  encodeTimes,
  kernel,
  placed,
  readEntry,
} from './block.ts'

const LEAST = -(2n ** 63n) + 2n
const MOST = 2n ** 63n - 2n
const START = 1_790_000_000_000_000_000n
const SECOND = 1_000_000_000n

/** Times of one series from its steps. */
function walk(start: bigint, steps: readonly bigint[]): bigint[] {
  const times = [start]
  for (const step of steps) times.push(times.at(-1)! + step)
  return times
}

function repeat(n: number, step: (i: number) => bigint): bigint[] {
  return Array.from({ length: n }, (_, i) => step(i))
}

const random = randomOf(11)
const exponential = (): bigint => BigInt(Math.ceil(-Math.log(1 - random.next()) * 1e9))
const jitter = (): bigint => BigInt(random.int(40) - 20) * 1_000_000n

const shapes: [string, bigint[]][] = [
  ['one row', [START]],
  ['one row at the least time', [LEAST]],
  ['two rows', [START, START + 1n]],
  ['the two ends of the range', [LEAST, MOST]],
  ['both ends and the middle', [LEAST, -1n, 0n, 1n, MOST]],
  [
    'a regular clock of 10 s',
    walk(
      START,
      repeat(1023, () => 10n * SECOND),
    ),
  ],
  [
    'a clock of one nanosecond',
    walk(
      START,
      repeat(1023, () => 1n),
    ),
  ],
  [
    'a clock of 16.666667 ms',
    walk(
      START,
      repeat(1023, () => 16_666_667n),
    ),
  ],
  [
    'a clock that alternates',
    walk(
      START,
      repeat(1023, (i) => (i % 2 === 0 ? SECOND : 3n * SECOND)),
    ),
  ],
  [
    '5 rows of a regular clock',
    walk(
      START,
      repeat(4, () => SECOND),
    ),
  ],
  [
    '33 rows of a jittered clock',
    walk(
      START,
      repeat(32, () => SECOND + jitter()),
    ),
  ],
  ['a jittered clock', repeat(1024, (i) => START + BigInt(i) * SECOND + jitter())],
  [
    'a jittered clock without drift bounds',
    walk(
      START,
      repeat(1023, () => SECOND + jitter()),
    ),
  ],
  [
    '1 % missing rows',
    walk(
      START,
      repeat(1023, () => (random.chance(0.01) ? 2n : 1n) * SECOND),
    ),
  ],
  [
    'gaps of days',
    walk(
      START,
      repeat(1023, (i) => (i % 100 === 99 ? 86_400n * 3n : 1n) * SECOND),
    ),
  ],
  ['Poisson arrivals', walk(START, repeat(1023, exponential))],
  [
    'bursts',
    walk(
      START,
      repeat(1023, (i) => (i % 50 === 0 ? 3_600n * SECOND : 1_000n)),
    ),
  ],
  [
    'steps that grow to the end',
    walk(
      -(2n ** 62n),
      repeat(61, (i) => 2n ** BigInt(i)),
    ),
  ],
  [
    'duplicate times',
    walk(
      START,
      repeat(1023, (i) => (i % 3 === 0 ? SECOND : 0n)),
    ),
  ],
  ['all times equal', repeat(1024, () => START)],
  [
    'times before the epoch',
    walk(
      -START,
      repeat(1023, () => 60n * SECOND),
    ),
  ],
]

describe.each(shapes)('a time block of %s', (_name, times) => {
  const block = encodeTimes(times)
  const n = times.length

  test('decodes to what it was', () => {
    expect(check(block)).toBe(0)
    expect(decodeTimes(block, 0, n)).toEqual([n, BigInt64Array.from(times)])
  })

  test('decodes any range of rows, and every single row without decoding', () => {
    for (const from of new Set([0, 1, 5, 31, 32, 33, n >> 1, n - 1].filter((row) => row < n))) {
      for (const count of new Set([0, 1, 2, 31, 32, 64, n - from].filter((c) => c <= n - from))) {
        const expected = BigInt64Array.from(times.slice(from, from + count))
        expect(decodeTimes(block, from, count), `rows ${from} + ${count}`).toEqual([
          count,
          expected,
        ])
      }
    }
    placed(block, (bytes, entry) => {
      for (const [row, time] of times.entries()) expect(kernel.timeAt(bytes, entry, row)).toBe(time)
    })
  })

  test('finds the first row at or after any time', () => {
    const probes = new Set<bigint>([LEAST, MOST, -1n, 0n])
    for (const time of times) for (const d of [-1n, 0n, 1n, 7n]) probes.add(time + d)
    placed(block, (bytes, entry) => {
      for (const time of probes) {
        if (time < -(2n ** 63n) || time >= 2n ** 63n) continue
        const found = kernel.timeLowerBound(bytes, entry, 0, n, time)
        expect(found, `time ${time}`).toBe(lowerBound(times, 0, n, time))
      }
    })
  })

  test('summarises its rows', () => {
    const entry = readEntry(block.entry)
    const slot = (time: bigint): bigint => BigInt.asUintN(64, time)
    const flags = entry.flags & ~IS_RISING
    expect({ ...entry, flags }).toMatchObject({ rows: n, count: n, flags: 8 | wide(entry.width) })
    expect(entry).toMatchObject({ min: slot(times[0]!), max: slot(times.at(-1)!) })
    expect(entry).toMatchObject({ first: slot(times[0]!), last: slot(times.at(-1)!) })
  })
})

const IS_RISING = 64
const wide = (width: number): number => (width > 32 ? 32 : 0)

function lowerBound(times: readonly bigint[], from: number, to: number, time: bigint): number {
  for (let row = from; row < to; row++) if (times[row]! >= time) return row
  return to
}

describe('a time block of several series', () => {
  const lengths = [1, 1, 60, 200, 1, 300, 461]
  const starts: number[] = []
  const times: bigint[] = []
  for (const [s, length] of lengths.entries()) {
    starts.push(times.length)
    const start = START + BigInt(s * 7_919) * (s % 2 === 0 ? 1n : -1n)
    times.push(
      ...walk(
        start,
        repeat(length - 1, () => (s === 3 ? exponential() : 10n * SECOND)),
      ),
    )
  }
  const block = encodeTimes(times, starts)

  test('decodes to what it was', () => {
    expect(check(block)).toBe(0)
    expect(decodeTimes(block, 0, times.length)[1]).toEqual(BigInt64Array.from(times))
  })

  test('starts a piece at every series', () => {
    expect(readEntry(block.entry).pieces).toBeGreaterThanOrEqual(lengths.length)
  })

  test('finds times inside the rows of one series, also inside a part of them', () => {
    placed(block, (bytes, entry) => {
      for (const [s, length] of lengths.entries()) {
        for (const [a, b] of [
          [0, length],
          [1, length],
          [length >> 2, length >> 1],
        ] as const) {
          const from = starts[s]! + Math.min(a, length)
          const to = starts[s]! + b
          for (const time of [LEAST, MOST, ...times.slice(starts[s], starts[s]! + length)]) {
            for (const probe of [time - 1n, time, time + 1n]) {
              const found = kernel.timeLowerBound(bytes, entry, from, to, probe)
              const expected = from >= to ? to : lowerBound(times, from, to, probe)
              expect(found, `series ${s} rows ${from}-${to} time ${probe}`).toBe(expected)
            }
          }
        }
      }
    })
  })
})

describe('the learned model of times', () => {
  const sizeOf = (block: Block): number => block.bytes.length

  test('takes no bytes for a regular clock, whatever its step', () => {
    for (const step of [1n, 10n * SECOND, 16_666_667n, 86_400n * SECOND]) {
      const block = encodeTimes(
        walk(
          START,
          repeat(1023, () => step),
        ),
      )
      expect(sizeOf(block), `step ${step}`).toBe(0)
      expect(readEntry(block.entry)).toMatchObject({ width: 0, pieces: 1, epsilon: 0 })
    }
  })

  test('takes six bits a row for a clock with 20 ms of jitter, as for milliseconds', () => {
    const block = encodeTimes(shapes.find(([name]) => name === 'a jittered clock')![1])
    expect(readEntry(block.entry)).toMatchObject({ exponent: 6 })
    expect(sizeOf(block)).toBeLessThanOrEqual((6 * 1024) / 8 + 16)
  })

  test('opens pieces at gaps instead of widening every row', () => {
    const missing = encodeTimes(shapes.find(([name]) => name === '1 % missing rows')![1])
    expect(sizeOf(missing)).toBeLessThanOrEqual(1024 / 8 + 60)
    const gaps = encodeTimes(shapes.find(([name]) => name === 'gaps of days')![1])
    expect(sizeOf(gaps)).toBeLessThanOrEqual(100)
  })

  test('bounds the row of every time by its epsilon, far below the block', () => {
    const jittered = encodeTimes(shapes.find(([name]) => name === 'a jittered clock')![1])
    expect(readEntry(jittered.entry).epsilon).toBeLessThanOrEqual(1)
    const poisson = encodeTimes(shapes.find(([name]) => name === 'Poisson arrivals')![1])
    expect(readEntry(poisson.entry).epsilon).toBeLessThanOrEqual(100)
    expect(sizeOf(poisson)).toBeLessThan(1024 * 4.7)
  })

  test('with a wrong epsilon may be slow but not wrong', () => {
    const times = shapes.find(([name]) => name === 'Poisson arrivals')![1]
    const block = encodeTimes(times)
    new DataView(block.entry.buffer).setUint16(88, 0, true)
    placed(block, (bytes, entry) => {
      for (const [row, time] of times.entries()) {
        expect(kernel.timeLowerBound(bytes, entry, 0, times.length, time)).toBe(row)
        expect(kernel.timeLowerBound(bytes, entry, 0, times.length, time + 1n)).toBe(row + 1)
      }
    })
  })
})

test('random series of random shapes come back and are found (seeds 1 to 150)', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const dice = randomOf(seed)
    const n = 1 + dice.int(1024)
    const unit = 10n ** BigInt(dice.int(10))
    const typical = BigInt(1 + dice.int(1_000_000))
    const spread = dice.pick([0, 1, 100, 1_000_000])
    const starts: number[] = []
    let time = 0n
    const times = repeat(n, (i) => {
      if (i === 0 || dice.chance(0.01)) {
        starts.push(i)
        time = BigInt(dice.int(2 ** 32)) * unit - 2n ** 40n
      } else {
        time += (typical + BigInt(dice.int(spread + 1))) * unit * (dice.chance(0.01) ? 97n : 1n)
      }
      return time
    })
    const block = encodeTimes(times, starts)
    expect(check(block), `seed ${seed}`).toBe(0)
    expect(decodeTimes(block, 0, n)[1], `seed ${seed}`).toEqual(BigInt64Array.from(times))
    placed(block, (bytes, entry) => {
      for (let probe = 0; probe < 50; probe++) {
        const row = dice.int(n)
        const from = starts.findLast((start) => start <= row)!
        const to = starts.find((start) => start > row) ?? n
        const sought = times[row]! + BigInt(dice.int(3) - 1)
        const found = kernel.timeLowerBound(bytes, entry, from, to, sought)
        expect(found, `seed ${seed} row ${row}`).toBe(lowerBound(times, from, to, sought))
      }
    })
  }
})

describe('a damaged time block', () => {
  const times = shapes
    .find(([name]) => name === '1 % missing rows')![1]
    .map((t, i) => t + BigInt(i % 5))
  const block = encodeTimes(times)

  test('is noticed, whichever bit flips and wherever it is cut', () => {
    for (let bit = 0; bit < block.bytes.length * 8; bit += 3) {
      const bytes = block.bytes.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(check({ ...block, bytes }), `bit ${bit}`).toBe(CORRUPT)
    }
    const entry = block.entry.slice()
    new DataView(entry.buffer).setUint32(4, block.bytes.length - 1, true)
    expect(check({ ...block, bytes: block.bytes.slice(0, -1), entry })).toBe(CORRUPT)
    expect(decodeTimes({ ...block, bytes: block.bytes.slice(0, -1), entry }, 0, 1024)[0]).toBe(
      CORRUPT,
    )
  })

  test('never leads a decoder outside its memory, with the checksum bypassed (seeds 1 to 400)', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const dice = randomOf(seed)
      const bytes = block.bytes.slice()
      const entry = block.entry.slice()
      for (let k = 0; k <= dice.int(8); k++) bytes[dice.int(bytes.length)] = dice.int(256)
      if (dice.chance(0.7)) entry[12 + dice.int(82)] = dice.int(256)
      const damaged = { ...block, bytes, entry }
      const rows = readEntry(entry).rows
      const [status] = decodeTimes(damaged, 0, Math.min(rows, 1024))
      expect([CORRUPT, rows], `seed ${seed}`).toContain(status)
      placed(damaged, (at, head) => {
        for (let probe = 0; probe < 20; probe++) {
          kernel.timeAt(at, head, dice.int(70_000) - 10)
          const from = dice.int(1100) - 20
          kernel.timeLowerBound(at, head, from, from + dice.int(1100), times[dice.int(1024)]!)
        }
      })
    }
  })

  test('refuses rows that it does not have', () => {
    expect(decodeTimes(block, 0, 1025)[0]).toBe(CORRUPT)
    expect(decodeTimes(block, -1, 2)[0]).toBe(CORRUPT)
    expect(decodeTimes(block, 1024, 1)[0]).toBe(CORRUPT)
    expect(decodeTimes(block, 5, -1)[0]).toBe(CORRUPT)
    expect(decodeTimes(block, 2 ** 31 - 1, 2 ** 31 - 1)[0]).toBe(CORRUPT)
  })
})
