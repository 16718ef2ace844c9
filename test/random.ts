// Seeded randomness for tests: the seed in a failure message replays the case.
// Generator: mulberry32 (T. Ettinger, public domain).

export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number from 0 to `bound - 1`. */
  int(bound: number): number
  /** True this often. */
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

export function randomOf(seed: number): Random {
  let state = (seed * 2_654_435_761 + 0x9e3779b9) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (bound: number): number => Math.floor(next() * bound)
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (items) => items[int(items.length)]!,
  }
}
