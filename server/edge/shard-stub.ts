// What router and catalog know of a shard's object (shard-object.ts): it answers requests that carry a
// verdict, and takes its place in a database from the catalog. Every call is idempotent, because the
// caller repeats what was not answered.

import type { ShardPort } from '../../engine/shards/shard-port.ts'
import type { EngineMetrics } from '../../engine/metrics.ts'
import type { ServerCounts } from '../metrics.ts'

/** Which part of which database an object holds. */
export interface Assignment {
  readonly database: string
  /** The object's name, unique for all time: a database that is made again gets another one. */
  readonly shard: string
  /** Of the map that names it first. */
  readonly epoch: number
}

/** What /metrics shows of an object. */
export interface ShardNumbers {
  readonly engine: EngineMetrics
  readonly counts: ServerCounts
}

/** The calls of a shard's object over RPC. What they throw arrives as a plain Error. */
export interface ShardStub extends ShardPort {
  /**
   * The REST API over the object's own database. Without a verdict (verdict.ts) it is a 403; an object
   * that is not assigned to the verdict's database answers STALE, having read nothing of the body.
   */
  fetch(request: Request): Promise<Response>
  /** Takes its place, durably; the same again does nothing. */
  assign(assignment: Assignment): Promise<void>
  /** Removes all that it holds, its place included: from then on it answers STALE. */
  erase(): Promise<void>
  /** Its numbers; waking it for them costs a start. */
  metrics(): Promise<ShardNumbers>
}

/** Status of an answer to whoever has an old map (421 Misdirected Request). */
export const STALE = 421

/** An object's answer to a request that is not for it. */
export function staleAnswer(): Response {
  return new Response(null, { status: STALE, headers: { 'OmenDB-Stale': '1' } })
}

/** True for the answer of an object that is not, or no longer, what the map says. */
export function isStale({ status, headers }: Response): boolean {
  return status === STALE && headers.has('OmenDB-Stale')
}
