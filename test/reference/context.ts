// What random questions are asked with.

import type { QueryContext } from '../../engine/query/request.ts'

/** Of questions that no limit refuses. */
export function unlimitedContext(now: bigint): QueryContext {
  return {
    database: 'default',
    now,
    limits: { maxPoints: 1e9, maxBuckets: 1e9, queryBytes: 2 ** 40, timeoutMs: 1e6 },
    limit: { default: 1_000_000, max: 1_000_000 },
  }
}
