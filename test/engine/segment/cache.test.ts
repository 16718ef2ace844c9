import { beforeEach, describe, expect, test } from 'vitest'
import { Cache, type Pins } from '../../../engine/segment/cache.ts'
import { OmenError } from '../../../engine/error.ts'
import type { Memory } from '../../../engine/memory.ts'
import { openKernel } from '../../kernel.ts'
import { randomOf } from '../../random.ts'

const KIB = 1024
let memory: Memory
let cache: Cache
let pins: Pins

beforeEach(async () => {
  memory = (await openKernel()).memory
  cache = new Cache(memory, 8 * KIB)
  pins = cache.pins()
})

/** Puts one thing of a KiB into the cache. */
function put(file: number, key: number, holder: Pins = pins): number {
  const region = cache.allocate(KIB)
  memory.u8.fill(key, region.offset, region.offset + KIB)
  holder.insert(file, region, [{ key, address: region.offset }])
  return region.offset
}

describe('the block cache', () => {
  test('finds what was put in, by file and offset, and nothing else', () => {
    const address = put(1, 100)
    expect(pins.find(1, 100)).toBe(address)
    expect(pins.find(1, 101)).toBe(0)
    expect(pins.find(2, 100)).toBe(0)
  })

  test('finds each thing of a slab', () => {
    const region = cache.allocate(3000)
    pins.insert(7, region, [
      { key: 5, address: region.offset },
      { key: 9, address: region.offset + 2000 },
    ])
    expect([pins.find(7, 5), pins.find(7, 9)]).toEqual([region.offset, region.offset + 2000])
    expect(cache.used).toBe(4096)
  })

  test('keeps pinned things over its capacity and evicts them after their release', () => {
    for (let key = 1; key <= 20; key++) put(1, key)
    expect(cache.used).toBe(20 * KIB)
    for (let key = 1; key <= 20; key++) {
      const at = pins.find(1, key)
      expect(memory.u8[at]).toBe(key)
    }
    pins.release()
    put(2, 1)
    expect(cache.used).toBeLessThanOrEqual(8 * KIB)
  })

  test('what no offset names is found by its place alone, until it is evicted or its file dropped', () => {
    const made = [1, 1, 2].map((file) => {
      const region = cache.allocate(KIB)
      memory.u8.fill(200 + file, region.offset, region.offset + KIB)
      return pins.keep(file, region)
    })
    expect(made.map((place) => memory.u8[pins.use(place)])).toEqual([201, 201, 202])
    pins.release()
    cache.drop(2)
    expect(made.map((place) => pins.use(place) > 0)).toEqual([true, true, false])
    pins.release()
    for (let key = 1; key <= 20; key++) {
      put(3, key)
      pins.release()
    }
    expect(made.map((place) => pins.use(place))).toEqual([0, 0, 0])
    expect(cache.used).toBe(8 * KIB)
  })

  test('what was dropped while it was pinned is gone for others and there for who pins it', () => {
    const place = pins.keep(1, cache.allocate(KIB))
    cache.drop(1)
    expect(cache.pins().use(place)).toBe(0)
    expect(cache.used).toBe(KIB)
    pins.release()
    expect(cache.used).toBe(0)
  })

  test('a kept place leads to its thing, keeps it from eviction, and ends with it', () => {
    for (let key = 1; key <= 8; key++) put(1, key)
    const places = [1, 2, 3].map((key) => pins.place(1, key)!)
    pins.release()
    const later = cache.pins()
    expect(later.use(places[0]!)).toBe(places[0]!.address)
    for (let key = 1; key <= 8; key++) put(2, key, later)
    expect(memory.u8[later.use(places[0]!)]).toBe(1)
    expect(later.use(places[1]!)).toBe(0)
    const again = put(1, 2, later)
    expect(later.use(places[1]!)).toBe(0)
    expect(later.place(1, 2)!.address).toBe(again)
    cache.drop(1)
    expect([later.use(places[0]!), later.place(1, 2)]).toEqual([0, null])
    later.release()
    expect(cache.used).toBeLessThanOrEqual(8 * KIB)
  })

  test('evicts the least recently used first', () => {
    for (let key = 1; key <= 8; key++) put(1, key)
    pins.release()
    pins.find(1, 1)
    pins.release()
    put(1, 9)
    put(1, 10)
    pins.release()
    expect(pins.find(1, 1)).not.toBe(0)
    expect([pins.find(1, 2), pins.find(1, 3)]).toEqual([0, 0])
    expect(pins.find(1, 4)).not.toBe(0)
  })

  test('keeps a thing that another execution still pins', () => {
    const other = cache.pins()
    const address = put(1, 1)
    other.find(1, 1)
    pins.release()
    for (let key = 2; key <= 30; key++) put(1, key)
    expect(other.find(1, 1)).toBe(address)
    expect(memory.u8[address]).toBe(1)
  })

  test('keeps the first of two regions with one key, and frees both in the end', () => {
    const used = memory.used
    const first = put(1, 1)
    const second = put(1, 1)
    expect(second).not.toBe(first)
    expect(pins.find(1, 1)).toBe(first)
    pins.release()
    cache.release()
    expect([cache.used, memory.used]).toEqual([0, used])
  })

  test('forgets a file at once, but its pinned memory only with the last pin', () => {
    const other = cache.pins()
    const address = put(1, 1)
    put(2, 1)
    other.find(1, 1)
    cache.drop(1)
    expect(pins.find(1, 1)).toBe(0)
    expect(memory.u8[address]).toBe(1)
    pins.release()
    expect(cache.used).toBe(2 * KIB)
    other.release()
    expect(cache.used).toBe(KIB)
    expect(pins.find(2, 1)).not.toBe(0)
  })

  test('a file that was dropped can come again', () => {
    put(1, 1)
    cache.drop(1)
    const address = put(1, 1)
    pins.release()
    expect(pins.find(1, 1)).toBe(address)
    expect(cache.used).toBe(KIB)
  })

  test('makes room when the memory, not the capacity, is at its limit', async () => {
    const small = (await openKernel(memory.wasm.buffer.byteLength + 256 * KIB)).memory
    const large = new Cache(small, 2 ** 30)
    const holder = large.pins()
    for (let key = 1; key <= 1000; key++) {
      const region = large.allocate(KIB)
      holder.insert(1, region, [{ key, address: region.offset }])
      holder.release()
    }
    expect(holder.find(1, 1000)).not.toBe(0)
    expect(() => large.allocate(2 ** 26)).toThrow(OmenError)
  })

  test('is busy when all it could evict is pinned', async () => {
    const small = (await openKernel(memory.wasm.buffer.byteLength + 64 * KIB)).memory
    const tiny = new Cache(small, 2 ** 30)
    const holder = tiny.pins()
    const fill = (): void => {
      for (let key = 1; ; key++) {
        const region = tiny.allocate(KIB)
        holder.insert(1, region, [{ key, address: region.offset }])
      }
    }
    expect(fill).toThrow(/busy|memory/)
    expect(holder.find(1, 1)).not.toBe(0)
  })

  test('scratch of an execution goes with its release', () => {
    const used = memory.used
    pins.allocate(5000)
    pins.allocate(10)
    expect(memory.used).toBe(used + 9 * KIB)
    pins.release()
    expect(memory.used).toBe(used)
  })

  test('never mixes up or loses bytes over random use by several executions (seeds 1 to 10)', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = randomOf(seed)
      const used = memory.used
      cache = new Cache(memory, 8 * KIB)
      const executions = [cache.pins(), cache.pins(), cache.pins()]
      for (let step = 0; step < 2000; step++) {
        const holder = random.pick(executions)
        const file = random.int(3)
        const key = 1 + random.int(40)
        if (random.chance(0.05)) holder.release()
        else if (random.chance(0.01)) cache.drop(file)
        else {
          const address = holder.find(file, key) || put(file, key, holder)
          expect(memory.u8[address + 1023], `seed ${seed} step ${step}`).toBe(key)
        }
      }
      for (const holder of executions) holder.release()
      memory.release(cache.allocate(1))
      expect(cache.used, `seed ${seed}`).toBeLessThanOrEqual(8 * KIB)
      cache.release()
      expect(memory.used, `seed ${seed}`).toBe(used)
    }
  })
})
