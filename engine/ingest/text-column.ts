// Strings of a column without a JavaScript string each: their UTF-8 one behind the other, and where
// each ends. What parses text (json-column.ts) makes them, and a batch copies them into the kernel as
// they are.

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Immutable; `slice` shares the bytes. */
export class TextColumn {
  readonly bytes: Uint8Array
  /** Where each string ends in `bytes`; it begins where the one before ends. */
  readonly ends: Uint32Array
  /** Where the first one begins. */
  readonly start: number

  /** `bytes` has to be valid UTF-8 between any two ends. */
  constructor(bytes: Uint8Array, ends: Uint32Array, start = 0) {
    this.bytes = bytes
    this.ends = ends
    this.start = start
  }

  get length(): number {
    return this.ends.length
  }

  /** Bytes of all of them. */
  get byteSize(): number {
    return this.startOf(this.length) - this.start
  }

  /** Where string `row` begins; `length`: where the last one ends. */
  startOf(row: number): number {
    return row === 0 ? this.start : this.ends[row - 1]!
  }

  at(row: number): string {
    return decoder.decode(this.bytes.subarray(this.startOf(row), this.ends[row]!))
  }

  /** Rows [from, to). */
  slice(from: number, to: number): TextColumn {
    return new TextColumn(this.bytes, this.ends.subarray(from, to), this.startOf(from))
  }

  /** A copy of these rows, in this order. */
  pick(rows: readonly number[]): TextColumn {
    const size = rows.reduce((sum, row) => sum + this.ends[row]! - this.startOf(row), 0)
    const bytes = new Uint8Array(size)
    const ends = new Uint32Array(rows.length)
    let at = 0
    for (const [i, row] of rows.entries()) {
      const text = this.bytes.subarray(this.startOf(row), this.ends[row]!)
      bytes.set(text, at)
      ends[i] = at += text.length
    }
    return new TextColumn(bytes, ends)
  }
}
