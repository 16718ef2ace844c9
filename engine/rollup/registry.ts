// The rollups of a catalog, as immutable versions: a query takes the version of its snapshot, so that
// what it believes of a rollup's buckets fits the rows that it sees. It changes by catalog entries.

import { TIME_MIN } from '../calendar.ts'
import { OmenError } from '../error.ts'
import type { PartDescription } from '../segment/part.ts'
import { originOf, widthOf, type RollupDefinition } from './definition.ts'

export interface Rollup {
  readonly id: number
  /** Ids of the table that it is made of and of the table that holds it. */
  readonly source: number
  readonly target: number
  readonly definition: RollupDefinition
  /** Length and start of its buckets, nanoseconds. */
  readonly width: bigint
  readonly origin: bigint
  /** It holds what is in the parts of the source up to this sequence; -1: it has not been built. */
  readonly watermark: bigint
  /** Deletes of the source from this id on are not applied to what it holds. */
  readonly tombstonesFrom: number
  /** Buckets that end at or before this time are what they are: their points may be gone. */
  readonly frozenBefore: bigint
  /** It has every bucket from this one on: what was older had expired when it was built. */
  readonly begins: bigint
}

/** Rollups at one moment. */
export interface RollupVersion {
  readonly byId: ReadonlyMap<number, Rollup>
  readonly bySource: ReadonlyMap<number, readonly Rollup[]>
  readonly byTarget: ReadonlyMap<number, Rollup>
}

/** Parts that wait for rollups before their merges do so no longer. */
const WAITING_MAX = 64

export const NO_ROLLUPS: RollupVersion = {
  byId: new Map(),
  bySource: new Map(),
  byTarget: new Map(),
}

/** How far a rollup has come: the entry 16 of docs/format.md. */
export interface RollupProgress {
  readonly id: number
  readonly watermark: bigint
  readonly frozenBefore: bigint
  readonly begins: bigint
  readonly tombstonesFrom: number
}

export class RollupRegistry {
  private current: RollupVersion = NO_ROLLUPS
  /** By source: buckets that end by then are about to become final. */
  private readonly closing = new Map<number, bigint>()
  private count = 0

  get version(): RollupVersion {
    return this.current
  }

  /** The id that the next new rollup gets. */
  get nextId(): number {
    return this.count
  }

  /** Rollups of a table, in the order of their declaration. */
  of(source: number): readonly Rollup[] {
    return this.current.bySource.get(source) ?? []
  }

  /** The rollup whose buckets a table holds. */
  into(target: number): Rollup | undefined {
    return this.current.byTarget.get(target)
  }

  get(id: number): Rollup | undefined {
    return this.current.byId.get(id)
  }

  /**
   * Parts that may be merged: not those that some rollup does not hold yet, because it would have to
   * go over all of the result. Of what stays out, a long queue is let in all the same.
   */
  mergeable(parts: readonly PartDescription[]): readonly PartDescription[] {
    if (this.current.byId.size === 0) return parts
    const isNew = ({ table, sequence }: PartDescription): boolean =>
      this.of(table).some(({ watermark }) => sequence > watermark)
    const waiting = parts.filter(isNew)
    return waiting.length > WAITING_MAX ? parts : parts.filter((part) => !isNew(part))
  }

  /**
   * Which points of a table may go, of those before its cutoff: what none of its rollups needs any
   * more, and of a rollup's own buckets those that it is known not to have, also when the clock is
   * found to be earlier by then.
   */
  droppableBefore(table: number, cutoff: bigint): bigint {
    const bounds = this.of(table).map(({ frozenBefore }) => frozenBefore)
    const stored = this.into(table)
    if (stored !== undefined) bounds.push(stored.begins)
    return bounds.reduce((a, b) => (a < b ? a : b), cutoff)
  }

  /** Points of a source before this time come too late for one of its rollups. */
  closedBefore(source: number): bigint {
    const rollups = this.of(source)
    if (rollups.length === 0) return FROZEN_NONE
    const closing = this.closing.get(source) ?? FROZEN_NONE
    return rollups.reduce((a, { frozenBefore: b }) => (a > b ? a : b), closing)
  }

  /** From now on no points before this time come to a source, whichever of its rollups go. */
  close(source: number, before: bigint): void {
    if (before > (this.closing.get(source) ?? FROZEN_NONE)) this.closing.set(source, before)
  }

  /** Has some rollup of a table yet to take in what a tombstone hides? */
  readonly awaits = (table: number, tombstone: number): boolean =>
    this.of(table).some(({ tombstonesFrom }) => tombstone >= tombstonesFrom)

  /** Ids below this one are taken. */
  reach(next: number): void {
    this.count = Math.max(this.count, next)
  }

  /** Throws `corrupt` if `text` is no definition. */
  add(entry: { id: number; source: number; target: number; text: string }): void {
    const { id, source, target, text } = entry
    this.reach(id + 1)
    if (this.current.byId.has(id)) return
    const definition = decodeDefinition(text)
    this.put({
      ...{ id, source, target, definition, watermark: -1n, frozenBefore: FROZEN_NONE },
      ...{ begins: FROZEN_NONE, tombstonesFrom: 0 },
      ...{ width: widthOf(definition), origin: originOf(definition) },
    })
  }

  refresh({ id, ...progress }: RollupProgress): void {
    const known = this.current.byId.get(id)
    if (known === undefined) return
    const { watermark, frozenBefore, begins, tombstonesFrom } = progress
    this.put({ ...known, watermark, frozenBefore, begins, tombstonesFrom })
  }

  drop(id: number): void {
    this.keep((rollup) => rollup.id !== id)
  }

  /** Forgets what is made of a dropped table, or lies in it. */
  dropTable(table: number): void {
    this.keep(({ source, target }) => source !== table && target !== table)
  }

  private put(rollup: Rollup): void {
    this.replace([...new Map(this.current.byId).set(rollup.id, rollup).values()])
  }

  private keep(isKept: (rollup: Rollup) => boolean): void {
    const kept = [...this.current.byId.values()].filter(isKept)
    if (kept.length === this.current.byId.size) return
    this.replace(kept)
    for (const source of this.closing.keys()) {
      if (this.of(source).length === 0) this.closing.delete(source)
    }
  }

  private replace(rollups: readonly Rollup[]): void {
    const bySource = new Map<number, Rollup[]>()
    for (const rollup of rollups) {
      const siblings = bySource.get(rollup.source)
      if (siblings === undefined) bySource.set(rollup.source, [rollup])
      else siblings.push(rollup)
    }
    this.current = {
      byId: new Map(rollups.map((rollup) => [rollup.id, rollup])),
      bySource,
      byTarget: new Map(rollups.map((rollup) => [rollup.target, rollup])),
    }
  }
}

/** Before all time: nothing is frozen. */
export const FROZEN_NONE = -(2n ** 63n)

/** Start of the bucket that holds `time`. */
export function floorToBucket(rollup: Pick<Rollup, 'width' | 'origin'>, time: bigint): bigint {
  const { width, origin } = rollup
  const rest = (time - origin) % width
  return time - (rest < 0n ? rest + width : rest)
}

/**
 * The first start of a bucket that is not before `time`; of the beginning of time the bucket that
 * holds it, because no point is before it.
 */
export function ceilToBucket(rollup: Pick<Rollup, 'width' | 'origin'>, time: bigint): bigint {
  return floorToBucket(rollup, time <= TIME_MIN ? TIME_MIN : time + rollup.width - 1n)
}

/** The text of a definition in its entry. */
export function encodeDefinition({ every, select }: RollupDefinition): string {
  return JSON.stringify({ every, select })
}

function decodeDefinition(text: string): RollupDefinition {
  try {
    const definition = JSON.parse(text) as RollupDefinition
    if (Array.isArray(definition.select) && widthOf(definition) > 0n) return definition
  } catch {
    // Falls through: the message is the same.
  }
  throw new OmenError('corrupt', `catalog: a rollup has the definition ${text.slice(0, 60)}`)
}
