// Lines of COPY's text and csv formats, found in chunks of any split. The first line decides how all of
// them end.
// Source: PostgreSQL 15, src/backend/commands/copyfromparse.c, CopyReadLineText.

import { SqlError } from '../../sql-error.ts'
import type { CopyOptions } from '../../tree.ts'
import { LINE_BYTES_MAX } from './copy-format.ts'

const [LF, CR, BACKSLASH] = [10, 13, 92]

export class LineSplitter {
  /** The line that `next` found: bytes [start, end), without its end. */
  bytes: Uint8Array = new Uint8Array()
  start = 0
  end = 0
  /** Its number from 1; of one with line breaks in quotes, that of its last line. */
  line = 0
  readonly #isCsv: boolean
  readonly #quote: number
  /** -1: the quote escapes itself. */
  readonly #escape: number
  #ending: 'lf' | 'crlf' | 'cr' | null = null
  /** Where the next line begins. */
  #at = 0
  /** First places from `#at` on of these bytes, as far as they are known. */
  #nextQuote = -1
  #nextOther = -1

  constructor({ format, quote, escape }: CopyOptions) {
    this.#isCsv = format === 'csv'
    this.#quote = quote.charCodeAt(0)
    this.#escape = escape === quote ? -1 : escape.charCodeAt(0)
  }

  /** Adds bytes behind those that are left. Throws 54000 for a line that is too long. */
  push(chunk: Uint8Array): void {
    const left = this.bytes.length - this.#at
    if (left > LINE_BYTES_MAX) {
      throw new SqlError('54000', `a line is longer than ${LINE_BYTES_MAX >> 20} MiB`)
    }
    if (left === 0) this.bytes = chunk
    else {
      const joined = new Uint8Array(left + chunk.length)
      joined.set(this.bytes.subarray(this.#at))
      joined.set(chunk, left)
      this.bytes = joined
    }
    this.#at = 0
    this.#nextQuote = -1
    this.#nextOther = -1
  }

  /** Keeps what is left of the chunk, which its owner may use again. */
  keep(): void {
    this.bytes = this.bytes.slice(this.#at)
    this.#at = 0
    this.#nextQuote = -1
    this.#nextOther = -1
  }

  /** Finds the next line; `isLast`: no more bytes will come. Throws 22P04. */
  next(isLast: boolean): boolean {
    const { bytes } = this
    if (this.#at >= bytes.length) return false
    const end = this.#isCsv ? this.#findCsv(isLast) : this.#findText(this.#at, isLast)
    if (end < 0) return false
    this.start = this.#at
    this.end = end
    const size = this.#ending === 'crlf' && end < bytes.length ? 2 : 1
    this.#at = end + size
    this.line++
    return true
  }

  /** Where the line ends that has no break in quotes from `from` on; -1: not here yet. */
  #findText(from: number, isLast: boolean): number {
    const { bytes } = this
    this.#ending ??= this.#decide(from, isLast)
    if (this.#ending === null) return isLast ? bytes.length : -1
    const mark = this.#ending === 'lf' ? LF : CR
    let end = bytes.indexOf(mark, from)
    while (end >= 0 && !this.#isCsv && isEscaped(bytes, from, end))
      end = bytes.indexOf(mark, end + 1)
    if (this.#ending === 'crlf' && end >= 0) {
      if (end + 1 === bytes.length) return isLast ? this.#refuse(CR) : -1
      if (bytes[end + 1] !== LF) return this.#refuse(CR)
    }
    this.#refuseOther(from, end < 0 ? bytes.length : end)
    return end < 0 && isLast ? bytes.length : end
  }

  #decide(from: number, isLast: boolean): 'lf' | 'crlf' | 'cr' | null {
    const { bytes } = this
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === BACKSLASH && !this.#isCsv) at++
      else if (byte === LF) return 'lf'
      else if (byte === CR) {
        if (at + 1 < bytes.length) return bytes[at + 1] === LF ? 'crlf' : 'cr'
        return isLast ? 'cr' : null
      }
    }
    return null
  }

  /** The other mark of a line's end does not stand within a line. */
  #refuseOther(from: number, end: number): void {
    const other = this.#ending === 'lf' ? CR : LF
    if (this.#nextOther < from) {
      const found = this.bytes.indexOf(other, from)
      this.#nextOther = found < 0 ? Infinity : found
    }
    while (this.#nextOther < end) {
      if (this.#isCsv || !isEscaped(this.bytes, from, this.#nextOther)) this.#refuse(other)
      const found = this.bytes.indexOf(other, this.#nextOther + 1)
      this.#nextOther = found < 0 ? Infinity : found
    }
  }

  #refuse(byte: number): never {
    const name = byte === CR ? 'carriage return' : 'newline'
    const letter = byte === CR ? 'r' : 'n'
    const message = this.#isCsv ? `unquoted ${name} found in data` : `literal ${name} found in data`
    const hint = this.#isCsv
      ? `Use quoted CSV field to represent ${name}.`
      : `Use "\\${letter}" to represent ${name}.`
    this.line++
    throw new SqlError('22P04', message, { hint })
  }

  #findCsv(isLast: boolean): number {
    const { bytes } = this
    const from = this.#at
    if (this.#nextQuote < from) {
      const found = bytes.indexOf(this.#quote, from)
      this.#nextQuote = found < 0 ? Infinity : found
    }
    if (this.#nextQuote === Infinity) return this.#findText(from, isLast)
    // The line's end is not looked for in what may be quoted.
    const plain = this.#ending === null ? -1 : bytes.indexOf(this.#ending === 'lf' ? LF : CR, from)
    const isPlain = plain >= 0 && plain < this.#nextQuote
    return isPlain ? this.#findText(from, isLast) : this.#findQuoted(from, isLast)
  }

  /** The end of a line with quotes in it. */
  #findQuoted(from: number, isLast: boolean): number {
    const { bytes } = this
    let isQuoted = false
    let isAfterEscape = false
    let breaks = 0
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (isQuoted && byte === this.#escape) isAfterEscape = !isAfterEscape
      if (byte === this.#quote && !isAfterEscape) isQuoted = !isQuoted
      if (byte !== this.#escape) isAfterEscape = false
      if (byte !== LF && byte !== CR) continue
      if (isQuoted) {
        // As PostgreSQL counts, also while it does not know yet how lines end.
        if (byte === (this.#ending === 'lf' ? LF : CR)) breaks++
        continue
      }
      this.#ending ??= this.#decide(at, isLast)
      if (this.#ending === null) return -1
      if (this.#ending === 'crlf' && at + 1 === bytes.length && !isLast) return -1
      this.line += breaks
      if (byte === LF && this.#ending !== 'lf') this.#refuse(LF)
      if (byte === CR && this.#ending === 'lf') this.#refuse(CR)
      if (this.#ending === 'crlf' && bytes[at + 1] !== LF) this.#refuse(CR)
      return at
    }
    if (!isLast) return -1
    this.line += breaks
    return bytes.length
  }
}

/** Whether an odd number of backslashes stands before. */
function isEscaped(bytes: Uint8Array, from: number, at: number): boolean {
  let before = at
  while (before > from && bytes[before - 1] === BACKSLASH) before--
  return (at - before) % 2 === 1
}
