// What the engine receives where the platform is the web's: Workers and browsers. Nothing here is asked
// for before a database is opened, because Workers have no random bytes and timers outside a request.

import type { Host } from './host.ts'
import type { ShardStorage } from './storage/storage.ts'

/** A host of web standards over a storage; the clock counts milliseconds. */
export function webHost(module: WebAssembly.Module, storage: ShardStorage): Host {
  return {
    module,
    storage,
    now: () => BigInt(Date.now()) * 1_000_000n,
    random: (target) => void crypto.getRandomValues(target as Uint8Array<ArrayBuffer>),
    timer: {
      set: (delayMs, run) => setTimeout(run, delayMs),
      clear: (handle) => clearTimeout(handle as number),
    },
    pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
  }
}
