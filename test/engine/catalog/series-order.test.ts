import { describe, expect, test } from 'vitest'
import { KeyTable } from '../../../engine/catalog/key-table.ts'
import { groupSeries } from '../../../engine/catalog/series-groups.ts'
import { SeriesOrder } from '../../../engine/catalog/series-order.ts'
import { copyTags } from '../../../engine/catalog/tag-texts.ts'
import { compareTags, compareText } from '../../../engine/catalog/tags.ts'
import { finish } from '../../../engine/step.ts'
import { openKernel, seededRandom } from '../../kernel.ts'

type Tags = ReadonlyMap<string, string>

const encoder = new TextEncoder()

function keyOf(tags: Tags): Uint8Array {
  const bytes = [7, 0, 0, 0]
  for (const text of [...tags].flat()) {
    const encoded = encoder.encode(text)
    let { length } = encoded
    for (; length >= 128; length >>>= 7) bytes.push((length & 127) | 128)
    bytes.push(length, ...encoded)
  }
  return Uint8Array.from(bytes)
}

async function storeOf(all: readonly Tags[]) {
  const instance = await openKernel()
  const { kernel, memory } = instance
  const series = new KeyTable(kernel, memory, 16)
  const ids = Uint32Array.from(all, (tags) => series.insert(keyOf(tags)))
  return { kernel, memory, series, ids, order: new SeriesOrder(kernel, memory, series) }
}

/** Distinct tag sets of the given keys, with values that make trouble. */
function tagSets(seed: number, count: number, keys: readonly string[]): Tags[] {
  const random = seededRandom(seed)
  const texts = [
    '',
    'a',
    'b',
    'aa',
    'host_1',
    'host_10',
    'host_2',
    'é',
    '😀',
    '\u{ffff}',
    '\0',
    'a\0',
  ]
  const long = 'x'.repeat(300)
  const found = new Map<string, Tags>()
  while (found.size < count) {
    const pairs: [string, string][] = []
    for (const key of keys) {
      if (random() < 0.3) continue
      const text = texts[Math.floor(random() * texts.length)]!
      const tail = random() < 0.5 ? String(Math.floor(random() * 1000)) : ''
      pairs.push([key, `${random() < 0.05 ? long : ''}${text}${tail}`])
    }
    found.set(JSON.stringify(pairs), new Map(pairs))
  }
  return [...found.values()]
}

const KEYS = ['a', 'ab', 'b', 'é'].sort(compareText)

describe('the order of series', () => {
  test.each([0, 1, 2, 3, 5, 17, 500, 3000])('of %i is that of compareTags', async (count) => {
    const all = tagSets(count + 1, count, KEYS)
    const { order, ids } = await storeOf(all)
    const sorted = [...finish(order.of(7, ids, null))].map((i) => all[i]!)
    expect(sorted).toEqual([...all].sort(compareTags))
  })

  test('of one tag key with a common prefix, also when it is as long as a value', async () => {
    const all = Array.from(
      { length: 4000 },
      (_, i) => new Map([['host', `rack-${i % 2000}${i < 2000 ? '' : 'x'}`]]),
    )
    all.push(new Map([['host', 'rack-']]), new Map())
    const { order, ids } = await storeOf(all)
    const sorted = [...finish(order.of(7, ids, null))].map((i) => all[i]!)
    expect(sorted).toEqual([...all].sort(compareTags))
  })

  test('of a subset of the keys goes by these alone', async () => {
    const all = tagSets(9, 700, KEYS)
    const { order, ids } = await storeOf(all)
    for (const keys of [['ab'], ['a', 'é'], ['nothing'], []]) {
      const only = all.map((tags) => new Map([...tags].filter(([key]) => keys.includes(key))))
      const sorted = [...finish(order.of(7, ids, keys))].map((i) => only[i]!)
      expect(sorted).toEqual([...only].sort(compareTags))
    }
  })

  test('is kept for many series, and made anew when they are others', async () => {
    const all = tagSets(3, 5000, KEYS)
    const { order, ids } = await storeOf(all)
    const first = finish(order.of(7, ids, null))
    expect(finish(order.of(7, ids.slice(), null))).toBe(first)
    const fewer = ids.subarray(1)
    const sorted = [...finish(order.of(7, fewer, null))].map((i) => all[i + 1]!)
    expect(sorted).toEqual(all.slice(1).sort(compareTags))
  })

  test('pauses, gives its memory back, and bears series that go meanwhile', async () => {
    const all = tagSets(4, 3000, KEYS)
    const { memory, order, ids, series } = await storeOf(all)
    const before = memory.used
    const sorting = order.of(7, ids, null)
    let pauses = 0
    let step = sorting.next(undefined as never)
    for (; !step.done; step = sorting.next(undefined as never)) {
      pauses++
      series.remove(pauses)
    }
    expect(pauses).toBeGreaterThan(3)
    expect([...step.value].sort((a, b) => a - b)).toEqual([...ids.keys()])
    expect(memory.used).toBe(before)
    const abandoned = order.of(7, ids.subarray(1), null)
    abandoned.next(undefined as never)
    abandoned.return(undefined as never)
    expect(memory.used).toBe(before)
  })
})

test('tags of series that go are readable until their keys are packed; copies for ever', async () => {
  const all = tagSets(5, 200, KEYS)
  const { kernel, memory, series, ids } = await storeOf(all)
  const texts = finish(copyTags({ memory, series }, ids))
  for (const id of ids) series.remove(id)
  all.forEach((tags, i) => expect(texts.at(i)).toEqual(tags))
  const kept = finish(copyTags({ memory, series }, ids))
  all.forEach((tags, i) => expect(kept.at(i)).toEqual(tags))
  kernel.keyTablePack(series.pointer)
  expect(finish(copyTags({ memory, series }, ids)).at(3)).toEqual(new Map())
})

describe('groups of series', () => {
  const columns = (count: number, distinct: readonly number[], seed: number): Uint32Array[] => {
    const random = seededRandom(seed)
    return distinct.map((n) => Uint32Array.from({ length: count }, () => Math.floor(random() * n)))
  }

  test.each([
    [0, [3]],
    [1, [3]],
    [5000, []],
    [5000, [1]],
    [5000, [7]],
    [5000, [3000, 3000]],
    [200_000, [90_000, 5, 90_000]],
  ])('%i by %j values are the combinations, in the order they came', (count, distinct) => {
    const values = columns(count, distinct, 11)
    const ordinals = Uint32Array.from({ length: count }, (_, i) => count - 1 - i)
    const valueCount = Math.max(1, ...distinct)
    const { groupOf, firsts } = finish(
      groupSeries(
        ordinals,
        values.map((column) => () => column),
        valueCount,
      ),
    )
    const known = new Map<string, number>()
    ordinals.forEach((ordinal, i) => {
      const name = values.map((column) => column[ordinal]).join()
      const group = known.get(name) ?? known.size
      known.set(name, group)
      if (groupOf[i] !== group) throw new Error(`series ${i} is in ${groupOf[i]}, not in ${group}`)
      if (firsts[group]! > i) throw new Error(`group ${group} begins at ${i}`)
    })
    expect(firsts).toHaveLength(known.size)
  })
})
