// The app of a database with several shards: the Worker's isolate is its coordinator, and the REST API
// over that is the same code as over one shard. Kernel and app are made when the first request for such
// a database comes.

import type { BackupOptions } from '../../engine/database-types.ts'
import { instantiateKernel } from '../../engine/kernel.ts'
import module from '../../engine/omendb.wasm'
import { Coordinator } from '../../engine/shards/coordinator.ts'
import type { CatalogPort } from '../../engine/shards/shard-catalog.ts'
import type { ShardMap } from '../../engine/shards/shard-map.ts'
import { createApp } from '../app.ts'
import type { ServedDatabase } from '../endpoint.ts'
import { CATALOG_NAME } from './catalog-stub.ts'
import { edgeOptions, type EdgeEnv, wallClock } from './environment.ts'
import { NO_METRICS } from './metrics-sum.ts'
import { type Finding, findingAccess } from './worker-app.ts'

/** Of the isolate's 128 MB, which requests and answers under way share. */
const MEMORY_BYTES = 40 << 20
const STAGING_BYTES = 8 << 20

export interface CoordinatorApp {
  /** The map of a database as it is now, or was a second ago. Throws `not_found`. */
  mapOf(database: string): Promise<ShardMap>
  /** Answers a request to a database whose map was just asked for. */
  answer(request: Request, finding: Finding): Promise<Response>
  /** The same for a backup or a restore, whose routes name no database. */
  answerArchive(request: Request, finding: Finding, database: string): Promise<Response>
}

/** The app over the objects of these bindings. */
export async function createCoordinatorApp(env: EdgeEnv): Promise<CoordinatorApp> {
  const coordinator = new Coordinator({
    instance: await instantiateKernel(module, MEMORY_BYTES),
    catalog: catalogPort(env),
    port: (shard) => env.SHARDS.getByName(shard),
    now: wallClock,
    random: (target) => void crypto.getRandomValues(target),
    timer: {
      set: (delayMs, run) => setTimeout(run, delayMs),
      clear: (handle) => clearTimeout(handle as number),
    },
    pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
    stagingBytes: STAGING_BYTES,
  })
  const db: ServedDatabase = Object.assign(coordinator, { metrics: () => NO_METRICS })
  const app = createApp(db, { ...edgeOptions(env), access: findingAccess })
  return {
    mapOf: async (database) => (await coordinator.directory.fresh(database)).map,
    answer: async (request, finding) => app.fetch(request, finding as object),
    async answerArchive(request, finding, database) {
      const backup = (options?: BackupOptions) => coordinator.backup(options, database)
      const own: ServedDatabase = Object.assign(Object.create(db) as ServedDatabase, { backup })
      const archives = createApp(own, { ...edgeOptions(env), access: findingAccess })
      return archives.fetch(request, finding as object)
    },
  }
}

/** The catalog's object as coordinators call it. A stub is got for each call: one that failed stays so. */
function catalogPort(env: EdgeEnv): CatalogPort {
  const stub = (): ReturnType<typeof env.CATALOG.getByName> => env.CATALOG.getByName(CATALOG_NAME)
  return {
    databases: async () => ({ kind: 'done', value: await stub().databases() }),
    view: (database, create) => stub().view(database, create),
    claim: (database, tables) => stub().claim(database, tables),
    declare: (database, table) => stub().declare(database, table),
    remove: (database, removal) => stub().remove(database, removal),
    split: (database, shard) => stub().split(database, shard),
  }
}
