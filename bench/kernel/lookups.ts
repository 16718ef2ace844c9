// Time lookups from inside WebAssembly, as a caller in the kernel would make them: a loop of its own
// module over the kernel's two exports, so that no conversion of an i64 for JavaScript is timed.

import asc from 'assemblyscript/asc'
import type { KernelInstance } from '../../engine/kernel.ts'

const SOURCE = `
  @external("kernel", "blockLowerBound")
  declare function blockLowerBound(entries: usize, from: i32, to: i32, time: i64): i32
  @external("kernel", "timeLowerBound")
  declare function timeLowerBound(block: usize, entry: usize, from: i32, to: i32, time: i64): i32

  /** Writes the row of each of u64 times, in blocks of 1,024 rows whose addresses are u32 blocks. */
  export function lookUp(entries: usize, blocks: usize, count: i32, times: usize, n: i32, rows: usize): void {
    for (let k = 0; k < n; k++) {
      const time = load<i64>(times + (usize(k) << 3))
      const b = blockLowerBound(entries, 0, count, time)
      const block = usize(load<u32>(blocks + (usize(b) << 2)))
      const row = timeLowerBound(block, entries + usize(b) * 96, 0, 1024, time)
      store<u32>(rows + (usize(k) << 2), (b << 10) + row)
    }
  }
`

export type LookUp = (
  entries: number,
  blocks: number,
  count: number,
  times: number,
  n: number,
  rows: number,
) => void

/** The loop over one kernel. */
export async function makeLookUp({ kernel, memory }: KernelInstance): Promise<LookUp> {
  const options = { optimizeLevel: 3, runtime: 'stub', importMemory: true, use: ['abort='] }
  const { binary, error } = await asc.compileString(SOURCE, options)
  if (binary === null) throw error ?? new Error('lookups: nothing was compiled')
  const module = await WebAssembly.compile(binary as BufferSource)
  const imports = {
    kernel: kernel as unknown as WebAssembly.ModuleImports,
    env: { memory: memory.wasm },
  }
  const instance = await WebAssembly.instantiate(module, imports)
  return instance.exports['lookUp'] as LookUp
}
