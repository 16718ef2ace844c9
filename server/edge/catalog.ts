// The databases of a deployment and the shards that they are made of. Each change is a row first, then
// calls of the shards that it concerns, then the row of its end: whatever stops in between is finished by
// whoever comes next, a request or the alarm. Changes of one database come one after the other.

import { OmenError } from '../../engine/error.ts'
import { shardsOf, soleMap, type ShardMap } from '../../engine/shards/shard-map.ts'
import type { CatalogRows, DatabaseRow } from './catalog-rows.ts'
import type { ShardStub } from './shard-stub.ts'

/** What it calls shards by. */
export type Shards = (shard: string) => Pick<ShardStub, 'assign' | 'erase'>

export class Catalog {
  private readonly rows: CatalogRows
  private readonly shards: Shards
  private readonly turns = new Map<string, Promise<unknown>>()

  constructor(rows: CatalogRows, shards: Shards) {
    this.rows = rows
    this.shards = shards
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
    const pending = this.rows.databases().filter(({ state }) => state !== 'ready')
    const done = await Promise.allSettled(
      pending.map(({ name }) => this.inTurn(name, () => this.settled(name))),
    )
    return done.every(({ status }) => status === 'fulfilled')
  }

  /** A database as it is after what was begun with it; null: there is none. */
  private async settled(name: string): Promise<DatabaseRow | null> {
    const found = this.rows.database(name)
    if (found === null || found.state === 'ready') return found
    if (found.state === 'creating') return this.complete(found)
    await this.remove(found)
    return null
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
