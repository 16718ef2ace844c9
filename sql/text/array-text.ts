// Text of arrays, `{1,NULL,"a b"}`, and of bytea, `\x0aff`.
// Source: PostgreSQL 15, src/backend/utils/adt/arrayfuncs.c, array_in and array_out; varlena.c.

import { SqlError } from '../sql-error.ts'
import type { DataType } from '../type.ts'
import { Bytes, SqlArray } from '../value.ts'

const PLAIN = /^[^\s{}",\\]+$/

/** `print` prints an element. */
export function printArray(array: SqlArray, print: (value: unknown) => string): string {
  const { dimensions, lowerBounds, values } = array
  if (dimensions.length === 0) return '{}'
  let next = 0
  const level = (depth: number): string => {
    if (depth === dimensions.length) return element(values[next++], print)
    const parts = Array.from({ length: dimensions[depth]! }, () => level(depth + 1))
    return `{${parts.join(',')}}`
  }
  const text = level(0)
  if (lowerBounds.every((bound) => bound === 1)) return text
  const ends = dimensions.map((length, i) => `[${lowerBounds[i]}:${lowerBounds[i]! + length - 1}]`)
  return `${ends.join('')}=${text}`
}

function element(value: unknown, print: (value: unknown) => string): string {
  if (value === null) return 'NULL'
  const text = print(value)
  if (PLAIN.test(text) && text.toLowerCase() !== 'null') return text
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** `read` reads an element; `type` is its. Throws 22P02. */
export function readArray(text: string, type: DataType, read: (text: string) => unknown): SqlArray {
  return new ArrayReader(text, type, read).read()
}

class ArrayReader {
  private readonly text: string
  private readonly type: DataType
  private readonly readElement: (text: string) => unknown
  private at = 0
  /** Braces around the first value: around every other as many. */
  private leafDepth: number | null = null
  private readonly values: unknown[] = []
  private readonly dimensions: number[] = []

  constructor(text: string, type: DataType, read: (text: string) => unknown) {
    this.text = text
    this.type = type
    this.readElement = read
  }

  read(): SqlArray {
    const bounds = this.readBounds()
    this.skip()
    if (this.text[this.at] !== '{') {
      this.fail('Array value must start with "{" or dimension information.')
    }
    this.readLevel(0)
    this.skip()
    if (this.at < this.text.length) this.fail('Junk after closing right brace.')
    if (this.values.length === 0) return new SqlArray(this.type, [])
    return new SqlArray(this.type, this.values, this.dimensions, bounds ?? undefined)
  }

  private readBounds(): number[] | null {
    const found = /^\s*((?:\[-?\d+(?::-?\d+)?\])+)\s*=/.exec(this.text)
    if (found === null) return null
    this.at = found[0].length
    return [...found[1]!.matchAll(/\[(-?\d+)(?::(-?\d+))?\]/g)].map((one) =>
      one[2] === undefined ? 1 : Number(one[1]),
    )
  }

  private skip(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++
  }

  private readLevel(depth: number): void {
    this.at++
    if (depth > 5) throw new SqlError('54000', 'number of array dimensions exceeds 6')
    let count = 0
    for (;;) {
      this.skip()
      const sign = this.text[this.at]
      if (sign === undefined) this.fail('Unexpected end of input.')
      if (sign === '}' && count === 0) break
      if (sign === '{') this.readLevel(depth + 1)
      else this.readValue(depth)
      count++
      this.skip()
      const end = this.text[this.at]
      if (end === undefined) this.fail('Unexpected end of input.')
      if (end === '}') break
      if (end !== ',') this.fail(`Unexpected array element.`)
      this.at++
    }
    this.at++
    if (count > 0 && (this.dimensions[depth] ??= count) !== count) {
      this.fail('Multidimensional arrays must have sub-arrays with matching dimensions.')
    }
  }

  private readValue(depth: number): void {
    this.leafDepth ??= depth
    if (this.leafDepth !== depth) {
      this.fail('Multidimensional arrays must have sub-arrays with matching dimensions.')
    }
    if (this.text[this.at] === '"') {
      this.at++
      this.values.push(this.readElement(this.readQuoted()))
      return
    }
    let value = ''
    while (this.at < this.text.length && !/[,{}"]/.test(this.text[this.at]!)) {
      if (this.text[this.at] === '\\') this.at++
      value += this.text[this.at++] ?? ''
    }
    const trimmed = value.trim()
    if (trimmed === '') this.fail(`Unexpected "${this.text[this.at] ?? ''}" character.`)
    this.values.push(trimmed.toUpperCase() === 'NULL' ? null : this.readElement(trimmed))
  }

  private readQuoted(): string {
    let value = ''
    for (;;) {
      const sign = this.text[this.at++]
      if (sign === undefined) this.fail('Unexpected end of input.')
      if (sign === '"') return value
      value += sign === '\\' ? (this.text[this.at++] ?? '') : sign
    }
  }

  private fail(detail: string): never {
    throw new SqlError('22P02', `malformed array literal: "${this.text}"`, { detail })
  }
}

/** `\x` and two digits per byte. */
export function printBytes({ bytes }: Bytes): string {
  let text = '\\x'
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** Hex, or text with `\nnn` for bytes in octal. Throws 22023, 22P02. */
export function readBytes(text: string): Bytes {
  if (text.startsWith('\\x')) return readHex(text.slice(2).replace(/\s+/g, ''))
  const bytes: number[] = []
  const encoder = new TextEncoder()
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at, at + 4)
    const octal = /^\\([0-3][0-7]{2})/.exec(rest)
    if (octal !== null) bytes.push(parseInt(octal[1]!, 8))
    else if (rest.startsWith('\\\\')) bytes.push(92)
    else if (rest.startsWith('\\'))
      throw new SqlError('22P02', 'invalid input syntax for type bytea')
    else {
      const sign = String.fromCodePoint(text.codePointAt(at)!)
      bytes.push(...encoder.encode(sign))
      at += sign.length
      continue
    }
    at += octal !== null ? 4 : 2
  }
  return new Bytes(Uint8Array.from(bytes))
}

function readHex(digits: string): Bytes {
  const wrong = /[^0-9a-f]/i.exec(digits)
  if (wrong !== null) throw new SqlError('22023', `invalid hexadecimal digit: "${wrong[0]}"`)
  if (digits.length % 2 === 1) {
    throw new SqlError('22023', 'invalid hexadecimal data: odd number of digits')
  }
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  return new Bytes(bytes)
}
