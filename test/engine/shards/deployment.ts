// A whole deployment in one process: a catalog, shards on simulated disks, and coordinators, which reach
// each other by calls that clone what they carry, as RPC does, and that may be lost on the way there or
// on the way back. Any machine may lose power between two calls.

import { type Database, openDatabase } from '../../../engine/database.ts'
import { Coordinator } from '../../../engine/shards/coordinator.ts'
import {
  type CatalogPort,
  type Layout,
  ShardCatalog,
} from '../../../engine/shards/shard-catalog.ts'
import { ShardDesk } from '../../../engine/shards/shard-desk.ts'
import { shardsOf } from '../../../engine/shards/shard-map.ts'
import { ShardPlace } from '../../../engine/shards/shard-place.ts'
import type { ShardPort } from '../../../engine/shards/shard-port.ts'
import { instantiateKernel } from '../../../engine/kernel.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { TINY_OPTIONS, simulatedHost } from '../../simulated-host.ts'

/** A call that did not come through, or whose answer did not. */
export class Lost extends Error {
  override readonly name = 'Lost'
}

interface RunningShard {
  /** Rejects once its machine has no power. */
  readonly ended: Promise<never>
  readonly end: () => void
  readonly db: Database
  readonly desk: ShardDesk
  readonly place: ShardPlace
}

export class Deployment {
  readonly seed: number
  /** Calls and writes of layouts so far. */
  steps = 0
  /** The step that is lost; null: none is. */
  lostAt: number | null = null
  readonly trace: string[] = []
  readonly disks = new Map<string, SimulatedDisk>()
  private readonly running = new Map<string, Promise<RunningShard>>()
  private readonly layouts = new Map<string, Layout>()
  private coordinators = 0
  private nextShard = 1
  private catalogObject: ShardCatalog
  /** For the clock of all machines. */
  private readonly clock: { now(): bigint }

  private constructor(seed: number, clock: { now(): bigint }) {
    this.seed = seed
    this.clock = clock
    this.catalogObject = this.startCatalog()
  }

  static async start(seed: number): Promise<Deployment> {
    const clock = await simulatedHost(new SimulatedDisk(seed).open(), seed)
    return new Deployment(seed, clock)
  }

  now(): bigint {
    return this.clock.now()
  }

  /** The catalog as others call it. */
  get catalog(): CatalogPort {
    return this.wired('catalog', () => Promise.resolve(this.catalogObject))
  }

  /** A shard as others call it. */
  port(shard: string): ShardPort {
    const ended = async (): Promise<never> => (await this.shard(shard)).ended
    return this.wired(shard, async () => (await this.shard(shard)).desk, ended)
  }

  /** Another coordinator; with `viewAgeNs` it looks at the catalog so seldom. */
  async coordinator(viewAgeNs?: bigint): Promise<Coordinator> {
    const { module } = await simulatedHost(new SimulatedDisk(1).open())
    return new Coordinator({
      instance: await instantiateKernel(module, 64 << 20),
      catalog: this.catalog,
      port: (shard) => this.port(shard),
      now: () => this.clock.now(),
      // Whoever waits for one tries something again.
      timer: {
        set: (_delayMs, run) => setImmediate(run),
        clear: (handle) => clearImmediate(handle as never),
      },
      pause: () => Promise.resolve(),
      // Its clock moves with every reading.
      limits: { timeoutMs: 1e12 },
      random: (target) => void target.fill(++this.coordinators),
      ...(viewAgeNs === undefined ? {} : { viewAgeNs }),
    })
  }

  /** The database of one shard itself, for tests that look inside. */
  async database(shard: string): Promise<Database> {
    return (await this.shard(shard)).db
  }

  async place(shard: string): Promise<ShardPlace> {
    return (await this.shard(shard)).place
  }

  layout(database = 'default'): Layout | undefined {
    return this.layouts.get(database)
  }

  shards(database = 'default'): string[] {
    const layout = this.layouts.get(database)
    return layout === undefined ? [] : shardsOf(layout.map)
  }

  /** The machine of a shard loses power, and starts again with the next call. */
  async cutPower(shard: string): Promise<void> {
    const running = await this.running.get(shard)
    this.running.delete(shard)
    if (running === undefined) return
    this.disks.get(shard)!.crash()
    running.end()
  }

  /** The catalog's object ends, and begins anew with what is stored. */
  restartCatalog(): void {
    this.catalogObject = this.startCatalog()
  }

  async close(): Promise<void> {
    for (const running of this.running.values()) await (await running).db.close()
  }

  private startCatalog(): ShardCatalog {
    return new ShardCatalog({
      store: {
        read: (name) => structuredClone(this.layouts.get(name) ?? null),
        names: () => [...this.layouts.keys()],
        write: async (name, layout) => {
          this.step(`layout of ${name}`)
          if (layout === null) this.layouts.delete(name)
          else this.layouts.set(name, structuredClone(layout))
          this.step(`layout of ${name} written`)
        },
        nameShard: (name) => `${name}/${this.nextShard++}`,
      },
      port: (shard) => this.port(shard),
      fenceWidthNs: 1_000_000_000n,
    })
  }

  private shard(name: string): Promise<RunningShard> {
    const running = this.running.get(name) ?? this.open(name)
    this.running.set(name, running)
    return running
  }

  private async open(name: string): Promise<RunningShard> {
    const disk = this.disks.get(name) ?? new SimulatedDisk(this.seed + this.disks.size)
    this.disks.set(name, disk)
    const storage = disk.open()
    const place = new ShardPlace(storage)
    const host = await simulatedHost(
      storage,
      this.seed + 1000 * [...this.disks.keys()].indexOf(name),
    )
    const options = { ...TINY_OPTIONS, limits: { timeoutMs: 1e12 } }
    const now = (): bigint => this.clock.now()
    const db = await openDatabase({ ...host, now, fence: place.fence }, options)
    let end = (): void => {}
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(new Lost(`${name} ended`))
    })
    ended.catch(() => {})
    return { db, desk: new ShardDesk(db, place), place, ended, end }
  }

  private step(what: string): void {
    this.steps++
    this.trace.push(what)
    if (this.steps !== this.lostAt) return
    this.lostAt = null
    throw new Lost(`step ${this.steps}, ${what}`)
  }

  /** A port whose calls are cloned both ways and may be lost. */
  private wired<T extends object>(
    name: string,
    target: () => Promise<T>,
    ended: () => Promise<never> = () => new Promise(() => {}),
  ): T {
    return new Proxy({} as T, {
      get: (_, method) => {
        // A promise that resolves to it asks for this one.
        if (typeof method !== 'string' || method === 'then') return undefined
        return async (...given: unknown[]): Promise<unknown> => {
          const sent = structuredClone(given)
          this.step(`${name}.${method}`)
          const object = await target()
          const call = Reflect.get(object, method) as (...args: unknown[]) => Promise<unknown>
          const answer = structuredClone(await Promise.race([call.apply(object, sent), ended()]))
          this.step(`${name}.${method} answered`)
          return answer
        }
      },
    })
  }
}
