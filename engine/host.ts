// What the engine receives from where it runs: the compiled kernel, a storage and everything that
// would make a run differ from the next (clock, randomness, timers). The engine asks for nothing
// else, so a simulated host makes it deterministic.

import type { ShardStorage } from './storage/storage.ts'

/** Whatever the host's timer gives out; only `clear` looks at it. */
export type TimerHandle = unknown

export interface Timer {
  /** Calls `run` once after about `delayMs`; does not keep a process alive by itself. */
  set(delayMs: number, run: () => void): TimerHandle
  /** A timer that ran or was cleared may be cleared again. */
  clear(handle: TimerHandle): void
}

export interface Host {
  /** The kernel, compiled: Workers forbid compiling from bytes. */
  readonly module: WebAssembly.Module
  readonly storage: ShardStorage
  /** Wall clock: nanoseconds since 1970, UTC. May step back. */
  now(): bigint
  /** Fills `target` with cryptographically strong random bytes. */
  random(target: Uint8Array): void
  readonly timer: Timer
  /** Lets other work run: resolves in a later macrotask. */
  pause(): Promise<void>
}
