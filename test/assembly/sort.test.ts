import { beforeAll, describe, expect, test } from 'vitest'
import type { KernelInstance } from '../../engine/kernel.ts'
import { openKernel, seededRandom } from '../kernel.ts'

let instance: KernelInstance
beforeAll(async () => {
  instance = await openKernel()
})

interface Sorted {
  order: number[]
  calls: number
}

/** Rows of 24 bytes with these times, sorted by their offsets. */
function sortTimes(times: bigint[], budget: number): Sorted {
  const { kernel, memory } = instance
  const count = times.length
  const rows = memory.allocate(Math.max(1, count * 24))
  const index = memory.allocate(Math.max(1, count * 8))
  const sort = memory.allocate(kernel.SORT_SIZE.value)
  for (const [i, time] of times.entries()) {
    memory.i64[(rows.offset + i * 24 + 16) >>> 3] = time
    memory.u32[(index.offset >>> 2) + i] = i * 24
  }
  const scratch = index.offset + count * 4
  kernel.sortInit(sort.offset, rows.offset, index.offset, scratch, count)
  let calls = 1
  while (kernel.sortStep(sort.offset, budget) === 0) {
    if (++calls > 1e6) throw new Error('the sort does not end')
  }
  const at = index.offset >>> 2
  const order = [...memory.u32.subarray(at, at + count)].map((offset) => offset / 24)
  for (const region of [rows, index, sort]) memory.release(region)
  return { order, calls }
}

function naiveOrder(times: bigint[]): number[] {
  const order = times.map((_, i) => i)
  return order.sort((a, b) => (times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : a - b))
}

const shapes: Record<string, (n: number, random: () => number) => bigint[]> = {
  ascending: (n) => Array.from({ length: n }, (_, i) => BigInt(i)),
  descending: (n) => Array.from({ length: n }, (_, i) => BigInt(-i)),
  equal: (n) => Array.from({ length: n }, () => 7n),
  random: (n, random) => Array.from({ length: n }, () => BigInt(Math.floor(random() * n * 2))),
  'of few values': (n, random) => Array.from({ length: n }, () => BigInt(Math.floor(random() * 3))),
  'ascending with late rows': (n, random) =>
    Array.from({ length: n }, (_, i) => BigInt(random() < 0.05 ? i - 50 : i)),
  'at the ends of i64': (n, random) =>
    Array.from({ length: n }, () => (random() < 0.5 ? -(2n ** 63n) + 2n : 2n ** 63n - 2n)),
}

describe('sort of row offsets by time', () => {
  for (const [name, make] of Object.entries(shapes)) {
    test(`rows ${name} are in order of time, equal times in order of arrival`, () => {
      for (const n of [0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 1000, 4097]) {
        const times = make(n, seededRandom(n))
        expect(sortTimes(times, 1 << 20).order, `seed ${n}`).toEqual(naiveOrder(times))
      }
    })
  }

  test('a sort that is interrupted after any budget ends with the same order', () => {
    for (const [seed, budget] of [1, 2, 7, 16, 100, 1000].entries()) {
      for (const n of [1, 16, 33, 777]) {
        const times = shapes['random']!(n, seededRandom(seed))
        const { order, calls } = sortTimes(times, budget)
        expect(order, `seed ${seed}, ${n} rows, budget ${budget}`).toEqual(naiveOrder(times))
        if (n === 777) expect(calls).toBeGreaterThan(n / budget)
      }
    }
  })

  test('a call visits few rows more than its budget allows', () => {
    const times = shapes['random']!(20_000, seededRandom(5))
    const passes = Math.ceil(Math.log2(20_000 / 16))
    const { calls } = sortTimes(times, 1_000)
    expect(calls).toBeGreaterThanOrEqual((20_000 * passes) / 1_000)
  })
})
