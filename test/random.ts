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

/** mulberry32: seeded numbers in [0, 1), equal on every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function randomOf(seed: number): Random {
  const next = seededRandom(seed * 2_654_435_761 + 0x9e3779b9)
  const int = (bound: number): number => Math.floor(next() * bound)
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (items) => items[int(items.length)]!,
  }
}

/** Seeds of a differential test: `OMENDB_SEEDS=from-to`, or 1 to `count`. */
export function seedsOf(count: number): number[] {
  const [from, to] = (process.env['OMENDB_SEEDS'] ?? `1-${count}`).split('-').map(Number)
  return Array.from({ length: (to ?? from!) - from! + 1 }, (_, i) => from! + i)
}
