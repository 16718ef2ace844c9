// How rows fall into buckets, as a query says it and as the kernel reads it (assembly/downsample.ts).

import type { Memory, Region } from '../memory.ts'

/**
 * How rows fall into buckets: all into one (its `end`: of the range, if it has one), at a fixed width, or
 * at given starts.
 */
export type Grid =
  | { readonly kind: 'one'; readonly end?: bigint }
  | { readonly kind: 'fixed'; readonly origin: bigint; readonly width: bigint }
  | { readonly kind: 'boundaries'; readonly boundaries: BigInt64Array }

const MODE = { one: 0, fixed: 1, boundaries: 2 } as const
/** The end of a bucket that has none. */
const NO_END = 2n ** 63n - 1n
/** Writes the kernel's grid at a pointer; the region of its boundaries, if it has any, is the caller's. */
export function writeGrid(memory: Memory, pointer: number, grid: Grid): Region | null {
  const at = pointer >>> 2
  memory.u32[at] = MODE[grid.kind]
  if (grid.kind === 'one') memory.i64[(at >>> 1) + 3] = grid.end ?? NO_END
  if (grid.kind === 'fixed') {
    const rest = grid.origin % grid.width
    memory.i64[(at >>> 1) + 2] = rest < 0n ? rest + grid.width : rest
    memory.i64[(at >>> 1) + 3] = grid.width
  }
  if (grid.kind !== 'boundaries') return null
  const { boundaries } = grid
  const region = memory.allocate(boundaries.byteLength)
  memory.i64.set(boundaries, region.offset >>> 3)
  memory.u32[at + 1] = boundaries.length
  memory.u32[at + 2] = region.offset
  return region
}
