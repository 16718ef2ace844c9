// The only file that touches WebAssembly: instantiates the built kernel and gives it a typed face.
// Hot exports are called directly; a call costs 2–14 ns, so it is made once per block, not per point.

import { Memory } from './memory.ts'

type KernelExports = typeof import('./omendb.d.ts')

export type Kernel = KernelExports

/** One kernel with its memory. A trap makes the instance unusable: drop it, never reuse its memory. */
export interface KernelInstance {
  readonly kernel: Kernel
  readonly memory: Memory
}

export const MEMORY_LIMIT = 1 << 30

/** Instantiates a compiled kernel. `memoryLimit` is in bytes and bounds all regions together. */
export async function instantiateKernel(
  module: WebAssembly.Module,
  memoryLimit: number = MEMORY_LIMIT,
): Promise<KernelInstance> {
  const instance = await WebAssembly.instantiate(module, {})
  const kernel = instance.exports as unknown as Kernel
  const wasm = instance.exports['memory'] as WebAssembly.Memory
  return { kernel, memory: new Memory(wasm, kernel.heapBase.value, memoryLimit) }
}
