// What the learned time column is measured against, in a WebAssembly module of its own over the memory
// of the kernel, so that the product's kernel has nothing of it: binary search over raw times, a static
// B+-tree over raw times (16 keys a node, compared two at a time; after S. Slotin's S+-tree,
// en.algorithmica.org/hpc/data-structures/s-tree), and coded blocks that are decoded and then searched,
// as most databases do. All loops run inside WebAssembly, where no i64 is converted for JavaScript.

import asc from 'assemblyscript/asc'
import type { KernelInstance } from '../../engine/kernel.ts'

const SOURCE = `
  @external("kernel", "blockLowerBound")
  declare function blockLowerBound(entries: usize, from: i32, to: i32, time: i64): i32
  @external("kernel", "timeLowerBound")
  declare function timeLowerBound(block: usize, entry: usize, from: i32, to: i32, time: i64): i32
  @external("kernel", "decodeTimes")
  declare function decodeTimes(block: usize, entry: usize, from: i32, count: i32, target: usize): i32

  /** Rows of u64[n] sought times, in blocks of 1,024 rows whose addresses are u32 blocks. */
  export function learned(entries: usize, blocks: usize, count: i32, sought: usize, n: i32, rows: usize): void {
    for (let k = 0; k < n; k++) {
      const time = load<i64>(sought + (usize(k) << 3))
      const b = blockLowerBound(entries, 0, count, time)
      let row = b << 10
      if (b < count) {
        const block = usize(load<u32>(blocks + (usize(b) << 2)))
        row += timeLowerBound(block, entries + usize(b) * 96, 0, 1024, time)
      }
      store<u32>(rows + (usize(k) << 2), row)
    }
  }

  /** The same, by decoding the block that has the time into 'scratch', i64[1024]. */
  export function decoded(entries: usize, blocks: usize, count: i32, sought: usize, n: i32, rows: usize, scratch: usize): void {
    for (let k = 0; k < n; k++) {
      const time = load<i64>(sought + (usize(k) << 3))
      const b = blockLowerBound(entries, 0, count, time)
      let row = b << 10
      if (b < count) {
        const block = usize(load<u32>(blocks + (usize(b) << 2)))
        decodeTimes(block, entries + usize(b) * 96, 0, 1024, scratch)
        row += lowerBound(scratch, 1024, time)
      }
      store<u32>(rows + (usize(k) << 2), row)
    }
  }

  /** First of i64[n] that is not below 'time': without branches, halves are taken by arithmetic. */
  function lowerBound(times: usize, n: i32, time: i64): i32 {
    let base = times
    let left = n
    while (left > 1) {
      const half = left >> 1
      base += usize(load<i64>(base + (usize(half - 1) << 3)) < time) * (usize(half) << 3)
      left -= half
    }
    return i32((base - times) >> 3) + i32(left === 1 && load<i64>(base) < time)
  }

  export function binary(times: usize, count: i32, sought: usize, n: i32, rows: usize): void {
    for (let k = 0; k < n; k++) {
      store<u32>(rows + (usize(k) << 2), lowerBound(times, count, load<i64>(sought + (usize(k) << 3))))
    }
  }

  const KEYS = 16
  const NODE: usize = 128
  let height = 0

  /** Bytes of the layers above i64[count] times. */
  export function treeSize(count: i32): usize {
    let nodes = (count + KEYS - 1) / KEYS
    let size: usize = 0
    while (nodes > 1) {
      nodes = (nodes + KEYS) / (KEYS + 1)
      size += usize(nodes) * NODE
    }
    return size
  }

  /**
   * Builds the layers, whose addresses go into u32[16] layers, the lowest first; the times are a
   * multiple of 16. Key k of a node is the least time of child k + 1.
   */
  export function buildTree(times: usize, count: i32, target: usize, layers: usize): void {
    height = 0
    let nodes = count / KEYS
    // Times that one child covers.
    let span = KEYS
    while (nodes > 1) {
      const children = nodes
      nodes = (nodes + KEYS) / (KEYS + 1)
      for (let node = 0; node < nodes; node++) {
        for (let k = 0; k < KEYS; k++) {
          const child = node * (KEYS + 1) + k + 1
          const at = target + usize(node) * NODE + (usize(k) << 3)
          const first = child < children ? load<i64>(times + (usize(child) * usize(span) << 3)) : i64.MAX_VALUE
          store<i64>(at, first)
        }
      }
      store<u32>(layers + (usize(height++) << 2), u32(target))
      target += usize(nodes) * NODE
      span *= KEYS + 1
    }
  }

  /** Keys of a node that are below 'time'. */
  function below(node: usize, time: v128): i32 {
    let count = i64x2.lt_s(v128.load(node), time)
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 16), time))
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 32), time))
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 48), time))
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 64), time))
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 80), time))
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 96), time))
    count = i64x2.add(count, i64x2.lt_s(v128.load(node, 112), time))
    return -i32(i64x2.extract_lane(count, 0) + i64x2.extract_lane(count, 1))
  }

  export function tree(times: usize, layers: usize, sought: usize, n: i32, rows: usize): void {
    for (let k = 0; k < n; k++) {
      const time = i64x2.splat(load<i64>(sought + (usize(k) << 3)))
      let node = 0
      for (let layer = height - 1; layer >= 0; layer--) {
        const keys = usize(load<u32>(layers + (usize(layer) << 2))) + usize(node) * NODE
        node = node * (KEYS + 1) + below(keys, time)
      }
      const row = node * KEYS + below(times + usize(node) * NODE, time)
      store<u32>(rows + (usize(k) << 2), row)
    }
  }
`

/** Addresses and counts; each fills u32[n] `rows` with the first row at or after each of u64[n] `sought`. */
export interface Rivals {
  learned: (...numbers: number[]) => void
  decoded: (...numbers: number[]) => void
  binary: (...numbers: number[]) => void
  tree: (...numbers: number[]) => void
  treeSize(count: number): number
  buildTree(times: number, count: number, target: number, layers: number): void
}

/** The rivals, and the kernel's own look-up in the same kind of loop. */
export async function makeRivals({ kernel, memory }: KernelInstance): Promise<Rivals> {
  const options = {
    optimizeLevel: 3,
    runtime: 'stub',
    importMemory: true,
    noAssert: true,
    enable: ['simd'],
    use: ['abort='],
  }
  const { binary, error } = await asc.compileString(SOURCE, options)
  if (binary === null) throw error ?? new Error('rivals: nothing was compiled')
  const module = await WebAssembly.compile(binary as BufferSource)
  const imports = {
    kernel: kernel as unknown as WebAssembly.ModuleImports,
    env: { memory: memory.wasm },
  }
  const instance = await WebAssembly.instantiate(module, imports)
  return instance.exports as unknown as Rivals
}
