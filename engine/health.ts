// Whether a shard is well: what its rooms know of failures, in one word and one line.

import type { Health } from './database-types.ts'
import { messageOf } from './error.ts'
import type { Shard } from './shard.ts'

/** The health of a shard that answers. */
export function healthOf({ failure, warning }: Pick<Shard, 'failure' | 'warning'>): Health {
  if (failure === null && warning !== null) return { status: 'warn', message: warning }
  if (failure === null) return { status: 'pass', message: 'ready' }
  const message = messageOf(failure.error)
  return { status: 'warn', message: failure.isFatal ? `reads only: ${message}` : message }
}
