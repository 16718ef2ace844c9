// A client that is told to come back later, and does.

import { setImmediate as nextMacrotask } from 'node:timers/promises'

/** Does it again while the engine says `busy`, as a client does after a 429. */
export async function patiently<Result>(action: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await action()
    } catch (error) {
      if ((error as { code?: string }).code !== 'busy') throw error
      await nextMacrotask()
    }
  }
}
