// A column of 64-bit integers that is written as two words a value: a bigint for each would be made
// only to be thrown away.

const WORD = 2 ** 32
const HALF = 2 ** 16
const BILLION = 1e9

export class WordColumn {
  readonly values: BigInt64Array
  readonly #words: Int32Array

  constructor(rows: number) {
    this.values = new BigInt64Array(rows)
    this.#words = new Int32Array(this.values.buffer)
  }

  setWords(row: number, high: number, low: number): void {
    this.#words[2 * row] = low
    this.#words[2 * row + 1] = high
  }

  /** A safe integer. */
  setNumber(row: number, value: number): void {
    const high = Math.floor(value / WORD)
    this.setWords(row, high, value - high * WORD)
  }

  /** `seconds` × 10⁹ + `nanoseconds`, which 64 bits hold. All parts of it are exact in doubles. */
  setTime(row: number, seconds: number, nanoseconds: number): void {
    const upper = Math.floor(seconds / HALF)
    const lower = (seconds - upper * HALF) * BILLION + nanoseconds
    const scaled = upper * BILLION
    const high = Math.floor(scaled / HALF)
    const low = (scaled - high * HALF) * HALF + lower
    const carry = Math.floor(low / WORD)
    this.setWords(row, high + carry, low - carry * WORD)
  }
}
