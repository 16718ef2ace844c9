// What the tests of several shards do as clients do it.

import type { Database } from '../../../engine/database.ts'
import { OmenError } from '../../../engine/error.ts'
import { Lost } from './deployment.ts'

const encoder = new TextEncoder()

/** Writes line protocol with times in nanoseconds; how many points. */
export async function write(
  target: Pick<Database, 'batch'>,
  text: string,
  partial = false,
): Promise<number> {
  const batch = target.batch({ precision: 'ns', partial })
  try {
    batch.lineProtocol(encoder.encode(text))
    return (await batch.commit()).written
  } finally {
    batch.discard()
  }
}

/** Does it again after whatever may pass. */
export async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error) || attempt > 20) throw error
    }
  }
}

export const PASSING: ReadonlySet<string> = new Set(['unavailable', 'busy', 'internal'])

export function isPassing(error: unknown): boolean {
  return error instanceof Lost || (error instanceof OmenError && PASSING.has(error.code))
}
