// What the router knows of the catalog's object (catalog-object.ts): who a token is, where a database
// is, and the routes that are about neither one database nor nothing.

import type { CatalogPort } from '../../engine/shards/shard-catalog.ts'
import type { ShardReply } from '../../engine/shards/shard-port.ts'
import type { Scope } from '../grant.ts'

/** A token that was found by its digest. */
export interface KnownToken {
  readonly id: string
  readonly name: string
  readonly scopes: Readonly<Record<string, readonly Scope[]>>
  /** Nanoseconds since 1970, as text. */
  readonly expiresAt: string | null
}

export interface Identified {
  /** Tokens were made: from then on every request needs one. */
  readonly isAsking: boolean
  readonly token: KnownToken | null
}

/** Where a database is: its map as `encodeMap` (engine/shards/shard-map.ts) writes it. */
export interface Placement {
  readonly database: string
  readonly map: string
}

/**
 * The calls of the catalog's object over RPC. What they throw arrives as a plain Error; those of
 * CatalogPort, for databases with several shards, answer errors as values.
 */
export interface CatalogStub extends Omit<CatalogPort, 'databases'> {
  /** The routes of databases, tokens and metrics; without a verdict it is a 403. */
  fetch(request: Request): Promise<Response>
  /** The token whose secret has this digest; null: nobody's. */
  identify(digest: string | null): Promise<Identified>
  /** Whether there is a token with this id; it may be over. */
  knows(id: string): Promise<boolean>
  /** Where a database is, null if it is not there; `create`: makes it then. */
  locate(database: string, create: boolean): Promise<Placement | null>
  /** Splits a shard that is hot, unless the policy (split-policy.ts) is against it: whether it did. */
  relieve(database: string, shard: string): Promise<ShardReply<boolean>>
  /** Names of all databases that were made, in byte order. */
  databases(): Promise<string[]>
}

/** The one object of a deployment. */
export const CATALOG_NAME = 'catalog'
