// The only file that touches WebAssembly: instantiates the built kernel and gives it a typed face.
// Hot exports are called directly; a call costs 2–14 ns, so it is made once per block, not per point.

import { crc32c, type Checksum } from './crc.ts'
import { OmenError } from './error.ts'
import { Memory } from './memory.ts'
import { MEMORY_BYTES } from './memory-share.ts'

type KernelExports = typeof import('./omendb.d.ts')

export type Kernel = KernelExports

/** One kernel with its memory. A trap ends it: what its memory holds then may be half changed. */
export class KernelInstance {
  readonly kernel: Kernel
  readonly memory: Memory
  private trap: OmenError | null = null

  constructor(kernel: Kernel, memory: Memory) {
    this.kernel = kernel
    this.memory = memory
  }

  /** What ended it, or null. */
  get failure(): OmenError | null {
    return this.trap
  }

  /** Throws `internal` once it has ended. */
  check(): void {
    if (this.trap !== null) throw this.trap
  }

  /** Runs what uses the kernel. A trap in it ends the instance and is thrown as `internal`. */
  guard<T>(use: () => T): T {
    this.check()
    try {
      return use()
    } catch (error) {
      throw this.explain(error)
    }
  }

  /** Like `guard`, for what was caught: the error to throw on. */
  explain(error: unknown): unknown {
    if (!(error instanceof WebAssembly.RuntimeError)) return error
    this.trap ??= new OmenError('internal', `kernel: ${error.message}`, { cause: error })
    return this.trap
  }
}

/** Instantiates a compiled kernel. `memoryLimit` is in bytes and bounds all regions together. */
export async function instantiateKernel(
  module: WebAssembly.Module,
  memoryLimit: number = MEMORY_BYTES,
): Promise<KernelInstance> {
  const instance = await WebAssembly.instantiate(module, {})
  const kernel = instance.exports as unknown as Kernel
  const wasm = instance.exports['memory'] as WebAssembly.Memory
  return new KernelInstance(kernel, new Memory(wasm, kernel.heapBase.value, memoryLimit))
}

/** CRC32C by the kernel for bytes that lie in its memory, by table for all others. */
export function kernelChecksum({ kernel, memory }: KernelInstance): Checksum {
  return (bytes, seed) => {
    if (bytes.buffer !== memory.wasm.buffer) return crc32c(bytes, seed)
    return kernel.crc32c(bytes.byteOffset, bytes.length, seed) >>> 0
  }
}
