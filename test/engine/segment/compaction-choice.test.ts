import { describe, expect, test } from 'vitest'
import {
  type CompactionChoice,
  FILE_BYTES,
  chooseCompaction,
} from '../../../engine/segment/compaction-choice.ts'
import type { PartDescription } from '../../../engine/segment/part.ts'
import { finish } from '../../../engine/step.ts'
import { seededRandom } from '../../kernel.ts'

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n

function part(sequence: number, size: number, from = 0, to = 10, partition = 0n): PartDescription {
  return {
    ...{ file: sequence, offset: 0, size, footerSize: 0, table: 1, partition, tombstonesFrom: 0 },
    ...{ sequence: BigInt(sequence), rows: 1, minTime: BigInt(from), maxTime: BigInt(to) },
  }
}

const choiceOf = (...args: Parameters<typeof chooseCompaction>): CompactionChoice | null =>
  finish(chooseCompaction(...args))

/** Inputs of the first merge of a choice. */
const sequences = (choice: CompactionChoice | null): number[] | null =>
  choice && choice.merges[0]!.inputs.map((input) => Number(input.sequence))

const inputsOf = (choice: CompactionChoice | null): PartDescription[] =>
  choice === null ? [] : choice.merges.flatMap(({ inputs }) => inputs)

describe('choice of a compaction', () => {
  test('nothing is chosen from no parts, from few, or from parts of different partitions', () => {
    expect(choiceOf([])).toBeNull()
    expect(choiceOf([1, 2, 3].map((s) => part(s, 100)))).toBeNull()
    expect(choiceOf([1, 2, 3, 4].map((s) => part(s, 9, 0, 1, BigInt(s))))).toBeNull()
    const tables = [1, 2, 3, 4].map((table) => ({ ...part(table, 9), table }))
    expect(choiceOf(tables)).toBeNull()
  })

  test('four small neighbours are merged, whatever the order they are listed in', () => {
    const parts = [3, 1, 4, 2].map((s) => part(s, 100))
    expect(sequences(choiceOf(parts))).toEqual([1, 2, 3, 4])
    expect(inputsOf(choiceOf(parts)).every((input) => parts.includes(input))).toBe(true)
  })

  test('small parts are merged before large ones', () => {
    const large = [1, 2, 3, 4].map((s) => part(s, 5_000_000))
    const small = [5, 6, 7, 8, 9].map((s) => part(s, 1_000))
    expect(sequences(choiceOf([...large, ...small]))).toEqual([5, 6, 7, 8, 9])
    expect(sequences(choiceOf([...large, ...small.slice(2)]))).toEqual([1, 2, 3, 4, 7, 8, 9])
  })

  test('a large part is not written again for the sake of a few small ones', () => {
    const parts = [part(1, 9e6), part(2, 9_000), part(3, 9_000), part(4, 9_000)]
    expect(choiceOf(parts)).toBeNull()
    expect(sequences(choiceOf([...parts, part(5, 9_000)]))).toEqual([2, 3, 4, 5])
    const grown = parts.map((one) => (one.size < 9e6 ? { ...one, size: 800_000 } : one))
    expect(sequences(choiceOf(grown))).toEqual([1, 2, 3, 4])
  })

  test('a large part that overlaps in time and lies between is never passed over', () => {
    const parts = [part(1, 9), part(2, 9), part(3, 9e6, 5, 6), part(4, 9), part(5, 9)]
    expect(choiceOf(parts)).toBeNull()
    parts[2] = part(3, 9e6, 11, 99)
    expect(sequences(choiceOf(parts))).toEqual([1, 2, 4, 5])
    parts[2] = part(3, 9e6, 10, 99)
    expect(choiceOf(parts)).toBeNull()
  })

  test('inputs stay within their number and their bytes', () => {
    const parts = Array.from({ length: 40 }, (_, i) => part(i, 1_000))
    expect(inputsOf(choiceOf(parts, { inputsMax: 7 })).length).toBe(7)
    expect(inputsOf(choiceOf(parts, { bytesMax: 5_500 })).length).toBe(5)
    expect(choiceOf(parts, { bytesMax: 1_999 })).toBeNull()
  })

  test('two parts of any sizes are enough when everything is to be merged', () => {
    const all = { inputsMin: 2, tierFactor: Infinity }
    expect(sequences(choiceOf([part(1, 9e7), part(2, 1)], all))).toEqual([1, 2])
    expect(choiceOf([part(1, 9e7)], all)).toBeNull()
  })

  test('a crowded partition is merged although no four parts are of one size', () => {
    const parts = Array.from({ length: 12 }, (_, i) => part(i, 4 ** (i + 9)))
    expect(choiceOf(parts, { bytesMax: 1e12 })).not.toBeNull()
    const sparse = [part(0, 1e6), part(1, 5e6), part(2, 2e7)]
    expect(choiceOf(sparse)).toBeNull()
    expect(sequences(choiceOf(sparse, { partsMax: 2 }))).toEqual([0, 1, 2])
  })

  test('merges of many partitions share a job up to the bytes of one file', () => {
    const year = Array.from({ length: 365 * 4 }, (_, i) => {
      return part(Math.floor(i / 365), 5_000, 0, 10, BigInt(i % 365))
    })
    const { merges } = choiceOf(year)!
    expect(merges.length).toBe(Math.floor(FILE_BYTES / 20_000))
    expect(new Set(merges.map(({ inputs }) => inputs[0]!.partition)).size).toBe(merges.length)
    for (const { inputs } of merges) {
      expect(inputs.map(({ sequence }) => sequence)).toEqual([0n, 1n, 2n, 3n])
      expect(new Set(inputs.map(({ partition }) => partition)).size).toBe(1)
    }
    const large = year.map((one) => ({ ...one, size: FILE_BYTES / 4 + 1 }))
    expect(choiceOf(large)!.merges.length).toBe(1)
  })

  test('parts that queries had to merge as often as they have rows are merged, others are not', () => {
    const parts = [part(1, 9e6), part(2, 100), part(3, 100)].map((one) => ({ ...one, rows: 1_000 }))
    const choose = (...heat: number[]): CompactionChoice | null =>
      choiceOf(parts, { heatOf: (one) => heat[Number(one.sequence) - 1]! })
    expect(choose(0, 0, 0)).toBeNull()
    expect(choose(1_999, 0, 0)).toBeNull()
    expect(choose(1_000, 999, 0)).toBeNull()
    expect(sequences(choose(1_000, 1_000, 0))).toEqual([1, 2])
    expect(sequences(choose(0, 1, 1_999))).toEqual([2, 3])
    // One between them that overlaps cannot be passed over.
    expect(choose(2_000, 0, 2_000)).toBeNull()
    parts[1] = { ...parts[1]!, minTime: 11n, maxTime: 12n }
    expect(sequences(choose(2_000, 0, 2_000))).toEqual([1, 3])
    const heatOf = (): number => 1e9
    expect(choiceOf(parts.slice(0, 2), { heatOf, bytesMax: 9e6 })).toBeNull()
  })

  test('the live parts of a file that is mostly dead are written anew, if there is nothing to merge', () => {
    const live = [0, 1].map((i) => ({ ...part(7, 50_000, 0, 1, BigInt(i)), offset: i * 50_000 }))
    const file = (size: number) => new Map([[7, { number: 7, size, checksum: 0 }]])
    expect(choiceOf(live, { files: file(199_999) })).toBeNull()
    const { merges } = choiceOf(live, { files: file(200_000) })!
    expect(merges.map(({ inputs }) => inputs)).toEqual([[live[0]], [live[1]]])
    expect(choiceOf(live, { files: file(100_000) })).toBeNull()
    const tiny = live.map((one) => ({ ...one, size: 10 }))
    expect(choiceOf(tiny, { files: file(60_000) })).toBeNull()
    const small = [1, 2, 3, 4].map((s) => part(s, 100, 0, 1, 9n))
    const named = new Map([
      ...file(200_000),
      ...small.map(({ file: n }) => [n, { number: n, size: 100, checksum: 0 }] as const),
    ])
    expect(sequences(choiceOf([...live, ...small], { files: named }))).toEqual([1, 2, 3, 4])
  })

  test.each([
    ['of one partition each', 1, 1n],
    ['in groups that are merged', 4, 1n],
    ['in one group', 20_000, 1n],
  ])('20,000 parts %s are looked at in steps', (_name, perPartition) => {
    const parts = Array.from({ length: 20_000 }, (_, i) =>
      part(i, 100_000, i, i + 1, BigInt(Math.floor(i / perPartition))),
    )
    const files = new Map(
      parts.map(({ file: number }) => [number, { number, size: 100_000, checksum: 0 }]),
    )
    let asked = 0
    let most = 0
    const heatOf = (): number => {
      asked++
      return 0
    }
    const choosing = chooseCompaction(parts, { files, heatOf, partsMax: 100_000 })
    let steps = 0
    for (let step = choosing.next(); !step.done; step = choosing.next()) {
      steps++
      most = Math.max(most, asked)
      asked = 0
    }
    expect(steps).toBeGreaterThan(8)
    if (perPartition < 100) expect(most).toBeLessThan(5_000)
  })

  test('of very many candidates the best are taken, as if all had been sorted', () => {
    const parts = Array.from({ length: 12_000 }, (_, i) =>
      part(i, 1 + (((i >> 2) * 7919) % 3_000), 0, 10, BigInt(i >> 2)),
    )
    const chosen = choiceOf(parts)!.merges
    expect(chosen.length).toBe(1_024)
    const sizes = chosen.map(({ inputs }) => inputs[0]!.size)
    expect(sizes).toEqual(Array.from({ length: 1_024 }, (_, i) => i + 1))
  })

  test('random parts: no choice breaks the order of writes, and choosing comes to an end', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = seededRandom(seed)
      let parts = Array.from({ length: 40 }, (_, i) => {
        const from = Math.floor(random() * 200)
        const size = Math.floor(4 ** (random() * 12))
        return part(i, size, from, from + Math.floor(random() * 60), BigInt(random() < 0.5 ? 0 : 1))
      })
      const options = random() < 0.5 ? {} : { inputsMin: 2, tierFactor: Infinity }
      for (let rounds = 0; ; rounds++) {
        expect(rounds, `seed ${seed}`).toBeLessThan(40)
        const choice = choiceOf(parts, options)
        if (choice === null) break
        for (const { inputs } of choice.merges) {
          parts = expectAllowed(parts, inputs, `seed ${seed}`)
        }
      }
    }
  })
})

/** Checks a choice against its definition, and answers the parts after it. */
function expectAllowed(
  parts: PartDescription[],
  inputs: readonly PartDescription[],
  at: string,
): PartDescription[] {
  expect(inputs.length, at).toBeGreaterThanOrEqual(2)
  const { partition } = inputs[0]!
  const newest = inputs.at(-1)!
  const rest = parts.filter((other) => !inputs.includes(other))
  expect(rest.length, at).toBe(parts.length - inputs.length)
  for (const other of rest.filter((candidate) => candidate.partition === partition)) {
    for (const input of inputs) {
      const overlaps = other.minTime <= input.maxTime && other.maxTime >= input.minTime
      const hidden = other.sequence > input.sequence && other.sequence < newest.sequence
      expect(overlaps && hidden, `${at}: ${input.sequence} across ${other.sequence}`).toBe(false)
    }
  }
  const { sequence } = newest
  const [size, minTime, maxTime] = inputs.reduce(
    ([sum, low, high], { size: bytes, minTime: from, maxTime: to }) =>
      [sum + bytes, from < low ? from : low, to > high ? to : high] as [number, bigint, bigint],
    [0, MAX, MIN] as [number, bigint, bigint],
  )
  return [...rest, { ...newest, sequence, size, minTime, maxTime }]
}
