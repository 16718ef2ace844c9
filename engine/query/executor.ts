// The one executor: a Query becomes an Answer in steps that a synchronous or an asynchronous driver
// runs. Planning is pure (plan.ts); scanning, filtering and aggregating happen in the kernel, chunk by
// chunk; here is only what holds them together.

import { answerBuckets } from './downsample.ts'
import { executeLatest } from './latest.ts'
import { planSteps } from './plan.ts'
import type { Answer, Query } from './query.ts'
import { executeRaw } from './raw.ts'
import { executeSampled } from './sampled.ts'
import { ScanBuckets } from './scan-buckets.ts'
import { Scan, type Snapshot } from './scan.ts'
import type { Region } from '../memory.ts'
import type { Execution } from '../step.ts'
import type { Tally } from './tally.ts'

/**
 * Answers a query over a snapshot that the caller holds until then. Throws what planQuery throws,
 * `limit_exceeded`, `out_of_range` (a sum), and what reading and the driver's check may throw.
 */
export function* answerQuery(query: Query, snapshot: Snapshot): Execution<Answer> {
  const plan = yield* planSteps(query, snapshot.catalog, {
    keepsTags: true,
    rollups: snapshot.rollups,
  })
  const scan = new Scan(snapshot, plan)
  try {
    return yield* answerPlan(scan)
  } finally {
    scan.release()
  }
}

/** Runs the plan of a scan. */
export function* answerPlan(scan: Scan): Execution<Answer> {
  const { table, columns, series, rowCount, cursor } = yield* countReads(
    executionOf(scan),
    scan.tally,
  )
  return { table, columns, series, rowCount, cursor, stats: scan.stats() }
}

function executionOf(scan: Scan): Execution<Answer> {
  if (scan.plan.query.kind === 'latest') return executeLatest(scan)
  if (scan.plan.isAggregate) return answerBuckets(new ScanBuckets(scan))
  return scan.plan.query.sampling === null ? executeRaw(scan) : executeSampled(scan)
}

/** Passes the steps of an execution on, and errors of the driver in, adding up what is read. */
export function* countReads<T>(execution: Execution<T>, tally: Tally): Execution<T> {
  let result = execution.next()
  try {
    while (!result.done) {
      const step = result.value
      if ('read' in step) tally.bytesRead += step.read.size
      let answer: Region
      try {
        answer = yield step
      } catch (error) {
        result = execution.throw(error)
        continue
      }
      result = execution.next(answer)
    }
    return result.value
  } finally {
    // Abandoned: what the execution holds is given back all the same.
    if (!result.done) execution.return(undefined as never)
  }
}
