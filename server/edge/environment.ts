// The bindings of the Worker, and what they mean to the app: the same variables as on Node, from
// wrangler.jsonc and its secrets.

import { SPLIT_POLICY, type SplitPolicy } from '../../engine/shards/split-policy.ts'
import type { R2BucketBinding } from '../../engine/storage/r2.ts'
import type { AppOptions } from '../app.ts'
import type { CatalogStub } from './catalog-stub.ts'
import { SHARD_BODY_LIMITS } from './shard-memory.ts'
import type { ShardStub } from './shard-stub.ts'

export interface EdgeEnv {
  /** The admin token, a secret. Without it, and without tokens made before, only loopback hosts are served. */
  readonly OMENDB_TOKEN?: string
  /** Origins whose pages may call, comma-separated; `*`: all. */
  readonly OMENDB_CORS_ORIGIN?: string
  /** Requests a second of one token or address; 0 or absent: any. */
  readonly OMENDB_RATE_LIMIT?: string | number
  /** Requests at once of one token or address. */
  readonly OMENDB_MAX_REQUESTS?: string | number
  /** Points a second above which a shard is split. */
  readonly OMENDB_SPLIT_POINTS?: string | number
  /** Bytes in an object above which its shard is split. */
  readonly OMENDB_SPLIT_BYTES?: string | number
  /** Shards that a database may have by splits nobody asked for; 1: it is never split so. */
  readonly OMENDB_SHARDS_MAX?: string | number
  readonly CATALOG: DurableObjectNamespace<CatalogStub>
  readonly SHARDS: DurableObjectNamespace<ShardStub>
  /** A bucket for cold segments; absent: all segments stay in the objects. */
  readonly SEGMENTS?: R2BucketBinding
}

/** Options of every app at the edge: in the Worker itself, in the catalog, in shards. */
export function edgeOptions(env: EdgeEnv): AppOptions {
  return {
    corsOrigins: (env.OMENDB_CORS_ORIGIN ?? '')
      .split(',')
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ''),
    requestLimits: {
      ...amount('perSecond', env.OMENDB_RATE_LIMIT),
      ...amount('atOnce', env.OMENDB_MAX_REQUESTS),
    },
    limits: SHARD_BODY_LIMITS,
    sql: async (db) => (await import('./sql.ts')).edgeSql(db),
  }
}

/** When shards are split by themselves. */
export function splitPolicy(env: EdgeEnv): SplitPolicy {
  return {
    ...SPLIT_POLICY,
    ...amount('pointsPerSecondMax', env.OMENDB_SPLIT_POINTS),
    ...amount('hotBytesMax', env.OMENDB_SPLIT_BYTES),
    ...amount('shardsMax', env.OMENDB_SHARDS_MAX),
  }
}

/** What is no number is not a limit; a Worker has no start at which to refuse it. */
function amount<Name extends string>(
  name: Name,
  given: string | number | undefined,
): { [K in Name]?: number } {
  const value = Number(given ?? Number.NaN)
  return Number.isInteger(value) && value >= 0 ? ({ [name]: value } as { [K in Name]: number }) : {}
}

/** Nanoseconds since 1970. */
export const wallClock = (): bigint => BigInt(Date.now()) * 1_000_000n
