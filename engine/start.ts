// Opens a shard in a memory of a given size, also when its log was written with larger memtables
// than it may have now: then rows are flushed once from memtables that hold the log, and the shard is
// opened anew with what it is allowed.

import { OmenError } from './error.ts'
import type { Host } from './host.ts'
import { instantiateKernel } from './kernel.ts'
import { parseFileName } from './log/file-name.ts'
import { MEMORY_BYTES_MAX } from './memory-share.ts'
import { Shard } from './shard.ts'
import type { ShardOptions } from './shard-options.ts'

/** Recovers what the storage holds; `memoryBytes` bounds the memory of all that comes after. */
export async function startShard(
  host: Host,
  memoryBytes: number,
  options: ShardOptions,
): Promise<Shard> {
  try {
    return await openShard(host, memoryBytes, options)
  } catch (error) {
    // The one limit that a start knows: memtables that are too small for the log.
    if (!(error instanceof OmenError) || error.code !== 'limit_exceeded') throw error
  }
  await flushLogs(host, memoryBytes, options)
  return openShard(host, memoryBytes, options)
}

async function openShard(host: Host, memoryBytes: number, options: ShardOptions): Promise<Shard> {
  return Shard.open(host, await instantiateKernel(host.module, memoryBytes), options)
}

/** Turns what the logs hold into segments, with memtables that take all of it. */
async function flushLogs(host: Host, memoryBytes: number, options: ShardOptions): Promise<void> {
  const logBytes = sizeOfLogs(host)
  const memtableRowBytes = Math.max(options.memtableRowBytes, logBytes)
  const memtableArenaBytes = Math.max(options.memtableArenaBytes, logBytes)
  const room = 4 * 2 ** Math.ceil(Math.log2(Math.max(1, logBytes)))
  const wide = { ...options, memtableRowBytes, memtableArenaBytes }
  const shard = await openShard(host, Math.min(memoryBytes + room, 2 * MEMORY_BYTES_MAX), wide)
  try {
    await shard.flush()
  } finally {
    await shard.halt()
  }
}

function sizeOfLogs({ storage }: Host): number {
  let size = 0
  for (const name of storage.list()) {
    if (parseFileName(name)?.kind === 'wal') size += storage.size(name)
  }
  return size
}
