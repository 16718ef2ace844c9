import { expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import { encodeTimes, kernel, memory, placed } from './block.ts'

const SECOND = 1_000_000_000n

/** Ascending times, on a grid of seconds that others may meet. */
function timesOf(random: ReturnType<typeof randomOf>, count: number, width: number): bigint[] {
  const chosen = new Set<number>()
  while (chosen.size < count) chosen.add(random.int(width))
  return [...chosen].sort((a, b) => a - b).map((at) => BigInt(at) * SECOND)
}

function withTimes<T>(times: readonly bigint[], use: (pointer: number) => T): T {
  const region = memory.allocate(Math.max(8, times.length * 8))
  memory.i64.set(BigInt64Array.from(times), region.offset >>> 3)
  try {
    return use(region.offset)
  } finally {
    memory.release(region)
  }
}

test('two runs of times are apart if and only if no time stands in both', () => {
  const random = randomOf(3)
  let shared = 0
  for (let round = 0; round < 2_000; round++) {
    const width = random.pick([20, 400, 100_000])
    const a = timesOf(random, random.int(width === 20 ? 12 : 60), width)
    const b = timesOf(random, random.int(width === 20 ? 12 : 60), width)
    const isApart = !a.some((time) => b.includes(time))
    if (!isApart) shared++
    const found = withTimes(a, (left) =>
      withTimes(b, (right) => kernel.timesApart(left, a.length, right, b.length)),
    )
    expect(found !== 0, `round ${round}`).toBe(isApart)
  }
  expect(shared).toBeGreaterThan(200)
  expect(shared).toBeLessThan(1_800)
})

test('a block is apart from times if and only if none of its rows has one of them', () => {
  const random = randomOf(4)
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 1_500; round++) {
    const width = random.pick([1_300, 20_000, 1_000_000])
    const rows = timesOf(random, 1 + random.int(1_024), width)
    const block = encodeTimes(rows)
    const from = random.chance(0.5) ? 0 : random.int(rows.length)
    const to = random.chance(0.5) ? rows.length : from + random.int(rows.length - from + 1)
    // Few are looked up in the model, many are compared with decoded rows.
    const few = random.chance(0.5)
    const others = timesOf(random, random.int(few ? 8 : 600), width)
    if (random.chance(0.3)) others.push(random.pick(rows))
    const times = [...new Set(others)].sort((a, b) => (a < b ? -1 : 1))
    const held = new Set(rows.slice(from, to))
    const isApart = !times.some((time) => held.has(time))
    const found = placed(block, (bytes, entry) =>
      withTimes(times, (pointer) =>
        kernel.blockApart(bytes, entry, from, to, pointer, times.length),
      ),
    )
    expect(found, `round ${round}`).toBe(isApart ? 1 : 0)
    const outcome = `${few} ${isApart}`
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  expect(Math.min(...outcomes.values())).toBeGreaterThan(100)
  expect(outcomes.size).toBe(4)
})

test('the greatest and the least time are compared like all others', () => {
  const ends = [-(2n ** 63n) + 2n, 2n ** 63n - 2n]
  const block = encodeTimes(ends)
  const compare = (times: readonly bigint[]): number =>
    placed(block, (bytes, entry) =>
      withTimes(times, (pointer) =>
        kernel.blockApart(bytes, entry, 0, ends.length, pointer, times.length),
      ),
    )
  expect(compare([ends[0]!])).toBe(0)
  expect(compare([ends[1]!])).toBe(0)
  expect(compare([ends[0]! + 1n, 0n, ends[1]! - 1n])).toBe(1)
  expect(compare([])).toBe(1)
})

test('rows of many sources are woven into the order of time, each column alike', () => {
  const random = randomOf(5)
  for (let round = 0; round < 300; round++) {
    const stretches = 1 + random.int(9)
    const all = timesOf(random, 1 + random.int(500), 5_000)
    // To a source by chance, or by runs.
    const sources: number[][] = Array.from({ length: stretches }, () => [])
    let source = 0
    for (const [i] of all.entries()) {
      if (random.chance(round % 2 === 0 ? 0.9 : 0.05)) source = random.int(stretches)
      sources[source]!.push(i)
    }
    const order = sources.flat()
    const count = order.length
    const woven = withTimes(
      order.map((i) => all[i]!),
      (times) => {
        const found = kernel.weaveStretches(times, count)
        const sizes = found * kernel.MERGE_SOURCE_SIZE.value
        const region = memory.allocate(sizes + count * 48)
        const at = region.offset + sizes
        const [target, values, slots, runs, entries] = [0, 8, 16, 24, 32].map((n) => at + n * count)
        const valid = at + 40 * count
        for (const [row, i] of order.entries()) {
          memory.u64[(values! >>> 3) + row] = BigInt(i * 3)
          memory.u8[valid + row] = i % 2
        }
        const runCount = kernel.weavePlan(
          ...([region.offset, found, times, count] as const),
          ...([target!, entries!, runs!] as const),
        )
        kernel.weaveSlots(values!, runs!, runCount, slots!)
        kernel.weaveValid(valid, runs!, runCount, valid + count)
        const result = {
          times: [...memory.i64.slice(target! >>> 3, (target! >>> 3) + count)],
          slots: [...memory.u64.slice(slots! >>> 3, (slots! >>> 3) + count)],
          valid: [...memory.u8.slice(valid + count, valid + 2 * count)],
        }
        memory.release(region)
        return result
      },
    )
    expect(woven.times, `round ${round}`).toEqual(all)
    expect(woven.slots).toEqual(all.map((_, i) => BigInt(i * 3)))
    expect(woven.valid).toEqual(all.map((_, i) => i % 2))
  }
})

test('a time that two sources share is not woven but told', () => {
  const times = [1n, 5n, 9n, 5n, 7n]
  const runs = withTimes(times, (pointer) => {
    const region = memory.allocate(4_096)
    const { offset } = region
    const found = kernel.weavePlan(
      ...([offset, 2, pointer, times.length] as const),
      ...([offset + 1_024, offset + 2_048, offset + 3_072] as const),
    )
    memory.release(region)
    return found
  })
  expect(runs).toBe(0)
})
