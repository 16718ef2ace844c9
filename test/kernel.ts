// The built kernel for tests that run on Node: compiled once, a fresh instance for each caller.

import { readFileSync } from 'node:fs'
import { instantiateKernel, type KernelInstance } from '../engine/kernel.ts'

const bytes = readFileSync(new URL('../engine/omendb.wasm', import.meta.url))
const compiled = WebAssembly.compile(bytes)

/** A new kernel instance with its own memory of at most `memoryLimit` bytes. */
export async function openKernel(memoryLimit?: number): Promise<KernelInstance> {
  return instantiateKernel(await compiled, memoryLimit)
}

/** mulberry32: seeded numbers in [0, 1), equal on every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
