// What the engine gets from the object that it runs in. Pauses are timeouts of nothing: 9 µs in
// workerd, in which other requests of the object go on. The clock stands still while a turn computes,
// so deadlines are met at the next pause; nothing here measures time within one.

import type { Host, Timer } from '../../engine/host.ts'
import type { ShardStorage } from '../../engine/storage/storage.ts'

export interface ObjectHost extends Host {
  /** Whether something waits for its next turn. */
  readonly isPausing: boolean
}

/** The host of a shard in an object. */
export function objectHost(
  module: WebAssembly.Module,
  storage: ShardStorage,
  timer: Timer,
): ObjectHost {
  let pauses = 0
  return {
    module,
    storage,
    timer,
    now: () => BigInt(Date.now()) * 1_000_000n,
    random: (target) => void crypto.getRandomValues(target),
    pause: async () => {
      pauses++
      await new Promise((resolve) => setTimeout(resolve, 0))
      pauses--
    },
    get isPausing() {
      return pauses > 0
    },
  }
}
