// Floats of every kind that printing has a way for, for tests and the long check by hand.

type Random = () => number

const words = new Uint32Array(2)
const double = new Float64Array(words.buffer)
const bits = new BigUint64Array(words.buffer)

function ofBits(low: number, high: number): number {
  words[0] = low
  words[1] = high
  return double[0]!
}

const word = (random: Random): number => Math.floor(random() * 2 ** 32)
const upTo = (random: Random, limit: number): number => Math.floor(random() * limit)

/** Makers of one float each. */
export const FLOAT_SHAPES: Readonly<Record<string, (random: Random) => number>> = {
  'any bits': (random) => ofBits(word(random), word(random)),
  'any bits of common size': (random) =>
    ofBits(word(random), ((upTo(random, 80) + 980) << 20) | upTo(random, 2 ** 20)),
  'few bits': (random) =>
    ofBits(word(random) & word(random) & word(random), (upTo(random, 2047) << 20) | 0x80000),
  denormals: (random) => ofBits(word(random), upTo(random, 2 ** upTo(random, 21))),
  'decimals of up to 15 digits': (random) =>
    upTo(random, 10 ** (1 + upTo(random, 15))) / 10 ** upTo(random, 18),
  'decimals of 16 and 17 digits': (random) =>
    Number(`${upTo(random, 1e8)}.${String(upTo(random, 1e9)).padStart(9, '0')}`),
  'decimals with exponents': (random) => Number(`${upTo(random, 1e6)}e${upTo(random, 600) - 300}`),
  integers: (random) => upTo(random, 2 ** 53) * (random() < 0.5 ? -1 : 1),
  'integers beyond 2^53': (random) => upTo(random, 2 ** 53) * 2 ** upTo(random, 40),
  'numbers from 0 to 100': (random) => random() * 100,
  'single precision': (random) => Math.fround(random() * 1000),
}

/** Zeros, extremes, what is no number, powers of 2 and 10 with their neighbours, halves between digits. */
export function edgeFloats(): number[] {
  const edges = [0, NaN, Infinity, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53 + 2, 2 / 3]
  const neighbours = (value: number): void => {
    double[0] = value
    const at = bits[0]!
    for (const near of [-1n, 0n, 1n]) {
      bits[0] = at + near
      edges.push(double[0])
    }
  }
  for (let power = -1073; power < 1024; power++) neighbours(2 ** power)
  for (let power = -322; power < 309; power++) {
    for (const digits of ['1', '5', '9.5', '1.25', '9.999999999999999']) {
      neighbours(Number(`${digits}e${power}`))
    }
  }
  return edges
}
