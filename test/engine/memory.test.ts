import { expect, test } from 'vitest'
import { Memory } from '../../engine/memory.ts'

const MIB = 1 << 20

function memory(limit = 64 * MIB): Memory {
  return new Memory(new WebAssembly.Memory({ initial: 1 }), 1000, limit)
}

/** A small generator with a seed, so that a failure can be run again. */
function sequence(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % below
  }
}

function endOf(region: { offset: number; size: number }): number {
  return region.offset + region.size
}

test('regions never overlap, and releasing all of them leaves room for the largest', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const next = sequence(seed)
    const m = memory()
    const held: { offset: number; size: number }[] = []
    for (let i = 0; i < 500; i++) {
      if (held.length > 0 && next(3) === 0) m.release(held.splice(next(held.length), 1)[0]!)
      else if (held.length < 40) held.push(m.allocate(1 + next(200_000)))
      const sorted = held.toSorted((a, b) => a.offset - b.offset)
      const overlap = sorted.findIndex((r, j) => j > 0 && endOf(sorted[j - 1]!) > r.offset)
      if (overlap !== -1) expect.fail(`seed ${seed}, step ${i}: regions overlap`)
    }
    for (const region of held) m.release(region)
    expect(m.used, `seed ${seed}`).toBe(0)
    m.allocate(16 * MIB)
  }
})

test('a region released twice is refused', () => {
  const m = memory()
  const region = m.allocate(5000)
  m.release(region)
  expect(() => m.release(region)).toThrow(/not held/)
})

test('the limit is an error that can be retried, and nothing is lost by it', () => {
  const m = memory(4 * MIB)
  const region = m.allocate(MIB)
  expect(() => m.allocate(4 * MIB)).toThrow(expect.objectContaining({ code: 'busy' }))
  m.release(region)
  expect(m.used).toBe(0)
})

test('views follow the memory when it grows, and grow() keeps the bytes', () => {
  const m = memory()
  let region = m.allocateZeroed(1024)
  m.u8[region.offset] = 7
  const old = m.u8
  region = m.grow(region, 8 * MIB, 1024)
  expect(old.length).toBe(0)
  expect(m.u8[region.offset]).toBe(7)
  expect(m.bytes(region).length).toBe(8 * MIB)
})
