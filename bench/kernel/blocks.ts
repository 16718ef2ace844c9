// Columns of many blocks, encoded into kernel memory for the benchmarks.

import type { KernelInstance } from '../../engine/kernel.ts'
import type { Region } from '../../engine/memory.ts'

export const FLOAT = 0
export const INTEGER = 1

const BLOCK_ROWS = 1_024
const BLOCK_MAX = 20_000

/** Encoded blocks: addresses of block and entry number `b`. */
export interface Encoded {
  /** Bytes of all blocks, without their entries. */
  readonly size: number
  block(b: number): number
  entry(b: number): number
  release(): void
}

/** Encodes the times of one series in blocks of 1,024. */
export function encodeTimes(instance: KernelInstance, times: BigInt64Array): Encoded {
  const { kernel } = instance
  return encodeBlocks(instance, times, (source, _valid, n, target, entry) =>
    kernel.encodeTimes(source, n, 0, 0, target, BLOCK_MAX, entry),
  )
}

/** Encodes floats or integers in blocks of 1,024. */
export function encodeSlots(
  instance: KernelInstance,
  type: number,
  values: BigInt64Array,
): Encoded {
  const { kernel } = instance
  return encodeBlocks(instance, values, (source, valid, n, target, entry) =>
    kernel.encodeColumn(type, source, valid, n, target, BLOCK_MAX, entry),
  )
}

type Encode = (source: number, valid: number, n: number, target: number, entry: number) => number

function encodeBlocks(instance: KernelInstance, values: BigInt64Array, encode: Encode): Encoded {
  const { kernel, memory } = instance
  const count = Math.ceil(values.length / BLOCK_ROWS)
  const entrySize = kernel.ENTRY_SIZE.value
  const entries = memory.allocate(count * entrySize)
  const chunk = memory.allocate(BLOCK_ROWS * 9)
  const valid = chunk.offset + BLOCK_ROWS * 8
  let bytes: Region = memory.allocate(values.length + BLOCK_MAX)
  memory.u8.fill(1, valid, valid + BLOCK_ROWS)
  const offsets = new Float64Array(count)
  let size = 0
  for (let b = 0; b < count; b++) {
    const rows = values.subarray(b * BLOCK_ROWS, (b + 1) * BLOCK_ROWS)
    if (bytes.size < size + BLOCK_MAX) bytes = memory.grow(bytes, bytes.size * 2, size)
    memory.i64.set(rows, chunk.offset / 8)
    const entry = entries.offset + b * entrySize
    offsets[b] = size
    size += encode(chunk.offset, valid, rows.length, bytes.offset + size, entry)
  }
  memory.release(chunk)
  return {
    size,
    block: (b) => bytes.offset + offsets[b]!,
    entry: (b) => entries.offset + b * entrySize,
    release: () => {
      memory.release(bytes)
      memory.release(entries)
    },
  }
}

/** Encodes whole blocks that lie in kernel memory, over and over to the same place. */
export function encodeOnce(
  { kernel, memory }: KernelInstance,
  type: number,
  values: BigInt64Array,
): { use: () => void; release: () => void } {
  const source = memory.allocate(values.length * 8 + BLOCK_ROWS)
  const target = memory.allocate(BLOCK_MAX + kernel.ENTRY_SIZE.value)
  const valid = source.offset + values.length * 8
  const entry = target.offset + BLOCK_MAX
  memory.i64.set(values, source.offset / 8)
  memory.u8.fill(1, valid, valid + BLOCK_ROWS)
  const isTime = type === kernel.TIME.value
  const use = (): void => {
    for (let at = source.offset; at < valid; at += BLOCK_ROWS * 8) {
      if (isTime) kernel.encodeTimes(at, BLOCK_ROWS, 0, 0, target.offset, BLOCK_MAX, entry)
      else kernel.encodeColumn(type, at, valid, BLOCK_ROWS, target.offset, BLOCK_MAX, entry)
    }
  }
  const release = (): void => {
    memory.release(source)
    memory.release(target)
  }
  return { use, release }
}
