// A database in the thread that calls, in a browser: in memory anywhere, in the origin private file
// system in dedicated workers, the only place that has synchronous access to it.

import { type Database, type OpenOptions, openDatabase } from './database.ts'
import { OmenError } from './error.ts'
import { messagePause } from './message-pause.ts'
import { openMemoryStorage } from './storage/memory.ts'
import type { OpfsDirectory, OpfsLocks } from './storage/opfs-handle.ts'
import { openOpfsStorage } from './storage/opfs.ts'
import type { ShardStorage } from './storage/storage.ts'
import { webHost } from './web-host.ts'

/** A page is not alone in its process. */
const MEMORY_BYTES = 256 << 20

/** Opens `memory:` or `opfs:name` with the compiled kernel. Throws OmenError as `open` of the entries says. */
export async function openBrowserDatabase(
  module: WebAssembly.Module,
  location: string,
  options: OpenOptions = {},
): Promise<Database> {
  const pause = messagePause()
  const storage = await openStorage(location, pause)
  try {
    const host = { ...webHost(module, storage), pause }
    return await openDatabase(host, { memoryBytes: MEMORY_BYTES, ...options })
  } catch (error) {
    await storage.close()
    throw error
  }
}

function openStorage(
  location: string,
  pause: () => Promise<void>,
): Promise<ShardStorage> | ShardStorage {
  if (location === 'memory:') return openMemoryStorage()
  if (location.startsWith('opfs:')) return openOpfs(location, pause)
  const offered = `browsers offer 'memory:' and 'opfs:name'`
  throw new OmenError('unsupported', `location '${location}': ${offered}`)
}

async function openOpfs(location: string, pause: () => Promise<void>): Promise<ShardStorage> {
  const { storage, locks } = navigator
  if (typeof storage?.getDirectory !== 'function' || locks === undefined) {
    const needs =
      'needs a page from https: or localhost, in a browser with the file system of origins'
    throw new OmenError('unsupported', `${location}: ${needs}`)
  }
  if (!('createSyncAccessHandle' in FileSystemFileHandle.prototype)) {
    const where = `opens in a dedicated worker; 'open' of 'omendb' starts one`
    throw new OmenError('unsupported', `${location}: ${where}`)
  }
  const root = await storage.getDirectory().catch((cause: unknown) => {
    // Private windows of some browsers have none.
    throw new OmenError('unavailable', `${location}: the browser gives no file system`, { cause })
  })
  return openOpfsStorage(location.slice('opfs:'.length), {
    root: root as unknown as OpfsDirectory,
    locks: locks as OpfsLocks,
    pause,
    sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
  })
}
