// The crash runs of the engine (test/torture/crash-seed.ts) inside real workerd, over the SQLite of an
// object that ends between any two calls of its storage, or whose commit fails, or whose database is
// full: nothing acknowledged is lost, halved or resurrected.

import { env, runInDurableObject } from 'cloudflare:test'
import { test, vi } from 'vitest'
import { runSeed } from '../../torture/crash-seed.ts'
import { SimulatedObject } from './simulated-object.ts'

vi.mock(import('../../kernel-module.ts'), async () => {
  const { default: module } = await import('../../../engine/omendb.wasm')
  return { compiled: Promise.resolve(module) }
})

const SEEDS = 24

interface Bindings {
  readonly SHARDS: { getByName(name: string): never }
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('run %i', async (seed) => {
  const { SHARDS } = env as unknown as Bindings
  await runInDurableObject(SHARDS.getByName(`crash-${seed}`), (_, ctx) => {
    const { storage } = ctx as unknown as DurableObjectState
    return runSeed(seed, (given) => new SimulatedObject(given, storage))
  })
})
