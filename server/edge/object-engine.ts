// The engine of an object while it is open, as a tenant of the isolate's memory: it knows what is under
// way in it, and can be dropped while nothing is.

import { Database, openDatabase } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Timer } from '../../engine/host.ts'
import { nextExpiry } from '../../engine/lifecycle/expiry.ts'
import module from '../../engine/omendb.wasm'
import { ShardPlace } from '../../engine/shards/shard-place.ts'
import {
  type ObjectShardStorage,
  type ObjectStorage,
  openDurableObjectStorage,
} from '../../engine/storage/durable-object.ts'
import { IsolateMemory, type Tenant } from './isolate-memory.ts'
import { type ObjectHost, objectHost } from './object-host.ts'
import { ObjectTimers } from './object-timers.ts'
import { SHARD_OPTIONS } from './shard-memory.ts'
import { type ShardBucket, tieredStorage } from './shard-tier.ts'

/** What the object does for its engine. */
export interface EngineOwner {
  /** For messages. */
  readonly name: string
  /** The object has to be awake then, in milliseconds since 1970. */
  wakeAt(time: number): void
  /** A commit has failed: the object has to be reset. */
  failed(reason: string): void
  /** The engine is gone; the next event opens another one. */
  dropped(): void
  /** Where cold segments go; null: nowhere. While a call of it is under way a timeout of `timer` is set. */
  bucket(timer: Timer): ShardBucket | null
}

/** What should have expired and has not (rollups wait for it) is looked at again after so long. */
const EXPIRY_MS_MIN = 600_000

/** Of all objects in this isolate. */
export const isolateMemory = new IsolateMemory()

const now = (): number => Date.now()

/** Opens what the object holds. Throws what `openDatabase` throws, and `busy` when the isolate is full. */
export async function openEngine(
  objectStorage: ObjectStorage,
  owner: EngineOwner,
): Promise<ObjectEngine> {
  isolateMemory.admit()
  const storage = openDurableObjectStorage(objectStorage, {
    location: owner.name,
    failed: ({ message }) => owner.failed(message),
    gather: () => new Promise((resolve) => setTimeout(resolve, 0)),
  })
  const timers = new ObjectTimers(now, (time) => owner.wakeAt(time))
  try {
    const bucket = owner.bucket(timers)
    const tiered = bucket === null ? storage : tieredStorage(storage, bucket)
    const place = new ShardPlace(storage)
    const host = Object.assign(objectHost(module, tiered, timers), { fence: place.fence })
    const db = await openDatabase(host, SHARD_OPTIONS)
    return new ObjectEngine(db, { place, storage, host, timers, owner })
  } catch (error) {
    await storage.close()
    throw error
  }
}

export class ObjectEngine implements Tenant {
  readonly db: Database
  /** Among the shards of its database. */
  readonly place: ShardPlace
  readonly timers: ObjectTimers
  private readonly storage: ObjectShardStorage
  private readonly host: ObjectHost
  private readonly owner: EngineOwner
  private events = 0
  private lastBytes = 0

  /** Use `openEngine`. */
  constructor(
    db: Database,
    {
      place,
      storage,
      host,
      timers,
      owner,
    }: {
      readonly place: ShardPlace
      readonly storage: ObjectShardStorage
      readonly host: ObjectHost
      readonly timers: ObjectTimers
      readonly owner: EngineOwner
    },
  ) {
    this.db = db
    this.place = place
    this.storage = storage
    this.host = host
    this.timers = timers
    this.owner = owner
    this.measure()
    isolateMemory.use(this)
  }

  /** As Tenant says. Others ask, so it is what this one knew when it was at work last. */
  get kernelBytes(): number {
    return this.lastBytes
  }

  get isResting(): boolean {
    const { events, storage, host, timers } = this
    return events === 0 && !storage.isSyncing && !host.isPausing && !timers.isWaiting
  }

  release(): void {
    this.storage.abandon()
    this.owner.dropped()
  }

  /** An event of the object begins, and what is due runs. Until its `end` the engine is kept. */
  begin(): void {
    this.events++
    this.measure()
    isolateMemory.use(this)
    this.timers.runDue()
  }

  /** An event has ended, and its answer has gone. */
  end(): void {
    this.events--
    this.measure()
  }

  /** Runs an event that has ended when this resolves. */
  async during<T>(run: (db: Database) => T | Promise<T>): Promise<T> {
    this.begin()
    try {
      return await run(this.db)
    } finally {
      this.end()
    }
  }

  /** Sets the alarm for what is to come. */
  wakeNext(): void {
    const { timers, owner, db } = this
    if (timers.nextWake !== null) owner.wakeAt(timers.nextWake)
    const { catalog, parts } = Database.shardOf(db)
    const expiry = nextExpiry(catalog, parts)
    if (expiry === null) return
    owner.wakeAt(Math.max(Number(expiry / 1_000_000n) + 1, now() + EXPIRY_MS_MIN))
  }

  private measure(): void {
    try {
      this.lastBytes = this.db.kernel.memory.wasm.buffer.byteLength
    } catch (error) {
      // A kernel that trapped is being replaced.
      if (!(error instanceof OmenError)) throw error
    }
  }

  /** Flushes, as far as it can, and gives the storage back. */
  async close(): Promise<void> {
    isolateMemory.leave(this)
    await this.db.close()
  }
}
