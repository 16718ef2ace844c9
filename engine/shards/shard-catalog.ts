// What is true of a database with several shards: its map, and its tables with the types of their columns.
// A change that concerns shards is written down first, then made on each of them, then ended by the next
// layout: whatever stops in between is finished before anybody sees the layout again. Every step may
// be made twice. It runs where the catalog is: one object of a deployment, or a test.

import { OmenError } from '../error.ts'
import { joinTables } from './declared.ts'
import { type ShardMap, shardsOf, slotsOf, soleMap, splitMap } from './shard-map.ts'
import {
  type DeclaredTable,
  type Fenced,
  type Removal,
  type ShardReply,
  type ShardWritePort,
  errorOf,
  failureOf,
} from './shard-port.ts'

/** What has been begun with the shards of a database. */
export type Change =
  /** The shards of a new database are told. */
  | { readonly kind: 'make' }
  | { readonly kind: 'split'; readonly shard: string; readonly made: readonly [string, string] }
  | { readonly kind: 'declare'; readonly tables: readonly string[] }
  | { readonly kind: 'remove'; readonly removal: Removal }

/** Plain values, but for the times in the map. */
export interface Layout {
  readonly map: ShardMap
  readonly tables: readonly DeclaredTable[]
  /** Rises with each change of `tables` or `map`. */
  readonly version: number
  readonly change: Change | null
}

/** Where layouts are kept. */
export interface LayoutStore {
  /** Null: there is no such database. */
  read(database: string): Layout | null
  /** All names, in any order. */
  names(): string[]
  /** Durable when it resolves; null: the database is no more. */
  write(database: string, layout: Layout | null): Promise<void>
  /** A name that no shard has or had. */
  nameShard(database: string): string
}

/** A database as coordinators know it. */
export interface DatabaseView {
  readonly database: string
  readonly map: ShardMap
  readonly tables: readonly DeclaredTable[]
  readonly version: number
}

/** What coordinators call; in plain values, as ShardPort. */
export interface CatalogPort {
  databases(): Promise<ShardReply<string[]>>
  /** Null: there is no such database; `create` makes it then. What was begun with it is finished first. */
  view(database: string, create: boolean): Promise<ShardReply<DatabaseView | null>>
  /**
   * Adds tables and columns that a write brings; who comes first gives their types. `type_conflict` for
   * one that has another type. Durable when it resolves; shards hear of them with the points.
   */
  claim(database: string, tables: readonly DeclaredTable[]): Promise<ShardReply<DatabaseView>>
  /** The same, and sets what is given, on all shards. */
  declare(database: string, table: DeclaredTable): Promise<ShardReply<DatabaseView>>
  /** Removes it from all shards; `not_found` only for a database. */
  remove(database: string, removal: Removal): Promise<ShardReply<DatabaseView | null>>
  /** Splits a shard now. `conflict` if it cannot be. */
  split(database: string, shard: string): Promise<ShardReply<DatabaseView>>
}

export interface ShardCatalogOptions {
  readonly store: LayoutStore
  readonly port: (shard: string) => ShardWritePort
  /** Fences are multiples of it, nanoseconds, and wider apart with rollups; a minute unless given. */
  readonly fenceWidthNs?: bigint
}

const FENCE_WIDTH_NS = 60_000_000_000n

export class ShardCatalog implements CatalogPort {
  private readonly store: LayoutStore
  private readonly port: (shard: string) => ShardWritePort
  private readonly fenceWidthNs: bigint
  private readonly turns = new Map<string, Promise<unknown>>()

  constructor({ store, port, fenceWidthNs = FENCE_WIDTH_NS }: ShardCatalogOptions) {
    this.store = store
    this.port = port
    this.fenceWidthNs = fenceWidthNs
  }

  async databases(): Promise<ShardReply<string[]>> {
    return { kind: 'done', value: this.store.names() }
  }

  view(database: string, create: boolean): Promise<ShardReply<DatabaseView | null>> {
    return this.inTurn(database, async () => {
      const found = await this.settled(database)
      if (found === null && !create) return null
      return viewOf(database, found ?? (await this.make(database)))
    })
  }

  claim(database: string, tables: readonly DeclaredTable[]): Promise<ShardReply<DatabaseView>> {
    return this.inTurn(database, async () => {
      const found = (await this.settled(database)) ?? (await this.make(database))
      const joined = joinTables(found.tables, tables)
      if (joined === found.tables) return viewOf(database, found)
      const next = { ...found, tables: joined, version: found.version + 1 }
      await this.store.write(database, next)
      return viewOf(database, next)
    })
  }

  declare(database: string, table: DeclaredTable): Promise<ShardReply<DatabaseView>> {
    return this.inTurn(database, async () => {
      const found = (await this.settled(database)) ?? (await this.make(database))
      const tables = joinTables(found.tables, [table])
      const change: Change = { kind: 'declare', tables: [table.name] }
      await this.store.write(database, { ...found, tables, version: found.version + 1, change })
      return viewOf(database, (await this.settled(database))!)
    })
  }

  remove(database: string, removal: Removal): Promise<ShardReply<DatabaseView | null>> {
    return this.inTurn(database, async () => {
      const found = await this.settled(database)
      if (found === null) {
        throw new OmenError('not_found', `database '${database}' does not exist`)
      }
      await this.store.write(database, { ...found, change: { kind: 'remove', removal } })
      const left = await this.settled(database)
      return left === null ? null : viewOf(database, left)
    })
  }

  split(database: string, shard: string): Promise<ShardReply<DatabaseView>> {
    return this.inTurn(database, async () => {
      const found = await this.settled(database)
      const slots = found === null ? null : slotsOf(found.map, shard)
      if (found === null || slots === null || slots.end - slots.first < 2) {
        const message = `shard '${shard}' of database '${database}' cannot be split`
        throw new OmenError(
          'conflict',
          `${message}: it is none, takes no new points, or has one slot`,
        )
      }
      const { store } = this
      const made = [store.nameShard(database), store.nameShard(database)] as const
      await store.write(database, { ...found, change: { kind: 'split', shard, made } })
      return viewOf(database, (await this.settled(database))!)
    })
  }

  private async make(database: string): Promise<Layout> {
    const map = soleMap(this.store.nameShard(database))
    const layout: Layout = { map, tables: [], version: 1, change: { kind: 'make' } }
    await this.store.write(database, layout)
    return (await this.settled(database))!
  }

  /** The layout after what was begun is finished. Throws what a shard says; then it is still begun. */
  private async settled(database: string): Promise<Layout | null> {
    const found = this.store.read(database)
    if (found === null || found.change === null) return found
    const next = await this.finish(database, found, found.change)
    await this.store.write(database, next)
    if (next !== null && next.map.epoch > found.map.epoch) await this.announce(database, next.map)
    return next
  }

  private async finish(database: string, found: Layout, change: Change): Promise<Layout | null> {
    const ended: Layout = { ...found, version: found.version + 1, change: null }
    if (change.kind === 'split') return this.finishSplit(database, ended, change)
    const { epoch } = found.map
    if (change.kind === 'make') {
      await this.onAll(found.map, (port) => port.begin({ database, epoch }, found.map, []))
      return ended
    }
    if (change.kind === 'declare') {
      const tables = found.tables.filter(({ name }) => change.tables.includes(name))
      await this.tryOnAll(database, found, (port) => port.declare({ database, epoch }, tables))
      return ended
    }
    const { removal } = change
    const call = { database, epoch: epoch + 1 }
    await this.tryOnAll(database, found, (port) => port.remove(call, removal))
    if (removal.kind === 'database') return null
    const map = { ...found.map, epoch: epoch + 1 }
    return { ...ended, map, tables: withoutRemoved(found.tables, removal) }
  }

  /** As the header of shard-desk.ts says: fence, new shards, map; the rest is told when it asks. */
  private async finishSplit(
    database: string,
    ended: Layout,
    { shard, made }: Extract<Change, { kind: 'split' }>,
  ): Promise<Layout> {
    const epoch = ended.map.epoch + 1
    const after = ended.map.entries.find((entry) => entry.shard === shard)!.since
    const request = { database, epoch, widthNs: this.fenceWidthNs, after }
    const fenced: Fenced = await this.orGiveUp(database, ended, async () =>
      valueOf(await this.port(shard).fence(request)),
    )
    const tables = joinTables(ended.tables, fenced.tables)
    const map = splitMap(ended.map, shard, fenced.fence, made)
    for (const name of made) {
      valueOf(await this.port(name).begin({ database, epoch }, map, tables))
    }
    return { ...ended, map, tables }
  }

  /** Shards that do not hear it are told by whoever comes to them with the new map. */
  private async announce(database: string, map: ShardMap): Promise<void> {
    const call = { database, epoch: map.epoch }
    await Promise.allSettled(shardsOf(map).map((shard) => this.port(shard).adopt(call, map)))
  }

  private async onAll(
    map: ShardMap,
    ask: (port: ShardWritePort) => Promise<ShardReply<unknown>>,
  ): Promise<void> {
    const replies = await Promise.allSettled(shardsOf(map).map((shard) => ask(this.port(shard))))
    for (const reply of replies) {
      if (reply.status === 'rejected') throw reply.reason
      valueOf(reply.value)
    }
  }

  /** For a change that a shard may refuse for good: then it is given up. */
  private tryOnAll(
    database: string,
    found: Layout,
    ask: (port: ShardWritePort) => Promise<ShardReply<unknown>>,
  ): Promise<void> {
    return this.orGiveUp(database, { ...found, change: null }, () => this.onAll(found.map, ask))
  }

  /** What is refused, and not only fails, ends the change: it would be refused for ever. */
  private async orGiveUp<T>(database: string, without: Layout, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const isFinal = error instanceof OmenError && FINAL.has(error.code)
      if (isFinal) await this.store.write(database, without)
      throw error
    }
  }

  private async inTurn<T>(database: string, work: () => Promise<T>): Promise<ShardReply<T>> {
    const done = (this.turns.get(database) ?? Promise.resolve()).then(work)
    const settled = done.catch(() => {})
    this.turns.set(database, settled)
    try {
      return { kind: 'done', value: await done }
    } catch (error) {
      return failureOf(error)
    } finally {
      if (this.turns.get(database) === settled) this.turns.delete(database)
    }
  }
}

/** Refusals that stay, whoever asks again. */
const FINAL: ReadonlySet<string> = new Set([
  'bad_request',
  'conflict',
  'forbidden',
  'limit_exceeded',
  'type_conflict',
  'unsupported',
])

function viewOf(database: string, { map, tables, version }: Layout): DatabaseView {
  return { database, map, tables, version }
}

/** What a shard answered, or throws why not. */
function valueOf<T>(reply: ShardReply<T>): T {
  if (reply.kind === 'done') return reply.value
  if (reply.kind === 'failed') throw errorOf(reply)
  const message = `shard: it answers from epoch ${reply.epoch} on`
  throw new OmenError('unavailable', message, { retryAfter: 1 })
}

function withoutRemoved(
  tables: readonly DeclaredTable[],
  removal: Removal,
): readonly DeclaredTable[] {
  if (removal.kind === 'database') return []
  if (removal.kind === 'table') return tables.filter(({ name }) => name !== removal.table)
  return tables.map((table) => {
    if (table.name !== removal.table) return table
    const fields = Object.entries(table.settings.fields ?? {})
    const left = fields.filter(([name]) => name !== removal.column)
    return { ...table, settings: { ...table.settings, fields: Object.fromEntries(left) } }
  })
}
