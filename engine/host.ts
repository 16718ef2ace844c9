// What the engine receives from where it runs: the compiled kernel, a storage and everything that
// would make a run differ from the next (clock, randomness, timers). The engine asks for nothing
// else, so a simulated host makes it deterministic.

import type { ScanWorkers } from './scan-workers/task.ts'
import type { ShardStorage } from './storage/storage.ts'

/** Whatever the host's timer gives out; only `clear` looks at it. */
export type TimerHandle = unknown

export interface Timer {
  /** Calls `run` once after about `delayMs`; does not keep a process alive by itself. */
  set(delayMs: number, run: () => void): TimerHandle
  /** A timer that ran or was cleared may be cleared again. */
  clear(handle: TimerHandle): void
}

/** Which rows a shard that is one of several takes (engine/shards/shard-desk.ts). */
export interface WriteFence {
  /** Of its part of the map: what was staged for an older one is refused. */
  readonly epoch: number
  /** From this time on points are other shards'; null: none are. */
  readonly end: bigint | null
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
  /** Other threads that aggregate parts of the storage's files; absent: there are none. */
  readonly scanWorkers?: ScanWorkers | undefined
  /** As it is now; asked in the turn of each batch. Absent: the shard takes all. */
  readonly fence?: WriteFence | undefined
  /** Lets other work run: resolves in a later macrotask. */
  pause(): Promise<void>
}

/** A host with another storage. Its workers read the files of its own, on the disk, where all must be. */
export function withStorage(host: Host, storage: ShardStorage): Host {
  if (storage === host.storage && storage.cold === undefined) return host
  return { ...host, storage, scanWorkers: undefined }
}
