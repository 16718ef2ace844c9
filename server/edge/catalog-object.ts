// The one object of a deployment that knows its databases, where they are, and its tokens. It is asked
// when an isolate meets a database or a token for the first time, not for every request, and holds rows
// alone (catalog-rows.ts). The routes about databases, tokens and numbers run here, by the same app as
// everywhere, over a database that only has these.

import { DurableObject } from 'cloudflare:workers'
import { OmenError } from '../../engine/error.ts'
import { encodeMap, shardsOf } from '../../engine/shards/shard-map.ts'
import type { CatalogPort } from '../../engine/shards/shard-catalog.ts'
import type { DeclaredTable, Removal } from '../../engine/shards/shard-port.ts'
import { plainScopes } from '../token-row.ts'
import { TokenStore } from '../token-store.ts'
import { Catalog } from './catalog.ts'
import { CatalogLayouts } from './catalog-layouts.ts'
import { CatalogRows, RETRY_MS } from './catalog-rows.ts'
import type { CatalogStub, Identified, Placement } from './catalog-stub.ts'
import { type EdgeEnv, splitPolicy, wallClock } from './environment.ts'
import type { ShardNumbers } from './shard-stub.ts'
import type { CatalogApp } from './catalog-app.ts'

/** Shards that are asked for their numbers by one request: a Worker has so many calls for one. */
const METRICS_SHARDS_MAX = 40

export class OmenCatalog extends DurableObject<EdgeEnv> implements CatalogStub {
  private readonly catalog: Catalog
  private readonly tokens: TokenStore
  private app: CatalogApp | null = null

  constructor(ctx: DurableObjectState, env: EdgeEnv) {
    super(ctx, env)
    const rows = new CatalogRows(ctx.storage)
    const layouts = new CatalogLayouts(rows, ctx.storage)
    this.catalog = new Catalog(rows, layouts, (shard) => env.SHARDS.getByName(shard))
    this.tokens = new TokenStore(rows.tokens, {
      now: wallClock,
      hasAdmin: Boolean(env.OMENDB_TOKEN),
    })
  }

  async fetch(request: Request): Promise<Response> {
    await this.tokens.load()
    const { createCatalogApp } = await import('./catalog-app.ts')
    this.app ??= createCatalogApp(this.env, this.tokens, {
      names: () => this.catalog.names(),
      create: async (name) => void (await this.change(() => this.catalog.locate(name, true))),
      drop: (name) => this.change(() => this.catalog.drop(name)),
    })
    const isAboutNumbers = new URL(request.url).pathname === '/metrics'
    return this.app(request, isAboutNumbers ? await this.numbers() : null)
  }

  async identify(digest: string | null): Promise<Identified> {
    await this.tokens.load()
    const isAsking = this.tokens.size > 0
    const row = digest === null ? null : this.tokens.lookUp(digest)
    if (row === null) return { isAsking, token: null }
    const { id, name, scopes, expiresAt } = row
    const token = { id, name, scopes: plainScopes(scopes), expiresAt: textOf(expiresAt) }
    return { isAsking, token }
  }

  async knows(id: string): Promise<boolean> {
    await this.tokens.load()
    return this.tokens.has(id)
  }

  async locate(database: string, create: boolean): Promise<Placement | null> {
    const map = await this.change(() => this.catalog.locate(database, create))
    return map === null ? null : { database, map: encodeMap(map) }
  }

  async databases(): Promise<string[]> {
    return this.catalog.names()
  }

  /** As CatalogPort says. */
  view(database: string, create: boolean): ReturnType<CatalogPort['view']> {
    return this.catalog.withShards(database, create, (catalog) => catalog.view(database, false))
  }

  /** As CatalogPort says. */
  claim(database: string, tables: readonly DeclaredTable[]): ReturnType<CatalogPort['claim']> {
    return this.catalog.withShards(database, true, (catalog) => catalog.claim(database, tables))
  }

  /** As CatalogPort says. */
  declare(database: string, table: DeclaredTable): ReturnType<CatalogPort['declare']> {
    return this.catalog.withShards(database, true, (catalog) => catalog.declare(database, table))
  }

  /** As CatalogPort says. */
  remove(database: string, removal: Removal): ReturnType<CatalogPort['remove']> {
    return this.catalog.withShards(database, false, (catalog) => catalog.remove(database, removal))
  }

  /** As CatalogPort says. */
  split(database: string, shard: string): ReturnType<CatalogPort['split']> {
    return this.catalog.withShards(database, false, (catalog) => catalog.split(database, shard))
  }

  /** As CatalogStub says. */
  relieve(database: string, shard: string): ReturnType<CatalogStub['relieve']> {
    return this.catalog.relieve(database, shard, wallClock(), splitPolicy(this.env))
  }

  /** Finishes what was interrupted; what fails again is tried again. */
  async alarm(): Promise<void> {
    if (!(await this.catalog.finish())) await this.ctx.storage.setAlarm(Date.now() + RETRY_MS)
  }

  /** A change of databases; if it stops halfway, the alarm goes on with it. */
  private async change<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof OmenError) throw error
      console.error(`catalog: ${String(error)}`)
      const message = 'a shard of this database did not answer; the change will be finished'
      throw new OmenError('unavailable', message, { retryAfter: 1, cause: error })
    }
  }

  /** The numbers of all shards, as far as one request may ask. */
  private async numbers(): Promise<ShardNumbers[]> {
    const shards = this.catalog.maps().flatMap(({ map }) => shardsOf(map))
    const asked = shards.slice(0, METRICS_SHARDS_MAX)
    const answers = await Promise.allSettled(
      asked.map((shard) => this.env.SHARDS.getByName(shard).metrics()),
    )
    return answers.filter((one) => one.status === 'fulfilled').map(({ value }) => value)
  }
}

const textOf = (time: bigint | null): string | null => (time === null ? null : String(time))
