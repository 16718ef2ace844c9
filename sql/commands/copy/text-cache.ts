// UTF-8 → strings, remembering short ones: tags come again and again.

import { SqlError } from '../../sql-error.ts'
import { CHUNK_BYTES_MIN } from './copy-format.ts'

const SLOTS = 4_096
const BYTES_MAX = 48

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

interface Slot {
  readonly bytes: Uint8Array
  readonly text: string
}

export class TextCache {
  readonly #slots: (Slot | undefined)[] = []

  /** Bytes [start, end). Throws 22021 for what is no UTF-8, and for a zero. */
  decode(bytes: Uint8Array, start: number, end: number): string {
    if (end - start > BYTES_MAX) return decodeText(bytes.subarray(start, end))
    let hash = 0
    for (let at = start; at < end; at++) hash = (hash * 31 + bytes[at]!) | 0
    const index = (hash ^ (hash >>> 16)) & (SLOTS - 1)
    const slot = this.#slots[index]
    if (slot !== undefined && isEqual(slot.bytes, bytes, start, end)) return slot.text
    const own = bytes.slice(start, end)
    const text = decodeText(own)
    this.#slots[index] = { bytes: own, text }
    return text
  }
}

/** Cuts short strings of ASCII out of chunks that are decoded whole. */
export class ChunkText {
  #bytes: Uint8Array | null = null
  /** Null: not all of it is one byte a character. */
  #text: string | null = null

  /** Bytes [start, end), which are ASCII. */
  slice(bytes: Uint8Array, start: number, end: number): string {
    if (bytes.length < CHUNK_BYTES_MIN) return showText(bytes.subarray(start, end))
    if (bytes !== this.#bytes) {
      const text = showText(bytes)
      this.#bytes = bytes
      this.#text = text.length === bytes.length ? text : null
    }
    return this.#text === null ? showText(bytes.subarray(start, end)) : this.#text.slice(start, end)
  }
}

function isEqual(own: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (own.length !== end - start) return false
  for (let i = 0; i < own.length; i++) if (own[i] !== bytes[start + i]) return false
  return true
}

/** Throws 22021 for what is no UTF-8, and for a zero. */
export function decodeText(bytes: Uint8Array): string {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw wrongBytes(bytes)
  }
  return text.includes('\0') ? refuseZero() : text
}

function refuseZero(): never {
  throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8": 0x00')
}

/** Names the first bytes that are no character, as PostgreSQL does. */
function wrongBytes(bytes: Uint8Array): SqlError {
  const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
  let at = 0
  while (at < bytes.length) {
    const size = sizeOf(bytes[at]!)
    const character = bytes.subarray(at, at + size)
    if (character.length < size || lenient.decode(character).includes('\uFFFD')) {
      const isReal =
        size === 3 && character[0] === 0xef && character[1] === 0xbf && character[2] === 0xbd
      if (!isReal) return refusalOf(character)
    }
    at += size
  }
  return refusalOf(bytes)
}

function sizeOf(byte: number): number {
  if (byte < 0xc0) return 1
  if (byte < 0xe0) return 2
  return byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 1
}

function refusalOf(bytes: Uint8Array): SqlError {
  const shown = Array.from(
    bytes.subarray(0, 8),
    (byte) => `0x${byte.toString(16).padStart(2, '0')}`,
  )
  return new SqlError('22021', `invalid byte sequence for encoding "UTF8": ${shown.join(' ')}`)
}

const shown = new TextDecoder('utf-8', { ignoreBOM: true })

/** For errors: what is wrong in it is replaced. */
export const showText = (bytes: Uint8Array): string => shown.decode(bytes)
