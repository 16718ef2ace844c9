// The built kernel for tests that run on Node: compiled once, a fresh instance for each caller.

import { instantiateKernel, type KernelInstance } from '../engine/kernel.ts'
import { compiled } from './kernel-module.ts'

export { seededRandom } from './random.ts'

/** A new kernel instance with its own memory of at most `memoryLimit` bytes. */
export async function openKernel(memoryLimit?: number): Promise<KernelInstance> {
  return instantiateKernel(await compiled, memoryLimit)
}
