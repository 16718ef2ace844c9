// The little of tar that a backup needs: plain files with flat names, written as POSIX ustar, so that
// any tar lists and unpacks them. A size of 8 GiB and more is written in base 256, as GNU tar does.
// Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

import { OmenError, assert } from '../error.ts'

export const TAR_BLOCK = 512
/** What ends an archive: two blocks of zeros. */
export const TAR_END_SIZE = 2 * TAR_BLOCK

export interface TarEntry {
  readonly name: string
  /** Bytes of the content, which follows the header and is filled up to a multiple of 512. */
  readonly size: number
}

const NAME_MAX = 100
/** What 11 octal digits can say. */
const OCTAL_MAX = 8 ** 11 - 1
const CHECKSUM_AT = 148
const REGULAR_FILE = 0x30

/** Zeros after a content of `size` bytes. */
export function tarPadding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK
}

/** The 512 bytes before a content. `seconds` is the time of the file, since 1970. */
export function encodeTarHeader({ name, size }: TarEntry, seconds: number): Uint8Array {
  assert(/^[\x21-\x7e]+$/.test(name) && name.length <= NAME_MAX, `tar entry ${name}`)
  assert(Number.isSafeInteger(size) && size >= 0, `tar entry of ${size} bytes`)
  const block = new Uint8Array(TAR_BLOCK)
  writeText(block, 0, name)
  writeText(block, 100, '0000644\0')
  writeText(block, 108, '0000000\0')
  writeText(block, 116, '0000000\0')
  writeSize(block, size)
  writeText(block, 136, octal(Math.min(Math.max(0, seconds), OCTAL_MAX), 11))
  block[156] = REGULAR_FILE
  writeText(block, 257, 'ustar\x0000')
  writeText(block, CHECKSUM_AT, `${octal(checksumOf(block), 6)}\0 `)
  return block
}

/**
 * What a header says, or null for the zeros that end an archive. Throws `bad_request` for damage and
 * for everything that is no plain file: links, folders, devices, extensions.
 */
export function decodeTarHeader(block: Uint8Array): TarEntry | null {
  assert(block.length === TAR_BLOCK, `tar header of ${block.length} bytes`)
  if (block.every((byte) => byte === 0)) return null
  if (readOctal(block, CHECKSUM_AT, 8) !== checksumOf(block)) {
    throw new OmenError('bad_request', 'backup: not a tar archive, or a header of it is damaged')
  }
  const name = readText(block, 0, NAME_MAX)
  const type = block[156]!
  if ((type !== REGULAR_FILE && type !== 0) || block[345] !== 0) {
    throw new OmenError('bad_request', `backup: entry ${JSON.stringify(name)} is no plain file`)
  }
  const size = readSize(block)
  if (size === null) {
    throw new OmenError('bad_request', `backup: entry ${JSON.stringify(name)} has no size`)
  }
  return { name, size }
}

function octal(value: number, digits: number): string {
  return Math.floor(value).toString(8).padStart(digits, '0')
}

function writeText(block: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) block[offset + i] = text.charCodeAt(i)
}

function writeSize(block: Uint8Array, size: number): void {
  if (size <= OCTAL_MAX) return writeText(block, 124, octal(size, 11))
  block[124] = 0x80
  new DataView(block.buffer).setBigUint64(128, BigInt(size))
}

function readSize(block: Uint8Array): number | null {
  if (block[124]! < 0x80) return readOctal(block, 124, 12)
  const view = new DataView(block.buffer, block.byteOffset)
  if (view.getUint32(124) !== 0x80_00_00_00) return null
  const size = Number(view.getBigUint64(128))
  return Number.isSafeInteger(size) ? size : null
}

/** Digits, then zeros or spaces until the end of the field; null for anything else. */
function readOctal(block: Uint8Array, offset: number, length: number): number | null {
  const text = String.fromCharCode(...block.subarray(offset, offset + length))
  // oxlint-disable-next-line no-control-regex
  return /^ *[0-7]+[\0 ]*$/.test(text) ? Number.parseInt(text, 8) : null
}

function readText(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length)
  const end = field.indexOf(0)
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)))
}

/** Sum of all bytes, those of the checksum itself counted as spaces. */
function checksumOf(block: Uint8Array): number {
  let sum = 8 * 32
  for (let i = 0; i < TAR_BLOCK; i++) {
    if (i < CHECKSUM_AT || i >= CHECKSUM_AT + 8) sum += block[i]!
  }
  return sum
}
