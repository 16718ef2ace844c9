// Buffers of Arrow columns that are no arrays of the engine: bits out of bytes, and texts one behind the other
// with their offsets. The kernel makes them (assembly/arrow.ts); nothing is held between two calls.

import { stringsJson } from './cell-text.ts'
import type { KernelInstance } from './kernel.ts'

/** What may be read and written behind an end. */
const SLACK_BYTES = 64

const encoder = new TextEncoder()

/** A bit for each byte, lowest first, 1 where it is not 0; and how many are 1. */
export function packBits(
  instance: KernelInstance,
  source: Uint8Array,
): { bits: Uint8Array; ones: number } {
  const { kernel, memory } = instance
  const size = Math.ceil(source.length / 8)
  const region = memory.allocate(source.length + size + 2 * SLACK_BYTES)
  try {
    const target = region.offset + Math.ceil((source.length + SLACK_BYTES) / 8) * 8
    memory.u8.set(source, region.offset)
    const ones = instance.guard(() => kernel.arrowBits(region.offset, source.length, target))
    return { bits: memory.u8.slice(target, target + size), ones }
  } finally {
    memory.release(region)
  }
}

/** UTF-8 of the texts, nothing where `valid` is 0, and the count + 1 offsets at which they begin and end. */
export function packStrings(
  instance: KernelInstance,
  texts: readonly string[],
  valid: Uint8Array | null,
): { offsets: Int32Array; bytes: Uint8Array } {
  const { kernel, memory } = instance
  const count = texts.length
  const json = stringsJson(texts)
  // A character of UTF-16 has three bytes of UTF-8 at most; what is unescaped is not longer.
  const jsonBytes = 3 * json.length + SLACK_BYTES
  const offsetBytes = Math.ceil((count + 1) / 2) * 8
  const region = memory.allocate(offsetBytes + count + 2 * jsonBytes + SLACK_BYTES)
  try {
    const offsets = region.offset
    const source = offsets + offsetBytes
    const mask = source + jsonBytes
    const target = mask + count
    encoder.encodeInto(json, memory.u8.subarray(source, mask))
    if (valid !== null) memory.u8.set(valid, mask)
    const end = instance.guard(() =>
      kernel.arrowStrings(source + 1, count, valid === null ? 0 : mask, offsets, target),
    )
    return {
      offsets: new Int32Array(memory.u8.slice(offsets, offsets + 4 * (count + 1)).buffer),
      bytes: memory.u8.slice(target, end >>> 0),
    }
  } finally {
    memory.release(region)
  }
}
