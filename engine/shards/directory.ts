// What a coordinator knows of databases and reaches of their shards. Views are remembered, because to ask
// for one costs a call of the one catalog that a deployment has; a shard that knows of a newer map
// refuses the call, and mostly brings the map. Then the whole work is done again by it: every call may be made twice.

import { OmenError } from '../error.ts'
import type { KernelInstance } from '../kernel.ts'
import type { CatalogPort, DatabaseView } from './shard-catalog.ts'
import { type ShardMap, shardsOf } from './shard-map.ts'
import { type ShardPort, type ShardReply, errorOf, failureOf, unanswered } from './shard-port.ts'
import { TypeCatalog } from './type-catalog.ts'

/** How often work is begun again because the map changed meanwhile. */
const ATTEMPTS_MAX = 8

/** What a coordinator needs of where it runs. */
export interface DirectoryOptions {
  readonly instance: KernelInstance
  readonly catalog: CatalogPort
  readonly port: (shard: string) => ShardPort
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** How old a view may be that writes are parsed by, nanoseconds; a second unless given. */
  readonly viewAgeNs?: bigint
}

const VIEW_AGE_NS = 1_000_000_000n

/** A call was refused for its epoch: begin again by this map, null: by what the catalog says. */
class Outdated extends Error {
  readonly map: ShardMap | null

  constructor(map: ShardMap | null) {
    super('the map of a database changed')
    this.map = map
  }
}

/** Was this thrown because a map is old? `run` begins again then. */
export function isOutdated(error: unknown): boolean {
  return error instanceof Outdated
}

interface Known {
  view: DatabaseView
  at: bigint
}

export class Directory {
  readonly types: TypeCatalog
  readonly instance: KernelInstance
  readonly port: (shard: string) => ShardPort
  readonly now: () => bigint
  private readonly catalogPort: CatalogPort
  private readonly viewAgeNs: bigint
  private readonly known = new Map<string, Known>()
  private names: readonly string[] = ['default']

  constructor({ instance, catalog, port, now, viewAgeNs = VIEW_AGE_NS }: DirectoryOptions) {
    this.instance = instance
    this.catalogPort = catalog
    this.port = port
    this.now = now
    this.viewAgeNs = viewAgeNs
    this.types = new TypeCatalog(instance, now)
  }

  /** Names of databases, as they were last heard. */
  get databases(): readonly string[] {
    return this.names
  }

  /** Asks for the names of databases. */
  async readNames(): Promise<void> {
    this.names = valueOf(await this.catalogPort.databases())
  }

  /** The view of a database, not older than it may be. Throws `not_found` unless it is `default`. */
  async fresh(database: string): Promise<DatabaseView> {
    const known = this.known.get(database)
    if (known !== undefined && this.now() - known.at <= this.viewAgeNs) return known.view
    return this.refresh(database, database === 'default')
  }

  /** Like `fresh`, but it need not be there. */
  async prepare(database: string): Promise<void> {
    await this.fresh(database).catch((error: unknown) => {
      if (!(error instanceof OmenError) || error.code !== 'not_found') throw error
    })
  }

  /** The view that the catalog has now; `create`: makes a database that is missing. */
  async refresh(database: string, create = false): Promise<DatabaseView> {
    const view = valueOf(await this.catalogPort.view(database, create))
    if (view !== null) return this.take(view)
    this.forget(database)
    throw new OmenError('not_found', `database '${database}' does not exist`)
  }

  /** Of the view that is known, 0 if there is none. */
  versionOf(database: string): number {
    return this.known.get(database)?.view.version ?? 0
  }

  /** Asks the catalog to change something, and takes the view that comes of it. */
  async change(
    database: string,
    ask: (catalog: CatalogPort) => Promise<ShardReply<DatabaseView | null>>,
  ): Promise<DatabaseView | null> {
    const view = valueOf(await ask(this.catalogPort))
    if (view === null) this.forget(database)
    return view === null ? null : this.take(view)
  }

  /**
   * Does work by the view of a database, and all of it again by a newer one as often as a shard refuses
   * a call of it for its epoch. Work that stores points needs types that are as new as the map.
   */
  async run<T>(
    database: string,
    work: (view: DatabaseView) => Promise<T>,
    { create = false, needsTypes = false }: { create?: boolean; needsTypes?: boolean } = {},
  ): Promise<T> {
    let view = this.known.get(database)?.view
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      view ??= await this.refresh(database, create || database === 'default')
      try {
        return await work(view)
      } catch (error) {
        if (!(error instanceof Outdated)) throw error
        const { map } = error
        const isNewer = map !== null && map.epoch > view.map.epoch
        view = isNewer && !needsTypes ? this.moved(view, map) : undefined
      }
    }
    const message = `database '${database}': its map changed ${ATTEMPTS_MAX} times meanwhile`
    throw new OmenError('unavailable', message, { retryAfter: 1 })
  }

  /**
   * Asks these shards at once, in work of `run`; the values in their order. Throws what the first of them
   * failed with; one that cannot be reached is `unavailable`.
   */
  async onShards<T>(
    shards: readonly string[],
    ask: (port: ShardPort, shard: string) => Promise<ShardReply<T>>,
  ): Promise<T[]> {
    const replies = await Promise.all(
      shards.map((shard) => ask(this.port(shard), shard).catch(unreachable(shard))),
    )
    const outdated = replies.find((reply) => reply.kind === 'wrongEpoch')
    if (outdated?.kind === 'wrongEpoch') throw new Outdated(outdated.map)
    return replies.map(valueOf)
  }

  /** Asks every shard of a map, as `onShards`. */
  onAll<T>(map: ShardMap, ask: (port: ShardPort) => Promise<ShardReply<T>>): Promise<T[]> {
    return this.onShards(shardsOf(map), ask)
  }

  private take(view: DatabaseView): DatabaseView {
    const { database } = view
    const known = this.known.get(database)
    // An answer that was overtaken by a later one.
    if (known !== undefined && known.view.version > view.version) return known.view
    this.known.set(database, { view, at: this.now() })
    this.instance.guard(() => this.types.follow(view))
    if (!this.names.includes(database)) this.names = [...this.names, database]
    return view
  }

  /** The view with a newer map; what it says of tables is asked for soon. */
  private moved(view: DatabaseView, map: ShardMap): DatabaseView {
    const next = { ...view, map }
    this.known.set(view.database, { view: next, at: 0n })
    return next
  }

  private forget(database: string): void {
    this.known.delete(database)
    this.instance.guard(() => this.types.forget(database))
    this.names = this.names.filter((name) => name !== database || name === 'default')
  }
}

function valueOf<T>(reply: ShardReply<T>): T {
  if (reply.kind === 'done') return reply.value
  if (reply.kind === 'failed') throw errorOf(reply)
  throw new Outdated(reply.map)
}

/** The failure of a call that did not come through. */
function unreachable(shard: string): (error: unknown) => ShardReply<never> {
  return (error) => failureOf(unanswered(shard, error))
}
