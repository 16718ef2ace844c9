// A shard's object at work: the engine, the app over it and the desk for coordinators. It is loaded by the
// first event that needs it, because it brings nearly all of the code there is: an isolate that forwards
// requests, or that is told which part of a database an object holds, evaluates a twentieth of it.

import { Database } from '../../engine/database.ts'
import { directDatabase } from '../../engine/shards/direct.ts'
import { ShardDesk } from '../../engine/shards/shard-desk.ts'
import { createApp, type App } from '../app.ts'
import type { ServerMetrics } from '../metrics.ts'
import { edgeOptions, type EdgeEnv, splitPolicy, wallClock } from './environment.ts'
import { type EngineOwner, type ObjectEngine, openEngine } from './object-engine.ts'
import type { Revocations } from './revocations.ts'
import { type Relief, SplitWatch } from './split-watch.ts'
import { verdictAccess } from './verdict.ts'

export { emptyBucket, shardBucket } from './shard-tier.ts'

/** The engine while it is open. */
export interface OpenShard {
  readonly engine: ObjectEngine
  /** Takes the calls of coordinators and of the catalog. */
  readonly desk: ShardDesk
  readonly app: App
  readonly watch: SplitWatch
}

/** What the object has beside the engine. */
export interface ShardParts {
  readonly env: EdgeEnv
  /** The database that it is a shard of. */
  readonly database: string
  readonly revocations: Revocations
  readonly counters: ServerMetrics
}

/** Opens what the object holds. Throws as `openEngine` does. */
export async function openShard(
  storage: DurableObjectStorage,
  owner: EngineOwner,
  { env, database, revocations, counters }: ShardParts,
): Promise<OpenShard> {
  const engine = await openEngine(storage, owner)
  const desk = new ShardDesk(engine.db, engine.place)
  const app = createApp(directDatabase(engine.db, desk, database), {
    ...edgeOptions(env),
    access: verdictAccess(wallClock, (verdict) => revocations.check(verdict)),
    metrics: counters,
    requestLog: () => engine.end(),
  })
  return { engine, desk, app, watch: new SplitWatch(desk, splitPolicy(env)) }
}

/**
 * Flushes, merges, moves: what an alarm is set for, maybe by an instance before this one. Then it looks
 * whether the shard is too much for one object: why it should be split and was not, else null.
 */
export function settleShard({ engine, watch }: OpenShard, relieve: Relief): Promise<string | null> {
  return engine.during(async (db) => {
    await db.flush()
    await Database.shardOf(db).idle()
    return watch.look(relieve)
  })
}
