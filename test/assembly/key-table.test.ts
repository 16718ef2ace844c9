import { describe, expect, test } from 'vitest'
import { KeyTable } from '../../engine/catalog/key-table.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const encoder = new TextEncoder()
const { kernel, memory } = await openKernel()

function hash(bytes: Uint8Array): bigint {
  const region = memory.allocate(bytes.length)
  memory.u8.set(bytes, region.offset)
  const result = BigInt.asUintN(64, kernel.hashKey(region.offset, bytes.length))
  memory.release(region)
  return result
}

describe('the key hash', () => {
  // Sanity buffer and results of the reference implementation of XXH64, seed 0.
  const vectors: [string, bigint][] = [
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ]
  test.each(vectors)('of %j is the published XXH64', (text, expected) => {
    expect(hash(encoder.encode(text))).toBe(expected)
  })

  test('equals an independent XXH64 at every length from 0 to 200', () => {
    const random = seededRandom(1)
    for (let length = 0; length <= 200; length++) {
      const bytes = Uint8Array.from({ length }, () => random() * 256)
      expect(hash(bytes), `length ${length}`).toBe(xxh64(bytes))
    }
  })
})

describe('a key table', () => {
  test('gives dense ids in order of insertion and finds them again', () => {
    const table = new KeyTable(kernel, memory, 4)
    const keys = ['', 'a', 'b', 'ab', 'ba', 'a\0', '\0', 'ключ', 'x'.repeat(1000)]
    keys.forEach((key, id) => expect(table.insert(encoder.encode(key))).toBe(id))
    keys.forEach((key, id) => expect(table.insert(encoder.encode(key))).toBe(id))
    keys.forEach((key, id) => expect(table.find(encoder.encode(key))).toBe(id))
    keys.forEach((key, id) => expect(table.key(id)).toEqual(encoder.encode(key)))
    expect(table.find(encoder.encode('absent'))).toBe(-1)
    expect(table.count).toBe(keys.length)
    table.release()
  })

  test('agrees with a Map over random inserts, removals and growth (seed 7)', () => {
    const used = memory.used
    const random = seededRandom(7)
    const table = new KeyTable(kernel, memory, 1)
    const ids = new Map<string, number>()
    let next = 0
    for (let step = 0; step < 30_000; step++) {
      const key = String(Math.floor(random() * 8000)).repeat(1 + Math.floor(random() * 2))
      const bytes = encoder.encode(key)
      const known = ids.get(key)
      if (random() < 0.2 && known !== undefined) {
        table.remove(known)
        expect(table.isRemoved(known)).toBe(true)
        ids.delete(key)
      } else {
        expect(table.insert(bytes), `step ${step}`).toBe(known ?? next)
        if (known === undefined) {
          ids.set(key, next)
          table.setPayload(next, 'd', next * 3)
          next++
        }
      }
    }
    for (const [key, id] of ids) {
      expect(table.find(encoder.encode(key))).toBe(id)
      expect(table.payload(id, 'd')).toBe(id * 3)
      expect(table.payload(id, 'a')).toBe(0)
    }
    for (let n = 0; n < 8000; n++) {
      if (!ids.has(String(n))) expect(table.find(encoder.encode(String(n)))).toBe(-1)
    }
    expect(table.count).toBe(next)
    table.release()
    expect(memory.used).toBe(used)
  })

  test('a removed key comes back with a new id', () => {
    const table = new KeyTable(kernel, memory, 1)
    const key = encoder.encode('cpu')
    table.insert(key)
    table.remove(0)
    expect(table.find(key)).toBe(-1)
    expect(table.insert(key)).toBe(1)
    expect(() => table.key(0)).toThrow('was removed')
    table.release()
  })

  test('keeps its pointer and all four payloads when it grows', () => {
    const table = new KeyTable(kernel, memory, 1)
    const { pointer } = table
    table.insert(encoder.encode('first'))
    for (const name of ['a', 'b', 'c', 'd'] as const) {
      table.setPayload(0, name, 0xfffffff0 + name.charCodeAt(0) - 97)
    }
    table.reserve(100_000, 10_000_000)
    expect(table.pointer).toBe(pointer)
    expect(table.find(encoder.encode('first'))).toBe(0)
    for (const name of ['a', 'b', 'c', 'd'] as const) {
      expect(table.payload(0, name)).toBe(0xfffffff0 + name.charCodeAt(0) - 97)
    }
    table.release()
  })

  test('an insert without room is FULL and changes nothing', () => {
    const region = memory.allocate(4096)
    const at = region.offset
    kernel.keyTableInit(at, at + 64, 8, at + 128, 4, at + 512, 4)
    memory.u8.set(encoder.encode('abcde'), at + 1024)
    expect(kernel.keyTableInsert(at, at + 1024, 3)).toBe(0)
    expect(kernel.keyTableInsert(at, at + 1025, 3)).toBe(kernel.FULL.value)
    expect(kernel.keyTableInsert(at, at + 1024, 1)).toBe(1)
    expect(kernel.keyTableInsert(at, at + 1025, 1)).toBe(kernel.FULL.value)
    expect(kernel.keyTableInsert(at, at + 1025, 0)).toBe(2)
    expect(kernel.keyTableFind(at, at + 1025, 3)).toBe(kernel.NOT_FOUND.value)
    expect(memory.u32[(at + 16) >>> 2]).toBe(3)
    memory.release(region)
  })
})

/** XXH64, seed 0, from the specification's text, in BigInt. */
function xxh64(bytes: Uint8Array): bigint {
  const p1 = 0x9e3779b185ebca87n
  const p2 = 0xc2b2ae3d27d4eb4fn
  const p3 = 0x165667b19e3779f9n
  const p4 = 0x85ebca77c2b2ae63n
  const p5 = 0x27d4eb2f165667c5n
  const u64 = (n: bigint): bigint => BigInt.asUintN(64, n)
  const rotate = (n: bigint, by: bigint): bigint => u64((n << by) | (n >> (64n - by)))
  const round = (lane: bigint, input: bigint): bigint =>
    u64(rotate(u64(lane + input * p2), 31n) * p1)
  const read = (at: number, size: number): bigint => {
    let value = 0n
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!)
    return value
  }
  let at = 0
  let hash = p5
  if (bytes.length >= 32) {
    const lanes = [u64(p1 + p2), p2, 0n, u64(-p1)]
    for (; at + 32 <= bytes.length; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i]!, read(at + 8 * i, 8))
    }
    hash = [1n, 7n, 12n, 18n].reduce((sum, by, i) => u64(sum + rotate(lanes[i]!, by)), 0n)
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * p1 + p4)
  }
  hash = u64(hash + BigInt(bytes.length))
  for (; at + 8 <= bytes.length; at += 8) {
    hash = u64(rotate(hash ^ round(0n, read(at, 8)), 27n) * p1 + p4)
  }
  if (at + 4 <= bytes.length) {
    hash = u64(rotate(hash ^ u64(read(at, 4) * p1), 23n) * p2 + p3)
    at += 4
  }
  for (; at < bytes.length; at++) hash = u64(rotate(hash ^ u64(read(at, 1) * p5), 11n) * p1)
  hash = u64((hash ^ (hash >> 33n)) * p2)
  hash = u64((hash ^ (hash >> 29n)) * p3)
  return hash ^ (hash >> 32n)
}
