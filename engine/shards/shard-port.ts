// What a coordinator calls on a shard, wherever that is: in this process, in a Durable Object. Values
// are plain, so that structured clone carries them, errors included. Every call names the epoch of the
// caller's map: a shard whose part of the map has changed since refuses it and brings the newer map.

import type { DeleteOptions, TableDescription } from '../database-types.ts'
import { type ErrorCode, type ErrorDetails, OmenError, messageOf } from '../error.ts'
import type { Ack } from '../ingest/batch.ts'
import type { TableSettings } from '../lifecycle/settings.ts'
import type { ShardReadPort } from './read-port.ts'
import type { ShardMap } from './shard-map.ts'

/** Who calls: the database, and the epoch of the map that the call was made by. */
export interface ShardCall {
  readonly database: string
  readonly epoch: number
}

/** The caller's map is older than what this shard holds by now. */
export interface WrongEpoch {
  readonly kind: 'wrongEpoch'
  /** The least epoch that the shard answers. */
  readonly epoch: number
  /** The newer map; null if the shard does not have it yet: ask the catalog, which finishes the change. */
  readonly map: ShardMap | null
}

/** An OmenError, as a plain value. */
export interface ShardFailure {
  readonly kind: 'failed'
  readonly code: ErrorCode
  readonly message: string
  readonly details: Omit<ErrorDetails, 'cause'>
}

export type ShardReply<T> = { readonly kind: 'done'; readonly value: T } | WrongEpoch | ShardFailure

/** A table with everything that was set of it: what `putTable` takes. */
export interface DeclaredTable {
  readonly name: string
  readonly settings: TableSettings
}

/** What goes away on all shards at once; each shard takes the new epoch with it. */
export type Removal =
  | { readonly kind: 'table'; readonly table: string }
  | { readonly kind: 'column'; readonly table: string; readonly column: string }
  | { readonly kind: 'database' }

/** What a split asks of a shard: the epoch that it will be at, and marks that its fence keeps to. */
export interface FenceRequest {
  readonly database: string
  /** Epoch of the map after the split. */
  readonly epoch: number
  /** The fence is a multiple of it, nanoseconds, and of buckets of rollups (fence-width.ts). */
  readonly widthNs: bigint
  /** And later than this: the time from which on the shard has its slots. */
  readonly after: bigint
}

export interface Fenced {
  /** The shard holds no point at or after it, and never will. */
  readonly fence: bigint
  /** Its tables at that time, with types, retention and rollups. */
  readonly tables: readonly DeclaredTable[]
}

/** What a shard has of a table: `series` are the hashes of its series' tags, which may be elsewhere too. */
export interface TableShare {
  readonly description: TableDescription
  readonly series: BigUint64Array
}

export interface TableCount {
  readonly name: string
  readonly points: number
  readonly series: BigUint64Array
}

/** How much work a shard has, for whoever decides about splits. */
export interface ShardLoad {
  /** Points written since the shard started, and when that was asked (nanoseconds). */
  readonly points: number
  readonly at: bigint
  /** Bytes of the log and of segments that are not in an object store. */
  readonly bytes: number
}

/** The writing and administering side of a shard. All of it may be called again after any failure. */
export interface ShardWritePort {
  /** Stores the points of a shipment (shipment.ts), all or none: how many. */
  write(call: ShardCall, shipment: Uint8Array, ack: Ack): Promise<ShardReply<number>>
  /** Makes tables and columns that are missing and sets what is given of them, as `putTable`. */
  declare(call: ShardCall, tables: readonly DeclaredTable[]): Promise<ShardReply<null>>
  /** Deletes or, with `dryRun`, counts points. A table that is missing has none. */
  deleteRows(
    call: ShardCall,
    table: string,
    options: Omit<DeleteOptions, 'signal' | 'database'>,
  ): Promise<ShardReply<number>>
  /** `not_found` if the shard has no such table yet. */
  table(call: ShardCall, name: string): Promise<ShardReply<TableShare>>
  tables(call: ShardCall): Promise<ShardReply<TableCount[]>>
  flush(call: ShardCall): Promise<ShardReply<null>>
  load(call: ShardCall): Promise<ShardReply<ShardLoad>>

  // What only the catalog calls.

  /** Makes this the shard of a database from `map` on, with these tables; again: as `adopt`. */
  begin(call: ShardCall, map: ShardMap, tables: readonly DeclaredTable[]): Promise<ShardReply<null>>
  /**
   * From now on refuses callers of older epochs than the request's and points at or after the fence.
   * Durable when it resolves; the same epoch again gets the same fence.
   */
  fence(request: FenceRequest): Promise<ShardReply<Fenced>>
  /** Takes note of a newer map. */
  adopt(call: ShardCall, map: ShardMap): Promise<ShardReply<null>>
  /** Drops what is there of it, and then refuses callers of older epochs than the call's. */
  remove(call: ShardCall, removal: Removal): Promise<ShardReply<null>>
}

/** What one shard answers. */
export type ShardPort = ShardWritePort & ShardReadPort

/** What was thrown, as a plain value; what is no OmenError is `internal`. */
export function failureOf(error: unknown): ShardFailure {
  if (!(error instanceof OmenError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: 'failed', code: 'internal', message, details: {} }
  }
  const details = { ...error.details }
  delete details.cause
  return { kind: 'failed', code: error.code, message: error.message, details }
}

/** Why a call did not come through: `busy` if the object has more calls than it takes, else `unavailable`. */
export function unanswered(shard: string, cause: unknown): OmenError {
  const isBusy = cause instanceof Error && 'overloaded' in cause && cause.overloaded === true
  const what = isBusy ? 'it has more calls than it takes' : 'it did not answer'
  const message = `shard '${shard}': ${what}: ${messageOf(cause)}`
  return new OmenError(isBusy ? 'busy' : 'unavailable', message, { retryAfter: 1, cause })
}

/** The error again. */
export function errorOf({ code, message, details }: ShardFailure): OmenError {
  return new OmenError(code, message, details)
}
