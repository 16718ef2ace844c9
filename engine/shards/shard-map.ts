// Which shard a point belongs to: its series has one of 1,024 slots, and a map of slot ranges says which
// shard holds a slot from which time on. A hot shard is split by a fence in time: its entry stays for
// the times before, two new ones take the slots from there on, so that no point ever moves. Pure
// functions over plain values that cross threads and RPC.

import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { OmenError, assert } from '../error.ts'

/** Slots of a database: slot = hash of the series' name and tags & 1023 (docs/format.md, "Slots"). */
export const SLOT_COUNT = 1024

/** The slots [first, end) are the shard's from `since` (nanoseconds, inclusive) on, until a later entry. */
export interface ShardEntry {
  readonly first: number
  readonly end: number
  readonly since: bigint
  readonly shard: string
}

/** Where the points of one database are. Each change has the next epoch; entries are ordered by `since`. */
export interface ShardMap {
  readonly epoch: number
  readonly entries: readonly ShardEntry[]
}

/** Slots [first, end). */
export interface SlotRange {
  readonly first: number
  readonly end: number
}

/** The map of a new database: all of it is in one shard. */
export function soleMap(shard: string, epoch = 1): ShardMap {
  return { epoch, entries: [{ first: 0, end: SLOT_COUNT, since: TIME_MIN, shard }] }
}

/** The shard of a slot at a time: that of the entry with the largest `since` at or before it. */
export function shardOf(map: ShardMap, slot: number, time: bigint): string {
  let found: ShardEntry | undefined
  for (const entry of map.entries) {
    if (slot < entry.first || slot >= entry.end || entry.since > time) continue
    if (found === undefined || entry.since >= found.since) found = entry
  }
  assert(found !== undefined, `shard map: slot ${slot} has no shard at ${time}`)
  return found.shard
}

/**
 * Shards that may hold points of these slots (null: all) at times in [start, end); null: open. In the
 * order of the map, each once.
 */
export function shardsFor(
  map: ShardMap,
  slots: SlotRange | null,
  start: bigint | null,
  end: bigint | null,
): string[] {
  const { first, end: slotEnd } = slots ?? { first: 0, end: SLOT_COUNT }
  const from = start ?? TIME_MIN
  const found = new Set<string>()
  for (const entry of map.entries) {
    if (entry.first >= slotEnd || entry.end <= first) continue
    if (end !== null && entry.since >= end) continue
    if (untilOf(map, entry, first, slotEnd) > from) found.add(entry.shard)
  }
  return [...found]
}

/** All shards of a map, in its order. */
export function shardsOf(map: ShardMap): string[] {
  return shardsFor(map, null, null, null)
}

/** Has a database several shards, so that a coordinator answers for it? */
export function isSharded({ entries }: ShardMap): boolean {
  return entries.length > 1
}

/** Time from which on an entry has none of its slots in [first, end) any more. */
function untilOf(map: ShardMap, entry: ShardEntry, first: number, end: number): bigint {
  let latest = entry.since
  const [from, to] = [Math.max(first, entry.first), Math.min(end, entry.end)]
  for (let slot = from; slot < to;) {
    let until = TIME_MAX + 1n
    let next = to
    for (const later of map.entries) {
      if (later.since <= entry.since) continue
      if (later.first <= slot && slot < later.end) {
        if (later.since < until) until = later.since
        next = Math.min(next, later.end)
      } else if (later.first > slot) {
        next = Math.min(next, later.first)
      }
    }
    if (until > latest) latest = until
    slot = next
  }
  return latest
}

/** The slots that a shard takes new points of; null if others took all of them over. */
export function slotsOf(map: ShardMap, shard: string): SlotRange | null {
  const entry = map.entries.findLast((one) => one.shard === shard)
  if (entry === undefined) return null
  const isOver = map.entries.some(
    (later) => later.since > entry.since && later.first < entry.end && entry.first < later.end,
  )
  return isOver ? null : { first: entry.first, end: entry.end }
}

/**
 * The map after a split: from `fence` on the slots of `shard` belong to the new ones, half of them to
 * each; epoch + 1. Throws `conflict` if the shard takes no new points, has a single slot, or none of its
 * times lies before the fence.
 */
export function splitMap(
  map: ShardMap,
  shard: string,
  fence: bigint,
  made: readonly [string, string],
): ShardMap {
  const slots = slotsOf(map, shard)
  if (slots === null) {
    throw new OmenError(
      'conflict',
      `shard '${shard}': it takes no new points, others have its slots`,
    )
  }
  const { first, end } = slots
  if (end - first < 2) {
    throw new OmenError('conflict', `shard '${shard}': its one slot, ${first}, cannot be split`)
  }
  const since = map.entries.findLast((one) => one.shard === shard)!.since
  if (fence <= since) {
    throw new OmenError('conflict', `shard '${shard}': a fence at ${fence} is not after ${since}`)
  }
  const middle = (first + end) >>> 1
  const [low, high] = made
  const entries = [
    ...map.entries,
    { first, end: middle, since: fence, shard: low },
    { first: middle, end, since: fence, shard: high },
  ].sort((a, b) => (a.since < b.since ? -1 : Number(a.since > b.since)))
  const next = { epoch: map.epoch + 1, entries }
  checkMap(next)
  return next
}

/**
 * Throws `corrupt` for what is no map: a slot that has no shard from the first time on, entries that
 * say two things of one slot and time, a shard that is there twice, numbers out of range.
 */
export function checkMap({ epoch, entries }: ShardMap): void {
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw corrupt(`epoch ${epoch} is none`)
  const starts = new Set<string>()
  const shards = new Set<string>()
  let last = TIME_MIN
  for (const { first, end, since, shard } of entries) {
    const isRange = Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first < end
    if (!isRange || end > SLOT_COUNT) throw corrupt(`slots ${first} to ${end} are no range`)
    if (since < TIME_MIN || since > TIME_MAX || since < last) {
      throw corrupt(`time ${since} of shard '${shard}' is out of order`)
    }
    last = since
    if (shard === '' || shards.has(shard)) throw corrupt(`shard '${shard}' is there twice`)
    shards.add(shard)
    for (let slot = first; slot < end; slot++) {
      const start = `${slot} ${since}`
      if (starts.has(start)) throw corrupt(`slot ${slot} has two shards at ${since}`)
      starts.add(start)
    }
  }
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!starts.has(`${slot} ${TIME_MIN}`)) throw corrupt(`slot ${slot} has no first shard`)
  }
}

/** The map as text, for storage that keeps no bigint. */
export function encodeMap({ epoch, entries }: ShardMap): string {
  const rows = entries.map(({ first, end, since, shard }) => [first, end, String(since), shard])
  return JSON.stringify({ epoch, entries: rows })
}

/** Reads what `encodeMap` wrote. Throws `corrupt`. */
export function decodeMap(text: string): ShardMap {
  let map: ShardMap
  try {
    const read = JSON.parse(text) as { epoch: number; entries: [number, number, string, string][] }
    const entries = read.entries.map(([first, end, since, shard]) => {
      return { first, end, since: BigInt(since), shard }
    })
    map = { epoch: read.epoch, entries }
  } catch (error) {
    throw new OmenError('corrupt', `shard map: ${text.length} characters are none`, {
      cause: error,
    })
  }
  checkMap(map)
  return map
}

function corrupt(fact: string): OmenError {
  return new OmenError('corrupt', `shard map: ${fact}`)
}
