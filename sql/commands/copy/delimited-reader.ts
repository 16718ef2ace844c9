// COPY's text and csv formats → rows. Values are read where they lie in the chunk; only those with
// escapes or quotes are copied.
// Source: PostgreSQL 15, src/backend/commands/copyfromparse.c, CopyReadAttributesText and …CSV.

import { SqlError } from '../../sql-error.ts'
import type { CopyOptions } from '../../tree.ts'
import { placed } from './copy-place.ts'
import { CHUNK_BYTES_MIN, type CopyReader } from './copy-format.ts'
import { LineSplitter } from './line-splitter.ts'
import type { RowBuilder } from './row-builder.ts'
import { showText } from './text-cache.ts'

const BACKSLASH = 92
const SCRATCH_BYTES = CHUNK_BYTES_MIN - 1
const encoder = new TextEncoder()

export class DelimitedReader implements CopyReader {
  readonly #table: string
  readonly #rows: RowBuilder
  readonly #lines: LineSplitter
  readonly #isCsv: boolean
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  readonly #nullBytes: Uint8Array
  #hasHeader: boolean
  /** Lines are only parted into their cells. */
  #isDry = false
  /** After `\.` nothing is read. */
  #isOver = false
  /** Values without their escapes. */
  #scratch = new Uint8Array(SCRATCH_BYTES)
  // The value that is being read; column -1: none is.
  #column = -1
  #valueBytes: Uint8Array = this.#scratch
  #valueStart = 0
  #valueEnd = 0

  constructor(options: CopyOptions, table: string, rows: RowBuilder) {
    this.#table = table
    this.#rows = rows
    this.#lines = new LineSplitter(options)
    this.#isCsv = options.format === 'csv'
    this.#delimiter = options.delimiter.charCodeAt(0)
    this.#quote = options.quote.charCodeAt(0)
    this.#escape = options.escape.charCodeAt(0)
    this.#nullBytes = encoder.encode(options.nullText)
    this.#hasHeader = options.hasHeader
  }

  *push(chunk: Uint8Array): Generator<undefined, void> {
    if (this.#isOver) return
    this.#lines.push(chunk)
    yield* this.#read(false)
    this.#lines.keep()
  }

  *end(): Generator<undefined, void> {
    if (!this.#isOver) yield* this.#read(true)
  }

  *#read(isLast: boolean): Generator<undefined, void> {
    while (this.#nextLine(isLast)) {
      if (this.#hasHeader) {
        this.#hasHeader = false
        continue
      }
      if (this.#isEnd()) {
        this.#isOver = true
        return
      }
      this.#readRow()
      if (this.#rows.isFull) yield
    }
  }

  #nextLine(isLast: boolean): boolean {
    try {
      return this.#lines.next(isLast)
    } catch (error) {
      throw placed(error, { table: this.#table, line: this.#lines.line })
    }
  }

  /** `\.` alone on a line. */
  #isEnd(): boolean {
    const { bytes, start, end } = this.#lines
    return end - start === 2 && bytes[start] === BACKSLASH && bytes[start + 1] === 46
  }

  #readRow(): void {
    const { bytes, start, end, line } = this.#lines
    this.#column = -1
    try {
      this.#readCells(bytes, start, end)
      this.#column = -1
      this.#rows.endRow(line, end - start)
    } catch (error) {
      const found = this.#placed(error)
      throw this.#shapeError(error) ?? found
    }
  }

  #readCells(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isCsv) this.#readCsv(bytes, start, end)
    else this.#readText(bytes, start, end)
  }

  /** What is wrong with the line as such comes before a value that is no value. */
  #shapeError(error: unknown): unknown {
    const { bytes, start, end, line } = this.#lines
    if (!this.#isCsv && hasMark(bytes, start, end)) {
      return placed(new SqlError('22P04', MARK_CORRUPT), { table: this.#table, line })
    }
    const isOfValue = this.#column >= 0 && (error as SqlError).sqlstate !== '22021'
    if (!isOfValue) return null
    this.#isDry = true
    try {
      this.#readCells(bytes, start, end)
      return null
    } catch (other) {
      const { message } = other as SqlError
      if (message.startsWith('missing data')) return null
      this.#column = -1
      return this.#placed(other)
    } finally {
      this.#isDry = false
    }
  }

  #placed(error: unknown): unknown {
    const { bytes, start, end, line } = this.#lines
    const table = this.#table
    if (isOfLine(error)) return placed(error, { table, line })
    if (this.#column < 0)
      return placed(error, { table, line, text: showText(bytes.subarray(start, end)) })
    const text = showText(this.#valueBytes.subarray(this.#valueStart, this.#valueEnd))
    return placed(error, { table, line, column: this.#rows.names[this.#column], text })
  }

  #readText(bytes: Uint8Array, start: number, end: number): void {
    const count = this.#rows.columns.length
    const delimiter = this.#delimiter
    let at = start
    for (let column = 0; column < count; column++) {
      if (at > end) this.#refuseMissing(column)
      let hasEscape = false
      let to = at
      for (; to < end; to++) {
        const byte = bytes[to]
        if (byte === delimiter) break
        if (byte !== BACKSLASH) continue
        hasEscape = true
        to++
      }
      if (to > end) to = end
      if (this.#isNull(bytes, at, to)) this.#rows.columns[column]!.setNull(this.#rows.rowCount)
      else if (hasEscape) this.#take(column, this.#scratch, 0, this.#unescape(bytes, at, to))
      else this.#take(column, bytes, at, to)
      at = to + 1
    }
    if (at <= end) this.#refuseExtra()
  }

  #readCsv(bytes: Uint8Array, start: number, end: number): void {
    const count = this.#rows.columns.length
    const delimiter = this.#delimiter
    const quote = this.#quote
    let at = start
    for (let column = 0; column < count; column++) {
      if (at > end) this.#refuseMissing(column)
      let to = at
      while (to < end && bytes[to] !== delimiter && bytes[to] !== quote) to++
      if (to < end && bytes[to] === quote) {
        const length = this.#unquote(bytes, at, end)
        to = this.#valueEnd
        this.#take(column, this.#scratch, 0, length)
      } else if (this.#isNull(bytes, at, to)) {
        this.#rows.columns[column]!.setNull(this.#rows.rowCount)
      } else this.#take(column, bytes, at, to)
      at = to + 1
    }
    if (at > end) return
    // A quote that stays open is what is wrong first.
    for (; at <= end; at = this.#valueEnd + 1) this.#unquote(bytes, at, end)
    this.#refuseExtra()
  }

  #take(column: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#isDry) return
    this.#column = column
    this.#valueBytes = bytes
    this.#valueStart = start
    this.#valueEnd = end
    this.#rows.columns[column]!.takeText(bytes, start, end, this.#rows.rowCount)
    this.#column = -1
  }

  #isNull(bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#nullBytes
    if (end - start !== own.length) return false
    for (let i = 0; i < own.length; i++) if (bytes[start + i] !== own[i]) return false
    return true
  }

  /** A large scratch is used once: builders take large arrays for chunks, which do not change. */
  #reserve(size: number): void {
    if (size > SCRATCH_BYTES) this.#scratch = new Uint8Array(size)
    else if (this.#scratch.length !== SCRATCH_BYTES) this.#scratch = new Uint8Array(SCRATCH_BYTES)
  }

  /** Puts the value into the scratch; its length there. */
  #unescape(bytes: Uint8Array, start: number, end: number): number {
    this.#reserve(end - start)
    const target = this.#scratch
    let length = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (byte !== BACKSLASH || at + 1 === end) {
        target[length++] = byte
        continue
      }
      const letter = bytes[++at]!
      if (letter >= 48 && letter <= 55) {
        const [value, size] = digitsOf(bytes, at, Math.min(end, at + 3), 8)
        target[length++] = value
        at += size - 1
      } else if (letter === 120 && at + 1 < end && digitOf(bytes[at + 1]!) < 16) {
        const [value, size] = digitsOf(bytes, at + 1, Math.min(end, at + 3), 16)
        target[length++] = value
        at += size
      } else if (letter === 46) {
        throw new SqlError('22P04', MARK_CORRUPT)
      } else target[length++] = CONTROLS[letter] ?? letter
    }
    return length
  }

  /** Puts the value into the scratch; its length there. `#valueEnd` is where it ends in the line. */
  #unquote(bytes: Uint8Array, start: number, end: number): number {
    this.#reserve(end - start)
    const target = this.#scratch
    const [quote, escape] = [this.#quote, this.#escape]
    let length = 0
    let isQuoted = false
    let at = start
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (!isQuoted && byte === this.#delimiter) break
      const next = at + 1 < end ? bytes[at + 1]! : -1
      if (isQuoted && byte === escape && (next === escape || next === quote)) {
        target[length++] = next
        at++
      } else if (byte === quote) isQuoted = !isQuoted
      else target[length++] = byte
    }
    if (isQuoted) throw new SqlError('22P04', 'unterminated CSV quoted field')
    this.#valueEnd = at
    return length
  }

  #refuseMissing(column: number): never {
    throw new SqlError('22P04', `missing data for column "${this.#rows.names[column]}"`)
  }

  #refuseExtra(): never {
    throw new SqlError('22P04', 'extra data after last expected column')
  }
}

/** Errors of which the line is told alone. */
function isOfLine(error: unknown): boolean {
  const { sqlstate, message } = error as SqlError
  return sqlstate === '22021' || message === MARK_CORRUPT
}

/** Whether the mark of the end stands in a line of text. */
function hasMark(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at + 1 < end; at++) {
    if (bytes[at] !== BACKSLASH) continue
    at++
    if (bytes[at] === 46) return true
  }
  return false
}

const MARK_CORRUPT = 'end-of-copy marker corrupt'

/** What a letter behind a backslash stands for: \b \f \n \r \t \v. */
const CONTROLS: Readonly<Record<number, number>> = {
  98: 8,
  102: 12,
  110: 10,
  114: 13,
  116: 9,
  118: 11,
}

/** Value of a hexadecimal digit; 16: it is none. */
function digitOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : 16
}

/** The byte that digits from `start` on say, and how many they are. */
function digitsOf(bytes: Uint8Array, start: number, end: number, base: number): [number, number] {
  let value = 0
  let at = start
  for (; at < end && digitOf(bytes[at]!) < base; at++) value = value * base + digitOf(bytes[at]!)
  return [value & 0xff, at - start]
}
