// The databases of a deployment and the shards that they are made of. Each change is a row first, then
// calls of the shards that it concerns, then the row of its end: whatever stops in between is finished by
// whoever comes next, a request or the alarm. Changes of one database come one after the other.

import { OmenError } from '../../engine/error.ts'
import { shardsOf, soleMap, type ShardMap } from '../../engine/shards/shard-map.ts'
import { ShardCatalog } from '../../engine/shards/shard-catalog.ts'
import { type ShardReply, errorOf, failureOf } from '../../engine/shards/shard-port.ts'
import { type SplitPolicy, maySplit } from '../../engine/shards/split-policy.ts'
import type { CatalogLayouts } from './catalog-layouts.ts'
import type { CatalogRows, DatabaseRow } from './catalog-rows.ts'
import type { ShardStub } from './shard-stub.ts'

/** What it calls shards by. */
export type Shards = (shard: string) => Omit<ShardStub, 'fetch' | 'metrics'>

export class Catalog {
  private readonly rows: CatalogRows
  private readonly layouts: CatalogLayouts
  /** Of databases with several shards. */
  private readonly sharded: ShardCatalog
  private readonly shards: Shards
  private readonly turns = new Map<string, Promise<unknown>>()

  constructor(rows: CatalogRows, layouts: CatalogLayouts, shards: Shards) {
    this.rows = rows
    this.layouts = layouts
    this.shards = shards
    this.sharded = new ShardCatalog({ store: layouts, port: shards })
  }

  /** Names in byte order, without those that are being dropped. */
  names(): string[] {
    return this.rows
      .databases()
      .filter(({ state }) => state !== 'dropping')
      .map(({ name }) => name)
  }

  /** Maps of all databases that answer. */
  maps(): DatabaseRow[] {
    return this.rows.databases().filter(({ state }) => state === 'ready')
  }

  /** The map of a database, null if there is none; `create` makes it then. Throws what its shard throws. */
  locate(name: string, create: boolean): Promise<ShardMap | null> {
    return this.inTurn(name, async () => {
      const found = await this.settled(name)
      if (found !== null) return found.map
      // This one is there always, and takes shape when somebody first looks.
      return create || name === 'default' ? (await this.make(name)).map : null
    })
  }

  /** Changes or shows a database whose shards have coordinators; `create`: makes one that is missing. */
  async withShards<T>(
    name: string,
    create: boolean,
    work: (catalog: ShardCatalog) => Promise<ShardReply<T>>,
  ): Promise<ShardReply<T>> {
    try {
      return await this.inTurn(name, async () => {
        const found = await this.settled(name)
        if (found === null && create) await this.make(name)
        return work(this.sharded)
      })
    } catch (error) {
      return failureOf(error)
    }
  }

  /** Splits a shard that is hot at `now` (nanoseconds), unless the policy is against it: whether it did. */
  relieve(
    database: string,
    shard: string,
    now: bigint,
    policy: SplitPolicy,
  ): Promise<ShardReply<boolean>> {
    return this.withShards<boolean>(database, false, async (catalog) => {
      const found = this.rows.database(database)
      const may = found !== null && maySplit(found.map, shard, now, policy)
      if (!may) return { kind: 'done', value: false }
      const reply = await catalog.split(database, shard)
      return reply.kind === 'done' ? { kind: 'done', value: true } : reply
    })
  }

  /** Throws `not_found`, and what its shards throw; then it is gone already, but its bytes are not. */
  drop(name: string): Promise<void> {
    return this.inTurn(name, async () => {
      const found = await this.settled(name)
      if (found !== null) return this.remove(found)
      if (name === 'default') return
      throw new OmenError('not_found', `database '${name}' does not exist`)
    })
  }

  /** Finishes what was interrupted: whether nothing is left. One that fails stays for the next time. */
  async finish(): Promise<boolean> {
    const unready = this.rows.databases().filter(({ state }) => state !== 'ready')
    const pending = [...unready.map(({ name }) => name), ...this.layouts.begun()]
    const done = await Promise.allSettled(
      pending.map((name) => this.inTurn(name, () => this.settled(name))),
    )
    return done.every(({ status }) => status === 'fulfilled')
  }

  /** A database as it is after what was begun with it; null: there is none. */
  private async settled(name: string): Promise<DatabaseRow | null> {
    const found = this.rows.database(name)
    if (found === null) return null
    if (found.state === 'ready') return this.unchanged(found)
    if (found.state === 'creating') return this.complete(found)
    await this.remove(found)
    return null
  }

  /** After what was begun with its shards. */
  private async unchanged(found: DatabaseRow): Promise<DatabaseRow | null> {
    if (this.layouts.read(found.name)?.change === null) return found
    const reply = await this.sharded.view(found.name, false)
    if (reply.kind === 'failed') throw errorOf(reply)
    return this.rows.database(found.name)
  }

  private async make(name: string): Promise<DatabaseRow> {
    const map = soleMap(this.rows.nameShard(name))
    const made: DatabaseRow = { name, state: 'creating', map }
    await this.rows.saveDatabase(made)
    return this.complete(made)
  }

  private async complete(row: DatabaseRow): Promise<DatabaseRow> {
    const { name: database, map } = row
    for (const shard of shardsOf(map)) {
      await this.shards(shard).assign({ database, shard, epoch: map.epoch })
    }
    const ready: DatabaseRow = { ...row, state: 'ready' }
    await this.rows.saveDatabase(ready)
    return ready
  }

  private async remove(row: DatabaseRow): Promise<void> {
    if (row.state !== 'dropping') await this.rows.saveDatabase({ ...row, state: 'dropping' })
    await Promise.all(shardsOf(row.map).map((shard) => this.shards(shard).erase()))
    this.layouts.forget(row.name)
    await this.rows.removeDatabase(row.name)
  }

  private async inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(name)
    const done = before === undefined ? work() : before.then(work, work)
    this.turns.set(name, done)
    try {
      return await done
    } finally {
      if (this.turns.get(name) === done) this.turns.delete(name)
    }
  }
}
