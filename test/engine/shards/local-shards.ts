// A database in several shards within this process: an engine of its own for each, reached by ports whose
// every argument and answer is cloned as a message is, and a map that splits while it is used.

import { type Database, openDatabase } from '../../../engine/database.ts'
import { compareText } from '../../../engine/catalog/tags.ts'
import { type Plan, fixedTags } from '../../../engine/query/plan.ts'
import type { QueryLimits } from '../../../engine/query/query.ts'
import type { ReadShards } from '../../../engine/shards/fan-out.ts'
import type { ShardReadPort } from '../../../engine/shards/read-port.ts'
import {
  type ShardMap,
  type SlotRange,
  SLOT_COUNT,
  shardOf,
  slotsOf,
  soleMap,
  splitMap,
} from '../../../engine/shards/shard-map.ts'
import { readPortOf } from '../../../engine/shards/read-replies.ts'
import type { ShardCall, ShardReply } from '../../../engine/shards/shard-port.ts'
import { ShardReads } from '../../../engine/shards/shard-reads.ts'
import { ShardedReads } from '../../../engine/shards/sharded-reads.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { openKernel } from '../../kernel.ts'
import type { Random } from '../../random.ts'
import type { ReferencePoint } from '../../reference.ts'
import { columnPointsOf, lineProtocolOf } from '../../reference/scenario.ts'
import { SMALL_OPTIONS, type SimulatedHost, simulatedHost } from '../../simulated-host.ts'

const LIMITS = { maxPoints: 2e8, maxBuckets: 1e6, queryBytes: 2 ** 30, timeoutMs: 1e12 }

interface LocalShard {
  readonly host: SimulatedHost
  readonly database: Database
  readonly reads: ShardReads
  /** Callers with maps older than it are refused. */
  epoch: number
}

export class LocalShards implements ReadShards {
  readonly all = new Map<string, LocalShard>()
  current: ShardMap = soleMap('s0')
  /** The map that the coordinator has, which may be old. */
  private known: ShardMap = this.current
  /** Calls of each kind. */
  readonly calls = new Map<string, number>()
  renewals = 0
  /** Before each call. */
  before: (kind: string) => Promise<void> = () => Promise.resolve()
  private readonly seed: number

  private constructor(seed: number) {
    this.seed = seed
  }

  static async open(seed: number): Promise<LocalShards> {
    const shards = new LocalShards(seed)
    await shards.add('s0', 1)
    return shards
  }

  /** A coordinator of these shards; its clock stands. */
  async coordinator(now: bigint, limits: Partial<QueryLimits> = {}): Promise<ShardedReads> {
    const instance = await openKernel()
    const host = {
      instance,
      now: () => now,
      pause: () => Promise.resolve(),
      random: (target: Uint8Array) => void target.fill(7),
    }
    return new ShardedReads(host, this, { ...LIMITS, ...limits })
  }

  /** From `fence` on the shard's slots are those of two new ones. */
  async split(name: string, fence: bigint): Promise<void> {
    const made = [`s${this.all.size}`, `s${this.all.size + 1}`] as const
    const next = splitMap(this.current, name, fence, made)
    for (const one of made) await this.add(one, next.epoch)
    this.current = next
    this.all.get(name)!.epoch = next.epoch
  }

  /** Shards that take new points, and could be split. */
  get splittable(): string[] {
    return [...this.all.keys()].filter((name) => {
      const slots = slotsOf(this.current, name)
      return slots !== null && slots.end - slots.first > 1
    })
  }

  /** Writes points where they belong. */
  async write(points: readonly ReferencePoint[], random: Random): Promise<void> {
    const parts = new Map<string, ReferencePoint[]>()
    for (const point of points) {
      const name = shardOf(this.current, slotOf(point), point.time)
      parts.set(name, [...(parts.get(name) ?? []), point])
    }
    for (const [name, part] of parts) {
      const { database } = this.all.get(name)!
      const batch = database.batch({ precision: 'ns' })
      if (random.chance(0.5)) for (const columns of columnPointsOf(part)) batch.points(columns)
      else batch.lineProtocol(new TextEncoder().encode(lineProtocolOf(part)))
      const { written } = await batch.commit()
      if (written !== part.length) throw new Error(`${name}: ${written} of ${part.length} written`)
    }
  }

  async each(use: (database: Database, name: string) => Promise<unknown>): Promise<void> {
    for (const [name, { database }] of this.all) await use(database, name)
  }

  async close(): Promise<void> {
    await this.each((database) => database.close())
  }

  map(): Promise<ShardMap> {
    return Promise.resolve(this.known)
  }

  renew(): Promise<ShardMap> {
    this.renewals++
    this.known = this.current
    return Promise.resolve(this.known)
  }

  slotsOf(plan: Plan): SlotRange | null {
    const tags = fixedTags(plan)
    if (tags === null) return null
    const first = slotOf({ table: plan.table.name, tags: Object.fromEntries(tags) })
    return { first, end: first + 1 }
  }

  port(name: string): ShardReadPort {
    const shard = this.all.get(name)!
    const refusal = ({ epoch }: ShardCall): ShardReply<never> | null =>
      epoch < shard.epoch ? { kind: 'wrongEpoch', epoch: shard.epoch, map: null } : null
    const port = readPortOf(shard.reads, refusal)
    return new Proxy(port, {
      get:
        (_, kind: keyof ShardReadPort) =>
        async (...given: never[]) => {
          this.calls.set(kind, (this.calls.get(kind) ?? 0) + 1)
          await this.before(kind)
          const ask = port[kind] as (...given: never[]) => Promise<unknown>
          return structuredClone(await ask(...structuredClone(given)))
        },
    })
  }

  private async add(name: string, epoch: number): Promise<void> {
    const host = await simulatedHost(openMemoryStorage(), this.seed + this.all.size)
    const database = await openDatabase(host, SMALL_OPTIONS)
    this.all.set(name, { host, database, epoch, reads: new ShardReads(database) })
  }
}

/** Some slot for each series. */
export function slotOf({ table, tags }: Pick<ReferencePoint, 'table' | 'tags'>): number {
  const pairs = Object.entries(tags).filter(([, value]) => value !== '')
  let hash = 2_166_136_261
  pairs.sort(([a], [b]) => compareText(a, b))
  for (const unit of JSON.stringify([table, ...pairs])) {
    hash = Math.imul(hash ^ unit.codePointAt(0)!, 16_777_619)
  }
  return (hash >>> 13) % SLOT_COUNT
}
