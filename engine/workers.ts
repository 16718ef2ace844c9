// Entry for Workers: the kernel comes as a compiled module, because Workers compile nothing at run
// time. Call `open` inside a request or an object: random bytes and timers are not there before.

import { type Database, type OpenOptions, openDatabase } from './database.ts'
import { OmenError } from './error.ts'
import module from './omendb.wasm'
import { openMemoryStorage } from './storage/memory.ts'
import { webHost } from './web-host.ts'

export * from './public.ts'

const MIB = 1 << 20
/** An isolate has 128 MB for everything. */
const WORKER_OPTIONS: OpenOptions = {
  memoryBytes: 96 * MIB,
  memtableRowBytes: 8 * MIB,
  memtableArenaBytes: 4 * MIB,
  logBytes: 8 * MIB,
  cacheBytes: 24 * MIB,
}

/** Opens `memory:`, the only location here: what it holds ends with the isolate. */
export async function open(location: string, options: OpenOptions = {}): Promise<Database> {
  if (location !== 'memory:') {
    throw new OmenError('unsupported', `location '${location}': Workers offer 'memory:'`)
  }
  return openDatabase(webHost(module, openMemoryStorage()), { ...WORKER_OPTIONS, ...options })
}
