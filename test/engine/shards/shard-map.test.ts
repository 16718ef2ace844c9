import { describe, expect, it } from 'vitest'
import { TIME_MAX, TIME_MIN } from '../../../engine/calendar.ts'
import {
  SLOT_COUNT,
  type ShardMap,
  checkMap,
  decodeMap,
  encodeMap,
  shardOf,
  shardsFor,
  shardsOf,
  slotsOf,
  soleMap,
  splitMap,
} from '../../../engine/shards/shard-map.ts'
import { seededRandom } from '../../random.ts'

const SEED = Number(process.env['OMENDB_TEST_SEED'] ?? 20_261_123)

/** A map after `splits` splits of random shards, at fences in any order. */
function randomMap(random: () => number, splits: number): ShardMap {
  let map = soleMap('s0')
  for (let i = 0; i < splits; i++) {
    const open = shardsOf(map).filter((shard) => {
      const slots = slotsOf(map, shard)
      return slots !== null && slots.end - slots.first > 1
    })
    const shard = open[Math.floor(random() * open.length)]!
    const { since } = map.entries.find((entry) => entry.shard === shard)!
    const least = since === TIME_MIN ? 1000n : since + 1n
    map = splitMap(map, shard, least + BigInt(Math.floor(random() * 4)), [`a${i}`, `b${i}`])
  }
  return map
}

describe('a shard map', () => {
  it('gives all slots and times of a new database to one shard', () => {
    const map = soleMap('s0')
    expect(shardOf(map, 0, TIME_MIN)).toBe('s0')
    expect(shardOf(map, SLOT_COUNT - 1, TIME_MAX)).toBe('s0')
    expect(shardsFor(map, { first: 3, end: 4 }, 5n, 6n)).toEqual(['s0'])
  })

  it('leaves old times where they were and halves the slots from the fence on', () => {
    const map = splitMap(soleMap('s0'), 's0', 1000n, ['a', 'b'])
    expect(map.epoch).toBe(2)
    expect(shardOf(map, 0, 999n)).toBe('s0')
    expect(shardOf(map, 0, 1000n)).toBe('a')
    expect(shardOf(map, 511, 1000n)).toBe('a')
    expect(shardOf(map, 512, 1000n)).toBe('b')
    expect(slotsOf(map, 's0')).toBe(null)
    expect(slotsOf(map, 'b')).toEqual({ first: 512, end: 1024 })
    expect(shardsFor(map, null, 1000n, null)).toEqual(['a', 'b'])
    expect(shardsFor(map, null, null, 1000n)).toEqual(['s0'])
    expect(shardsFor(map, { first: 600, end: 700 }, 999n, 1001n)).toEqual(['s0', 'b'])
  })

  it('refuses to split a shard that takes no new points, or has one slot', () => {
    const map = splitMap(soleMap('s0'), 's0', 1000n, ['a', 'b'])
    expect(() => splitMap(map, 's0', 2000n, ['c', 'd'])).toThrow(/takes no new points/)
    expect(() => splitMap(map, 'a', 1000n, ['c', 'd'])).toThrow(/1000 is not after 1000/)
    let deep = soleMap('s0')
    let name = 's0'
    for (let i = 0; i < 10; i++) {
      deep = splitMap(deep, name, BigInt(1000 + i), [`a${i}`, `b${i}`])
      name = `a${i}`
    }
    expect(slotsOf(deep, name)).toEqual({ first: 0, end: 1 })
    expect(() => splitMap(deep, name, 5000n, ['x', 'y'])).toThrow(/one slot, 0, cannot be split/)
  })

  it('asks exactly the shards that hold a slot at a time, after any splits', () => {
    const random = seededRandom(SEED)
    for (let round = 0; round < 60; round++) {
      const map = randomMap(random, Math.floor(random() * 12))
      for (let i = 0; i < 20; i++) {
        const first = Math.floor(random() * SLOT_COUNT)
        const end = first + 1 + Math.floor(random() * Math.min(40, SLOT_COUNT - first))
        const start = 995n + BigInt(Math.floor(random() * 40))
        const until = start + 1n + BigInt(Math.floor(random() * 8))
        const expected = new Set<string>()
        for (let slot = first; slot < end; slot++) {
          for (let time = start; time < until; time++) expected.add(shardOf(map, slot, time))
        }
        const found = shardsFor(map, { first, end }, start, until)
        expect(new Set(found), `seed ${SEED} round ${round}`).toEqual(expected)
        expect(found.length).toBe(expected.size)
      }
    }
  })

  it('comes back from its text as it was', () => {
    const random = seededRandom(SEED)
    for (let i = 0; i < 20; i++) {
      const map = randomMap(random, i)
      expect(decodeMap(encodeMap(map))).toEqual(map)
      expect(structuredClone(map)).toEqual(map)
    }
  })

  it('is refused as corrupt when it is none', () => {
    const { entries } = splitMap(soleMap('s0'), 's0', 1000n, ['a', 'b'])
    const bad = (map: ShardMap): void => expect(() => checkMap(map)).toThrow(/^shard map: /)
    bad({ epoch: 0, entries })
    bad({ epoch: 1.5, entries })
    bad({ epoch: 2, entries: [] })
    bad({ epoch: 2, entries: entries.slice(1) })
    bad({ epoch: 2, entries: entries.toReversed() })
    bad({ epoch: 2, entries: [...entries, entries[2]!] })
    bad({ epoch: 2, entries: [...entries, { ...entries[2]!, shard: 'c' }] })
    bad({ epoch: 2, entries: [{ ...entries[0]!, end: 1025 }] })
    bad({ epoch: 2, entries: [{ ...entries[0]!, end: 1023 }] })
    const text = encodeMap({ epoch: 2, entries })
    for (let at = 0; at < text.length; at++) {
      expect(() => decodeMap(text.slice(0, at))).toThrow(/^shard map: /)
    }
  })
})
