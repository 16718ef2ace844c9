// Several shards in one isolate: who needs room gets it from those that rest, and nobody else loses his.

import { describe, expect, test } from 'vitest'
import {
  IsolateMemory,
  KERNEL_BYTES_MAX,
  type Tenant,
} from '../../../server/edge/isolate-memory.ts'
import { SHARD_OPTIONS } from '../../../server/edge/shard-memory.ts'

const MIB = 1 << 20

class FakeTenant implements Tenant {
  kernelBytes: number
  isResting = true
  isReleased = false

  constructor(kernelBytes: number) {
    this.kernelBytes = kernelBytes
  }

  release(): void {
    this.isReleased = true
  }
}

function filled(...sizes: number[]): { memory: IsolateMemory; tenants: FakeTenant[] } {
  const memory = new IsolateMemory()
  const tenants = sizes.map((size) => new FakeTenant(size * MIB))
  for (const tenant of tenants) memory.use(tenant)
  return { memory, tenants }
}

describe('the memory of an isolate', () => {
  test('takes shards until their kernels fill it, then the longest resting one goes', () => {
    const { memory, tenants } = filled(20, 20, 20, 20)
    memory.use(tenants[0]!)
    memory.admit()
    expect(tenants.map(({ isReleased }) => isReleased)).toEqual([false, true, false, false])
    expect(memory.kernelBytes).toBe(60 * MIB)
  })

  test('never drops one at work', () => {
    const { memory, tenants } = filled(40, 40)
    tenants[0]!.isResting = false
    memory.admit()
    expect(tenants.map(({ isReleased }) => isReleased)).toEqual([false, true])
  })

  test('refuses one more as busy when all are at work', () => {
    const { memory, tenants } = filled(40, 40)
    for (const tenant of tenants) tenant.isResting = false
    expect(() => memory.admit()).toThrow(/2 open shards hold 83886080 bytes/)
    expect(tenants.some(({ isReleased }) => isReleased)).toBe(false)
  })

  test('gives one that grows the room of those that rest, but not its own', () => {
    const { memory, tenants } = filled(30, 30, 30)
    tenants[0]!.kernelBytes = 40 * MIB
    memory.use(tenants[0]!)
    expect(tenants.map(({ isReleased }) => isReleased)).toEqual([false, true, false])
  })

  test('forgets one that leaves', () => {
    const { memory, tenants } = filled(40, 40)
    memory.leave(tenants[0]!)
    memory.admit()
    expect(tenants.map(({ isReleased }) => isReleased)).toEqual([false, false])
    expect(memory.kernelBytes).toBe(40 * MIB)
  })

  test('leaves a quarter of 128 MB to code and requests, and fits two shards at their limit', () => {
    expect(KERNEL_BYTES_MAX).toBeLessThanOrEqual(0.75 * 128 * MIB)
    expect(2 * SHARD_OPTIONS.memoryBytes!).toBeLessThanOrEqual(KERNEL_BYTES_MAX)
  })
})
