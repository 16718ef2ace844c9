// COPY's binary format → rows.
// Source: PostgreSQL 15, src/backend/commands/copyfromparse.c, and its manual, COPY, "Binary Format".

import { SqlError } from '../../sql-error.ts'
import { placed } from './copy-place.ts'
import { type CopyReader, LINE_BYTES_MAX } from './copy-format.ts'
import type { RowBuilder } from './row-builder.ts'

/** `PGCOPY\n\377\r\n\0` */
export const SIGNATURE = [80, 71, 67, 79, 80, 89, 10, 255, 13, 10, 0] as const
const HEADER_BYTES = SIGNATURE.length + 8
/** Of the flags: those that a reader has to know. */
const CRITICAL = 0xffff0000
const HAS_OIDS = 1 << 16

export class BinaryReader implements CopyReader {
  readonly #table: string
  readonly #rows: RowBuilder
  #bytes = new Uint8Array()
  #view = new DataView(this.#bytes.buffer)
  #at = 0
  #hasHeader = true
  #isOver = false
  /** Number of the row that is being read, from 1. */
  #line = 0
  #column = -1

  constructor(table: string, rows: RowBuilder) {
    this.#table = table
    this.#rows = rows
  }

  *push(chunk: Uint8Array): Generator<undefined, void> {
    this.#append(chunk)
    if (this.#hasHeader && !this.#readHeader()) return
    while (this.#readRow()) if (this.#rows.isFull) yield
    this.#keep()
    if (this.#isOver && this.#bytes.length > 0) {
      throw this.#placed(new SqlError('22P04', 'received copy data after EOF marker'))
    }
  }

  // oxlint-disable-next-line require-yield -- nothing is left to be read
  *end(): Generator<undefined, void> {
    if (this.#isOver) return
    if (this.#hasHeader) {
      throw new SqlError('22P04', this.#missingOfHeader())
    }
    // As in PostgreSQL, data may end without its mark between two rows.
    if (this.#at === this.#view.byteLength) return
    this.#line++
    throw this.#placed(new SqlError('22P04', 'unexpected EOF in COPY data'))
  }

  #missingOfHeader(): string {
    const size = this.#bytes.length
    if (size < SIGNATURE.length) return 'COPY file signature not recognized'
    if (size >= HEADER_BYTES) return 'invalid COPY file header (wrong length)'
    const part = size < SIGNATURE.length + 4 ? 'flags' : 'length'
    return `invalid COPY file header (missing ${part})`
  }

  #append(chunk: Uint8Array): void {
    const left = this.#bytes.length
    if (left > LINE_BYTES_MAX) {
      throw this.#placed(new SqlError('54000', `a row is longer than ${LINE_BYTES_MAX >> 20} MiB`))
    }
    const bytes = new Uint8Array(left + chunk.length)
    bytes.set(this.#bytes)
    bytes.set(chunk, left)
    this.#setBytes(bytes)
  }

  /** What is left of a chunk is kept. */
  #keep(): void {
    this.#setBytes(this.#bytes.slice(this.#at))
  }

  #setBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = 0
  }

  /** False: it is not whole yet. */
  #readHeader(): boolean {
    const view = this.#view
    const size = Math.min(view.byteLength, SIGNATURE.length)
    for (let i = 0; i < size; i++) {
      if (view.getUint8(i) === SIGNATURE[i]) continue
      throw new SqlError('22P04', 'COPY file signature not recognized')
    }
    if (view.byteLength < HEADER_BYTES) return false
    const flags = view.getUint32(SIGNATURE.length)
    if ((flags & HAS_OIDS) !== 0) {
      throw new SqlError('22P04', 'invalid COPY file header (WITH OIDS)')
    }
    if ((flags & CRITICAL) !== 0) {
      throw new SqlError('22P04', 'unrecognized critical flags in COPY file header')
    }
    const extension = view.getInt32(SIGNATURE.length + 4)
    if (extension < 0) {
      throw new SqlError('22P04', 'invalid COPY file header (missing length)')
    }
    if (view.byteLength < HEADER_BYTES + extension) return false
    this.#at = HEADER_BYTES + extension
    this.#hasHeader = false
    return true
  }

  /** False: it is not whole yet, or there is no more. */
  #readRow(): boolean {
    const view = this.#view
    const start = this.#at
    if (this.#isOver || start + 2 > view.byteLength) return false
    const count = view.getInt16(start)
    if (count === -1) {
      this.#isOver = true
      this.#at = start + 2
      return false
    }
    this.#column = -1
    this.#checkCount(count)
    if (!this.#isWhole(start + 2, count)) return false
    this.#line++
    try {
      this.#readFields(start + 2, count)
      this.#column = -1
      this.#rows.endRow(this.#line, this.#at - start)
    } catch (error) {
      throw this.#placed(error)
    }
    return true
  }

  #checkCount(count: number): void {
    const expected = this.#rows.columns.length
    if (count === expected) return
    this.#line++
    const message = `row field count is ${count}, expected ${expected}`
    throw this.#placed(new SqlError('22P04', message))
  }

  #isWhole(start: number, count: number): boolean {
    const view = this.#view
    let at = start
    for (let i = 0; i < count; i++) {
      if (at + 4 > view.byteLength) return false
      const size = view.getInt32(at)
      at += 4 + Math.max(size, 0)
      if (at > view.byteLength) return false
    }
    return true
  }

  #readFields(start: number, count: number): void {
    const { columns, rowCount } = this.#rows
    const view = this.#view
    let at = start
    for (let i = 0; i < count; i++) {
      this.#column = i
      const size = view.getInt32(at)
      at += 4
      if (size === -1) {
        columns[i]!.setNull(rowCount)
        continue
      }
      if (size < 0) throw new SqlError('22P04', 'invalid field size')
      columns[i]!.takeBinary(view, at, at + size, rowCount)
      at += size
    }
    this.#at = at
  }

  #placed(error: unknown): unknown {
    const column = this.#column < 0 ? undefined : this.#rows.names[this.#column]
    return placed(error, { table: this.#table, line: this.#line, column })
  }
}
