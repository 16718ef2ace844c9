// Tags of many series as they were at one moment: a copy of their canonical keys, from which a series'
// tags are decoded when they are shown. A decoded Map takes ten times as much, and time.

import type { KeyTable } from './key-table.ts'
import type { Memory } from '../memory.ts'
import type { Execution } from '../step.ts'

/** Keys copied between two pauses. */
const STEP_KEYS = 16_384
const decoder = new TextDecoder()

export class TagTexts {
  private readonly bytes: Uint8Array
  /** Where each key begins, and the end of the last. */
  private readonly starts: Uint32Array

  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes
    this.starts = starts
  }

  /** Tags of the series at `index`, keys in byte order. */
  at(index: number): Map<string, string> {
    return decodeTags(this.bytes.subarray(this.starts[index], this.starts[index + 1]))
  }
}

/** Copies the keys of series; one that was dropped, and whose key is not kept, has no tags. */
export function* copyTags(
  { memory, series }: { readonly memory: Memory; readonly series: KeyTable },
  ids: Uint32Array,
): Execution<TagTexts> {
  const starts = new Uint32Array(ids.length + 1)
  let bytes = new Uint8Array(Math.max(64, ids.length * 32))
  let used = 0
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    const { offset, size } = series.keptRange(id)
    if (used + size > bytes.length) {
      const wider = new Uint8Array(Math.max(used + size, bytes.length * 2))
      wider.set(bytes.subarray(0, used))
      bytes = wider
    }
    const { u8 } = memory
    for (let k = 0; k < size; k++) bytes[used + k] = u8[offset + k]!
    used += size
    starts[i + 1] = used
    if (i % STEP_KEYS === STEP_KEYS - 1) yield { pause: true }
  }
  return new TagTexts(bytes.slice(0, used), starts)
}

/** Tags of a canonical series key (table id u32, then varint length and bytes of key and value). */
export function decodeTags(key: Uint8Array): Map<string, string> {
  const tags = new Map<string, string>()
  let at = 4
  const text = (): string => {
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = key[at++]!
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    at += length
    return decoder.decode(key.subarray(at - length, at))
  }
  while (at < key.length) {
    const name = text()
    tags.set(name, text())
  }
  return tags
}
