// The built kernel for tests that run on Node: compiled once, a fresh instance for each caller.

import { readFileSync } from 'node:fs'
import { instantiateKernel, type KernelInstance } from '../engine/kernel.ts'

export { seededRandom } from './random.ts'

const bytes = readFileSync(new URL('../engine/omendb.wasm', import.meta.url))
const compiled = WebAssembly.compile(bytes)

/** A new kernel instance with its own memory of at most `memoryLimit` bytes. */
export async function openKernel(memoryLimit?: number): Promise<KernelInstance> {
  return instantiateKernel(await compiled, memoryLimit)
}
