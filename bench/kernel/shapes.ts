// The data of the kernel's benchmarks, by seed, so that every run and every kernel codes the same.

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const random = randomOf(1)

let percent = 50
function walk(): number {
  percent = Math.max(0, Math.min(100, percent + Math.floor(random() * 3) - 1))
  return percent
}

let level = 0
function step(): number {
  if (random() < 0.01) level = Math.floor(random() * 1000) / 10
  return level
}

/** Doubles: their name and the next one. */
export const floatShapes: readonly [string, () => number][] = [
  ['CPU percent (walk)', walk],
  ['2 decimals', () => Math.round(random() * 3000) / 100],
  ['constant', () => 42.5],
  ['step gauge', step],
  ['float32', () => Math.fround(20 + random())],
  ['32-bit fractions', random],
]

/** Integers: their name and the one of row `i`. */
export const integerShapes: readonly [string, (i: number) => bigint][] = [
  ['counter', (i) => BigInt(i) * 1_234n],
  ['noisy counter', (i) => BigInt(i) * 1_234n + BigInt(Math.floor(random() * 1_000))],
  ['20-bit integers', () => BigInt(Math.floor(random() * 2 ** 20))],
]

const START = 1_790_000_000_000_000_000n
const MS = 1_000_000n

/** A number of the exponential distribution with mean 1, of the standard normal one. */
const exponential = (): number => -Math.log(1 - random())
const normal = (): number => Math.sqrt(2 * exponential()) * Math.cos(2 * Math.PI * random())

/** Bursts of 50 events on average, a millisecond apart on average, with 10 s between. */
const bursts = (): bigint =>
  BigInt(Math.ceil(exponential() * (random() < 0.02 ? 1e7 : 1e3))) * 1_000n

/** A clock of a second that stops for up to a day once in 5,000 times. */
const gapped = (): bigint =>
  (random() < 0.0002 ? BigInt(Math.ceil(random() * 86_400)) : 1n) * 1_000n * MS

/** Times: steps that add up, or distances from a clock of one second. */
export const timeShapes: readonly [string, 'steps' | 'jitter', () => bigint][] = [
  ['regular 10 s', 'steps', () => 10_000n * MS],
  ['jittered ±20 ms', 'jitter', () => BigInt(Math.floor(random() * 40) - 20) * MS],
  ['1 % missing', 'steps', () => (random() < 0.01 ? 2_000n : 1_000n) * MS],
  ['gapped', 'steps', gapped],
  ['bursty, µs', 'steps', bursts],
  ['Poisson, ms', 'steps', () => BigInt(Math.ceil(exponential() * 1e3)) * MS],
  ['Poisson, µs', 'steps', () => BigInt(Math.ceil(exponential() * 1e6)) * 1_000n],
  ['lognormal, µs', 'steps', () => BigInt(Math.ceil(Math.exp(normal()) * 1e6)) * 1_000n],
]

/** `count` times of a shape. */
export function makeTimes(
  count: number,
  kind: 'steps' | 'jitter',
  next: () => bigint,
): BigInt64Array {
  const times = new BigInt64Array(count)
  let at = START
  for (let i = 0; i < count; i++) {
    times[i] = kind === 'jitter' ? START + BigInt(i) * 1_000n * MS + next() : (at += next())
  }
  return times
}
