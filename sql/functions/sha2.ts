// SHA-2 with 32-bit words (224, 256) and with 64-bit ones (384, 512), without a host's cryptography:
// bytes in, digest out, on all hosts alike. It names and checks; no secret passes here.
// Source: FIPS 180-4. Its constants are the first bits of roots of primes.

const PRIMES_COUNT = 80

function primes(count: number): bigint[] {
  const found: bigint[] = []
  for (let next = 2n; found.length < count; next++) {
    if (found.every((prime) => next % prime !== 0n)) found.push(next)
  }
  return found
}

/** The greatest integer whose `degree`-th power is not above the value. */
function root(value: bigint, degree: bigint): bigint {
  let [low, high] = [0n, 1n << 80n]
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (middle ** degree <= value) low = middle
    else high = middle
  }
  return low
}

/** 64 bits behind the point of a prime's root. */
const fraction = (prime: bigint, degree: bigint): bigint =>
  BigInt.asUintN(64, root(prime << (64n * degree), degree))

interface Constants {
  readonly rounds: readonly bigint[]
  readonly first: readonly bigint[]
  readonly second: readonly bigint[]
}

let made: Constants | null = null

/** Of SHA-512; `first` begins it, `second` SHA-384. The others are parts of them. */
function constants(): Constants {
  const list = primes(PRIMES_COUNT)
  made ??= {
    rounds: list.map((prime) => fraction(prime, 3n)),
    first: list.slice(0, 8).map((prime) => fraction(prime, 2n)),
    second: list.slice(8, 16).map((prime) => fraction(prime, 2n)),
  }
  return made
}

/** The message with its padding and its length in bits, which takes two words. */
function padded(bytes: Uint8Array, blockSize: 64 | 128): DataView {
  const blocks = Math.ceil((bytes.length + 1 + blockSize / 8) / blockSize)
  const all = new Uint8Array(blocks * blockSize)
  all.set(bytes)
  all[bytes.length] = 0x80
  const view = new DataView(all.buffer)
  view.setBigUint64(all.length - 8, BigInt(bytes.length) * 8n)
  return view
}

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

function addSmallBlock(state: Int32Array, words: Int32Array, rounds: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const [w, v] = [words[i - 15]!, words[i - 2]!]
    const s0 = turned(w, 7) ^ turned(w, 18) ^ (w >>> 3)
    const s1 = turned(v, 17) ^ turned(v, 19) ^ (v >>> 10)
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1
  }
  let [a, b, c, d, e, f, g, h] = [...state] as [...Eight<number>]
  for (let i = 0; i < 64; i++) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
    const one = (h + s1 + ((e & f) ^ (~e & g)) + rounds[i]! + words[i]!) | 0
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0]
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index]! += word
}

type Eight<T> = [T, T, T, T, T, T, T, T]

const low32 = (word: bigint): number => Number(BigInt.asIntN(32, word))
const high32 = (word: bigint): number => low32(word >> 32n)

function small(bytes: Uint8Array, start: readonly number[], size: number): Uint8Array {
  const state = Int32Array.from(start)
  const rounds = Int32Array.from(constants().rounds.slice(0, 64), high32)
  const view = padded(bytes, 64)
  const words = new Int32Array(64)
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4)
    addSmallBlock(state, words, rounds)
  }
  const digest = new DataView(new ArrayBuffer(32))
  state.forEach((word, index) => digest.setInt32(index * 4, word))
  return new Uint8Array(digest.buffer, 0, size)
}

const u64 = (word: bigint): bigint => BigInt.asUintN(64, word)
const turnedLong = (word: bigint, by: bigint): bigint => (word >> by) | u64(word << (64n - by))

function addLongBlock(
  state: BigUint64Array,
  words: BigUint64Array,
  rounds: readonly bigint[],
): void {
  for (let i = 16; i < 80; i++) {
    const [w, v] = [words[i - 15]!, words[i - 2]!]
    const s0 = turnedLong(w, 1n) ^ turnedLong(w, 8n) ^ (w >> 7n)
    const s1 = turnedLong(v, 19n) ^ turnedLong(v, 61n) ^ (v >> 6n)
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1
  }
  let [a, b, c, d, e, f, g, h] = [...state] as [...Eight<bigint>]
  for (let i = 0; i < 80; i++) {
    const s1 = turnedLong(e, 14n) ^ turnedLong(e, 18n) ^ turnedLong(e, 41n)
    const one = h + s1 + ((e & f) ^ (u64(~e) & g)) + rounds[i]! + words[i]!
    const s0 = turnedLong(a, 28n) ^ turnedLong(a, 34n) ^ turnedLong(a, 39n)
    const two = s0 + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, u64(d + one), c, b, a, u64(one + two)]
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index]! += word
}

function long(bytes: Uint8Array, start: readonly bigint[], size: number): Uint8Array {
  const state = BigUint64Array.from(start)
  const { rounds } = constants()
  const view = padded(bytes, 128)
  const words = new BigUint64Array(80)
  for (let at = 0; at < view.byteLength; at += 128) {
    for (let i = 0; i < 16; i++) words[i] = view.getBigUint64(at + i * 8)
    addLongBlock(state, words, rounds)
  }
  const digest = new DataView(new ArrayBuffer(64))
  state.forEach((word, index) => digest.setBigUint64(index * 8, word))
  return new Uint8Array(digest.buffer, 0, size)
}

/** Digests of 28, 32, 48 and 64 bytes. */
export const SHA2: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  sha224: (bytes) => small(bytes, constants().second.map(low32), 28),
  sha256: (bytes) => small(bytes, constants().first.map(high32), 32),
  sha384: (bytes) => long(bytes, constants().second, 48),
  sha512: (bytes) => long(bytes, constants().first, 64),
}
