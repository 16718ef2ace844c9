// A host whose runs are equal for equal seeds: the clock moves one millisecond a reading, random
// bytes come from the seed, timers run only when the test says so.

import type { Host } from '../engine/host.ts'
import type { ShardStorage } from '../engine/storage/storage.ts'
import { compiled } from './kernel-module.ts'
import { seededRandom } from './random.ts'

export interface SimulatedHost extends Host {
  /** Runs every timer that was set and not cleared. */
  fireTimers(): void
  /** What the clock showed last. */
  readonly time: bigint
  /** Moves the clock. */
  advance(nanoseconds: bigint): void
}

/** Of a database so small that flushes and evictions happen. */
export const SMALL_OPTIONS = {
  memtableRowBytes: 1 << 20,
  memtableArenaBytes: 1 << 20,
  cacheBytes: 1 << 20,
  logBytes: 1 << 22,
  // The simulated clock moves with every reading.
  limits: { timeoutMs: 1e12 },
}

/** Of one that a few rows fill, so that a short script meets every storage call. */
export const TINY_OPTIONS = {
  memoryBytes: 32 << 20,
  memtableRowBytes: 1 << 14,
  memtableArenaBytes: 1 << 12,
  logBytes: 1 << 14,
  cacheBytes: 1 << 20,
}

/** 2026-11-22T00:00:00Z, where the clock starts. */
export const CLOCK_START = 1_795_305_600_000_000_000n

export async function simulatedHost(storage: ShardStorage, seed = 1): Promise<SimulatedHost> {
  const random = seededRandom(seed)
  const timers = new Set<() => void>()
  let now = CLOCK_START
  return {
    module: await compiled,
    storage,
    now: () => (now += 1_000_000n),
    random: (target) => {
      for (let i = 0; i < target.length; i++) target[i] = Math.floor(random() * 256)
    },
    timer: {
      set: (_delayMs, run) => {
        timers.add(run)
        return run
      },
      clear: (handle) => void timers.delete(handle as () => void),
    },
    pause: () => Promise.resolve(),
    get time() {
      return now
    },
    advance(nanoseconds) {
      now += nanoseconds
    },
    fireTimers() {
      const due = [...timers]
      timers.clear()
      for (const run of due) run()
    },
  }
}
