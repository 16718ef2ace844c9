// One number, the bytes that kernel memory may grow to, and what each room takes of it unless it is
// told otherwise. What no room claims is for what grows with the data: series, tags, running queries.

import { OmenError } from './error.ts'

/** Bytes of each room. */
export interface MemoryShares {
  /** Of rows, in each of the two memtables. */
  readonly memtableRowBytes: number
  /** Of string values, in each of the two memtables. */
  readonly memtableArenaBytes: number
  /** Log after which the memtable is flushed: about what it holds. */
  readonly logBytes: number
  /** Blocks and directory pages of segments. */
  readonly cacheBytes: number
  /** Uploads that are not stored yet, all together; beyond it their bodies are no longer read. */
  readonly stagingBytes: number
  /** What one query may hold, its answer included. */
  readonly queryBytes: number
}

const MIB = 1 << 20
export const MEMORY_BYTES = 1024 * MIB
/** The kernel's pointers stay positive as 32-bit integers. */
export const MEMORY_BYTES_MAX = 2048 * MIB
export const MEMORY_BYTES_MIN = 16 * MIB

/** The shares of a memory of `memoryBytes`, as powers of two because the allocator gives those. */
export function shareMemory(memoryBytes: number): MemoryShares {
  const share = (parts: number): number => 2 ** Math.floor(Math.log2(memoryBytes / parts))
  return {
    memtableRowBytes: share(16),
    memtableArenaBytes: share(32),
    logBytes: share(16),
    cacheBytes: share(8),
    stagingBytes: share(16),
    queryBytes: share(4),
  }
}

/** At most so many threads scan beside the one that asks. */
export const SCAN_WORKERS_MAX = 4

/**
 * What the engine itself has of a memory when `workers` threads aggregate with kernels of their own.
 * Throws `bad_request` for more than SCAN_WORKERS_MAX, or a share that is too small.
 */
export function shareWithWorkers(
  memoryBytes: number,
  workers: number,
): { readonly own: number; readonly worker: number } {
  if (!Number.isInteger(workers) || workers < 0 || workers > SCAN_WORKERS_MAX) {
    const range = `between 0 and ${SCAN_WORKERS_MAX}`
    throw new OmenError('bad_request', `scan workers: ${workers} is not a whole number ${range}`)
  }
  const worker = Math.floor(memoryBytes / 8)
  if (worker < MEMORY_BYTES_MIN) {
    const message = `scan workers: an eighth of ${memoryBytes} bytes is less than ${MEMORY_BYTES_MIN}`
    throw new OmenError('bad_request', message)
  }
  return { own: memoryBytes - workers * worker, worker }
}

/** Throws `bad_request` when the rooms leave nothing of the memory, or it is none that can be had. */
export function checkShares(memoryBytes: number, shares: MemoryShares): void {
  if (!(memoryBytes >= MEMORY_BYTES_MIN && memoryBytes <= MEMORY_BYTES_MAX)) {
    const range = `between ${MEMORY_BYTES_MIN} and ${MEMORY_BYTES_MAX}`
    throw new OmenError('bad_request', `memory: ${memoryBytes} bytes are not ${range}`)
  }
  for (const name of Object.keys(shareMemory(memoryBytes)) as (keyof MemoryShares)[]) {
    const bytes = shares[name]
    if (bytes > 0) continue
    throw new OmenError('bad_request', `memory: ${name} is ${bytes}, not a number of bytes`)
  }
  const { memtableRowBytes, memtableArenaBytes, cacheBytes, stagingBytes } = shares
  const claimed = 2 * (memtableRowBytes + memtableArenaBytes) + cacheBytes + stagingBytes
  if (claimed <= memoryBytes * 0.9) return
  const message = `memory: memtables, cache and staging take ${claimed} of ${memoryBytes} bytes, a tenth must be left`
  throw new OmenError('bad_request', message)
}
