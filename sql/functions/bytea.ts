// Functions of bytea: parts, positions, encodings and hashes of no secrets.
// Source: PostgreSQL 15, src/backend/utils/adt/{varlena,encode}.c.

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { printBytes, readBytes } from '../text/array-text.ts'
import { Bytes } from '../value.ts'
import { scalar } from './define.ts'
import { md5 } from './md5.ts'
import { SHA2 } from './sha2.ts'

const encoder = new TextEncoder()

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** The first place of `part` at or after `from`; -1: nowhere. */
function indexOf(bytes: Uint8Array, part: Uint8Array, from = 0): number {
  for (let at = from; at + part.length <= bytes.length; at++) {
    if (part.every((byte, index) => bytes[at + index] === byte)) return at
  }
  return -1
}

function slice({ bytes }: Bytes, start: number, count?: number): Bytes {
  if (count !== undefined && count < 0) {
    throw new SqlError('22011', 'negative substring length not allowed')
  }
  const end = count === undefined ? bytes.length : Math.max(start - 1 + count, 0)
  return new Bytes(bytes.slice(Math.max(start - 1, 0), end))
}

const joined = ({ bytes: a }: Bytes, { bytes: b }: Bytes): Bytes => {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return new Bytes(all)
}

function trim({ bytes }: Bytes, { bytes: signs }: Bytes, side: 'both' | 'left' | 'right'): Bytes {
  let [start, end] = [0, bytes.length]
  if (side !== 'right') while (start < end && signs.includes(bytes[start]!)) start++
  if (side !== 'left') while (end > start && signs.includes(bytes[end - 1]!)) end--
  return new Bytes(bytes.slice(start, end))
}

function overlay(whole: Bytes, by: Bytes, start: number, count = by.bytes.length): Bytes {
  if (start <= 0) throw new SqlError('22011', 'negative substring length not allowed')
  return joined(joined(slice(whole, 1, start - 1), by), slice(whole, start + count))
}

function place({ bytes }: Bytes, index: number | bigint, size = bytes.length): number {
  if (index >= 0 && index < size) return Number(index)
  throw new SqlError('2202E', `index ${index} out of valid range, 0..${size - 1}`)
}

function withByte(whole: Bytes, index: number, value: number): Bytes {
  const copy = whole.bytes.slice()
  copy[place(whole, index)] = value
  return new Bytes(copy)
}

function bitAt(whole: Bytes, index: bigint): number {
  const at = place(whole, index, whole.bytes.length * 8)
  return (whole.bytes[at >> 3]! >> (at & 7)) & 1
}

function withBit(whole: Bytes, index: bigint, bit: number): Bytes {
  const at = place(whole, index, whole.bytes.length * 8)
  if (bit !== 0 && bit !== 1) throw new SqlError('22023', 'new bit must be 0 or 1')
  const copy = whole.bytes.slice()
  copy[at >> 3] = (copy[at >> 3]! & ~(1 << (at & 7))) | (bit << (at & 7))
  return new Bytes(copy)
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Signs of a line, after which comes a new line. */
const LINE = 76

function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]]
    const all = (a << 16) | ((b ?? 0) << 8) | (c ?? 0)
    const signs = [18, 12, 6, 0].map((shift) => BASE64[(all >> shift) & 63]!)
    text +=
      signs[0]! +
      signs[1]! +
      (b === undefined ? '=' : signs[2]) +
      (c === undefined ? '=' : signs[3])
  }
  return text.replace(new RegExp(`(.{${LINE}})(?=.)`, 'g'), '$1\n')
}

/** `abc\000`: what is no ASCII as octal, backslashes twice. */
const escaped = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte === 0 || byte > 127
      ? `\\${byte.toString(8).padStart(3, '0')}`
      : byte === 92
        ? '\\\\'
        : String.fromCharCode(byte),
  ).join('')

function encode({ bytes }: Bytes, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return hexOf(bytes)
    case 'base64':
      return base64Of(bytes)
    case 'escape':
      return escaped(bytes)
    default:
      throw new SqlError('22023', `unrecognized encoding: "${format}"`)
  }
}

function ofHex(text: string): Bytes {
  const digits = text.replace(/[ \n\t\r]/g, '')
  const wrong = /[^0-9a-fA-F]/.exec(digits)
  if (wrong !== null) throw new SqlError('22023', `invalid hexadecimal digit: "${wrong[0]}"`)
  if (digits.length % 2 === 1) {
    throw new SqlError('22023', 'invalid hexadecimal data: odd number of digits')
  }
  return new Bytes(Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16)))
}

function ofBase64(text: string): Bytes {
  const signs = text.replace(/[ \n\t\r]/g, '')
  const wrong = /[^A-Za-z0-9+/=]/.exec(signs)
  if (wrong !== null) {
    throw new SqlError('22023', `invalid symbol "${wrong[0]}" found while decoding base64 sequence`)
  }
  if (!/^[A-Za-z0-9+/]*(?:==?)?$/.test(signs)) {
    throw new SqlError('22023', 'unexpected "=" while decoding base64 sequence')
  }
  if (signs.length % 4 !== 0) throw new SqlError('22023', 'invalid base64 end sequence')
  const bytes: number[] = []
  for (let at = 0; at < signs.length; at += 4) {
    const all = [0, 1, 2, 3].reduce(
      (sum, index) => (sum << 6) | Math.max(BASE64.indexOf(signs[at + index]!), 0),
      0,
    )
    bytes.push((all >> 16) & 255)
    if (signs[at + 2] !== '=') bytes.push((all >> 8) & 255)
    if (signs[at + 3] !== '=') bytes.push(all & 255)
  }
  return new Bytes(Uint8Array.from(bytes))
}

function decode(text: string, format: string): Bytes {
  switch (format.toLowerCase()) {
    case 'hex':
      return ofHex(text)
    case 'base64':
      return ofBase64(text)
    case 'escape':
      return readBytes(text.startsWith('\\x') ? `\\\\${text.slice(1)}` : text)
    default:
      throw new SqlError('22023', `unrecognized encoding: "${format}"`)
  }
}

/** LIKE by bytes: each byte as the sign of its number. */
const latin = ({ bytes }: Bytes): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')

const TRIMS = [
  ['btrim', 'both'],
  ['ltrim', 'left'],
  ['rtrim', 'right'],
] as const

/** Tests bytes with a pattern of LIKE: `like(text, pattern)` is that of texts. */
export const bytesOperators = (
  like: (text: string, pattern: string) => boolean,
): readonly ScalarFunction[] =>
  (
    [
      ['~~', true],
      ['!~~', false],
    ] as const
  ).map(([name, wanted]) =>
    scalar(
      name,
      'bytea bytea',
      'bool',
      (bytes: Bytes, pattern: Bytes) => like(latin(bytes), latin(pattern)) === wanted,
    ),
  )

const bitsSet = ({ bytes }: Bytes): bigint =>
  BigInt(bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0))

export const byteFunctions: readonly ScalarFunction[] = [
  scalar('||', 'bytea bytea', 'bytea', joined),
  scalar('length', 'bytea', 'int4', ({ bytes }: Bytes) => bytes.length),
  scalar('octet_length', 'bytea', 'int4', ({ bytes }: Bytes) => bytes.length),
  scalar('bit_length', 'bytea', 'int4', ({ bytes }: Bytes) => bytes.length * 8),
  scalar('bit_count', 'bytea', 'int8', bitsSet),
  ...['substr', 'substring'].flatMap((name) => [
    scalar(name, 'bytea int4', 'bytea', slice),
    scalar(name, 'bytea int4 int4', 'bytea', slice),
  ]),
  scalar('overlay', 'bytea bytea int4', 'bytea', overlay),
  scalar('overlay', 'bytea bytea int4 int4', 'bytea', overlay),
  scalar('position', 'bytea bytea', 'int4', (bytes: Bytes, part: Bytes) =>
    part.bytes.length === 0 ? 1 : indexOf(bytes.bytes, part.bytes) + 1,
  ),
  ...TRIMS.map(([name, side]) =>
    scalar(name, 'bytea bytea', 'bytea', (bytes: Bytes, signs: Bytes) => trim(bytes, signs, side)),
  ),
  scalar('get_byte', 'bytea int4', 'int4', (one: Bytes, at: number) => one.bytes[place(one, at)]!),
  scalar('set_byte', 'bytea int4 int4', 'bytea', withByte),
  scalar('get_bit', 'bytea int8', 'int4', bitAt),
  scalar('set_bit', 'bytea int8 int4', 'bytea', withBit),
  scalar('encode', 'bytea text', 'text', encode),
  scalar('decode', 'text text', 'bytea', decode),
  scalar('md5', 'text', 'text', (text: string) => hexOf(md5(encoder.encode(text)))),
  scalar('md5', 'bytea', 'text', ({ bytes }: Bytes) => hexOf(md5(bytes))),
  ...Object.entries(SHA2).map(([name, digest]) =>
    scalar(name, 'bytea', 'bytea', ({ bytes }: Bytes) => new Bytes(digest(bytes))),
  ),
  scalar('convert_to', 'text text', 'bytea', (text: string, name: string) => {
    requireUtf8(name, 'destination')
    return new Bytes(encoder.encode(text))
  }),
  scalar('convert_from', 'bytea text', 'text', ({ bytes }: Bytes, name: string) => {
    requireUtf8(name, 'source')
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch (cause) {
      const message = `invalid byte sequence for encoding "UTF8": ${printBytes(new Bytes(bytes))}`
      throw new SqlError('22021', message, { cause })
    }
  }),
]

function requireUtf8(name: string, side: string): void {
  if (/^utf-?8$/i.test(name)) return
  throw new SqlError('22023', `invalid ${side} encoding name "${name}"`, {
    hint: 'Texts are UTF8.',
  })
}
