// Tags of many series as they were at one moment: a copy of their canonical keys, from which a series'
// tags are decoded when they are shown. A decoded Map takes ten times as much, and time.

import type { KeyTable } from './key-table.ts'
import type { Memory } from '../memory.ts'
import type { Execution } from '../step.ts'

/** Keys copied between two pauses. */
const STEP_KEYS = 16_384
const decoder = new TextDecoder()
/** Bytes of a key before its tags: the table. */
const KEY_HEAD = 4

/** Keys of which the text is made together. */
const WINDOW_KEYS = 64
/** One character a byte; of the same length as the bytes. */
const bytewise = new TextDecoder('latin1')

/** Keys [from, to) as one text, of ASCII alone; null: they are not. */
interface Window {
  readonly from: number
  readonly to: number
  readonly text: string | null
}

export class TagTexts {
  private readonly bytes: Uint8Array
  /** Where each key begins, and the end of the last. */
  private readonly starts: Uint32Array
  private window: Window = { from: 0, to: 0, text: null }

  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes
    this.starts = starts
  }

  /** Tags of the series at `index`, keys in byte order. Neighbours cost less than others. */
  at(index: number): Map<string, string> {
    const { bytes, starts } = this
    if (index < this.window.from || index >= this.window.to) this.window = this.windowOf(index)
    const [start, end] = [starts[index]!, starts[index + 1]!]
    const { text, from } = this.window
    if (text === null) return decodeTags(bytes.subarray(start, end))
    const base = starts[from]!
    const tags = new Map<string, string>()
    // Lengths are one byte each: a longer one would not be ASCII.
    for (let at = start + KEY_HEAD - base; at < end - base;) {
      const keyEnd = at + 1 + bytes[base + at]!
      const valueEnd = keyEnd + 1 + bytes[base + keyEnd]!
      tags.set(text.slice(at + 1, keyEnd), text.slice(keyEnd + 1, valueEnd))
      at = valueEnd
    }
    return tags
  }

  private windowOf(index: number): Window {
    const { bytes, starts } = this
    const from = index - (index % WINDOW_KEYS)
    const to = Math.min(from + WINDOW_KEYS, starts.length - 1)
    const isAscii = (key: number): boolean => {
      for (let at = starts[key]! + KEY_HEAD; at < starts[key + 1]!; at++) {
        if (bytes[at]! > 127) return false
      }
      return true
    }
    for (let key = from; key < to; key++) {
      if (!isAscii(key)) return { from, to, text: null }
    }
    return { from, to, text: bytewise.decode(bytes.subarray(starts[from], starts[to])) }
  }
}

/** Series of which tags are kept, and how many of them are asked for at once at most. */
const KNOWN_MAX = 8_192
const ASKED_MAX = 512

/** From lists a map is made in half the time that it takes from another map. */
interface KnownSeries {
  readonly keys: readonly string[]
  readonly values: readonly string[]
}

function mapOf({ keys, values }: KnownSeries): Map<string, string> {
  const tags = new Map<string, string>()
  for (let i = 0; i < keys.length; i++) tags.set(keys[i]!, values[i]!)
  return tags
}

/** Decoded tags of the series that answers of few series showed last. */
export class KnownTags {
  private readonly keys: TagKeys
  private readonly known = new Map<number, KnownSeries>()

  constructor(keys: TagKeys) {
    this.keys = keys
  }

  /** Tags of series as they are now, whatever becomes of them; each look makes a new map. */
  *copy(ids: Uint32Array): Execution<Pick<TagTexts, 'at'>> {
    if (ids.length > ASKED_MAX) return yield* copyTags(this.keys, ids)
    const tags: KnownSeries[] = []
    for (let i = 0; i < ids.length; i++) tags.push(this.of(ids[i]!))
    return { at: (index) => mapOf(tags[index]!) }
  }

  /** Ids may come again with other tags. */
  forget(): void {
    this.known.clear()
  }

  private of(id: number): KnownSeries {
    const before = this.known.get(id)
    if (before !== undefined) return before
    const { memory, series } = this.keys
    const decoded = decodeTags(memory.bytes(series.keptRange(id)))
    const tags = { keys: [...decoded.keys()], values: [...decoded.values()] }
    if (this.known.size === KNOWN_MAX) this.known.clear()
    this.known.set(id, tags)
    return tags
  }
}

/** Where the canonical keys of series lie. */
interface TagKeys {
  readonly memory: Memory
  readonly series: KeyTable
}

/** Copies the keys of series; one that was dropped, and whose key is not kept, has no tags. */
export function* copyTags({ memory, series }: TagKeys, ids: Uint32Array): Execution<TagTexts> {
  const starts = new Uint32Array(ids.length + 1)
  let bytes = new Uint8Array(ids.length * 32)
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
  let at = KEY_HEAD
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
