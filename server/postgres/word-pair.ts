// Integers of 64 bits as two words of 32 bits: what rows are made of by the million costs no bigint then.
// Words lie as on every machine that runs this, the lower first.

const WORD = 2 ** 32
/** Nanoseconds within it have microseconds that a double holds: years 1823 to 2116. */
const HIGH_MAX = 2 ** 30

/** Both words of each integer: at `2 * row` the lower, behind it the higher. */
export const wordsOf = (values: BigInt64Array): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, 2 * values.length)

/** Whether `microsecondsOf` is exact. */
export const isNear = (high: number): boolean => high > -HIGH_MAX && high < HIGH_MAX

/** Nanoseconds of two words → microseconds, rounded down. */
export function microsecondsOf(high: number, low: number): number {
  const thousands = Math.floor(high / 1000)
  const rest = (high - thousands * 1000) * WORD + (low >>> 0)
  return thousands * WORD + Math.floor(rest / 1000)
}

/** What is left of them below a microsecond: 0 to 999. */
export const belowMicroseconds = (high: number, low: number): number => {
  const thousands = Math.floor(high / 1000)
  return ((high - thousands * 1000) * WORD + (low >>> 0)) % 1000
}

/** Writes an integer that a double holds as 64 bits, the higher first. */
export function putInteger(bytes: Uint8Array, at: number, value: number): void {
  putWords(bytes, at, Math.floor(value / WORD), value | 0)
}

export function putWords(bytes: Uint8Array, at: number, high: number, low: number): void {
  putWord(bytes, at, high)
  putWord(bytes, at + 4, low)
}

export function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}
