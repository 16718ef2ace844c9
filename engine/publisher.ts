// How new parts take the place of old ones: the segment file is written and made durable under its
// name, then a manifest names it, then queries see it, and what is left over goes. Whatever fails
// before, nothing has changed and nothing stays on the disk.

import type { Cache } from './segment/cache.ts'
import type { Catalog } from './catalog/catalog.ts'
import { run } from './drive.ts'
import { fileName } from './log/file-name.ts'
import type { Host } from './host.ts'
import type { Journal } from './log/journal.ts'
import type { KernelInstance } from './kernel.ts'
import type { FileDescription } from './log/manifest.ts'
import type { TrustedClock } from './lifecycle/clock.ts'
import type { PartDescription } from './segment/part.ts'
import type { PartSet } from './segment/part-set.ts'
import { SegmentWriter } from './segment/segment.ts'
import type { Execution } from './step.ts'

/** A change of the live parts. */
export interface PartChange {
  readonly removed?: readonly PartDescription[]
  readonly added?: readonly PartDescription[]
  /** What the added ones lie in. */
  readonly files?: readonly FileDescription[]
  /** Records up to this one are in parts now. */
  readonly flushedLsn?: bigint
  /** Called when it is durable, together with its becoming visible. */
  readonly visible?: () => void
}

/** What the steps of a shard share. */
export interface ShardRooms {
  readonly host: Host
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly cache: Cache
  readonly parts: PartSet
  readonly journal: Journal
  readonly clock: TrustedClock
}

/**
 * Runs a query or a maintenance step by step; `check` throws to cancel it, `rest` is what it does
 * beside the host's own pause, after that, and `meanwhile` what it does while it waits for a cold file.
 */
export async function drive<T>(
  { host, instance, cache }: Pick<ShardRooms, 'host' | 'instance' | 'cache'>,
  execution: Execution<T>,
  check: () => void = () => {},
  { rest, meanwhile }: Pick<SegmentPace, 'rest' | 'meanwhile'> = {},
): Promise<T> {
  instance.check()
  const pauseAndRest = async (): Promise<void> => {
    await host.pause()
    await rest?.()
  }
  try {
    return await run(execution, {
      cache,
      source: host.storage,
      pause: rest === undefined ? () => host.pause() : pauseAndRest,
      meanwhile,
      // The kernel may have ended while this one paused.
      check: () => {
        instance.check()
        check()
      },
    })
  } catch (error) {
    throw instance.explain(error)
  }
}

/** Whether a table's parts count; those of a dropped one go with the next change. */
export function isLive({ catalog }: Pick<ShardRooms, 'catalog'>, table: number): boolean {
  return catalog.tableOf(table) !== undefined
}

/** Makes a change of the live parts durable, then visible, in one step; then removes what is left over. */
export async function publish(rooms: ShardRooms, change: PartChange): Promise<void> {
  const { journal, parts } = rooms
  const { removed = [], added = [], files = [], flushedLsn = null, visible } = change
  await journal.exclusive(async () => {
    const next = parts.preview(removed, added, files, (table) => isLive(rooms, table))
    await journal.commit(next, flushedLsn)
    parts.replace(next)
    visible?.()
    for (const { number } of files) {
      if (!next.files.has(number)) journal.discard(fileName('segment', number))
    }
  })
  parts.collect()
}

/** What interferes with the writing of a segment. */
export interface SegmentPace {
  /** Asked before each step; throws to cancel. */
  readonly check?: () => void
  /** What else to do in a pause; null for nothing. */
  readonly rest?: (() => Promise<void> | null) | undefined
  /** The same while a cold file is read; resolves when that has settled. */
  readonly meanwhile?: ((reading: Promise<unknown>) => Promise<void>) | undefined
}

/**
 * Bytes of a segment that may wait for their sync. One sync of hundreds of MiB at the end would hold
 * up the log's, which writers wait for; and the writing never runs far ahead of the disk.
 */
export const UNSYNCED_MAX = 4 * 1024 * 1024

/** Writes a segment file, makes it durable and hands it to `publishIt`; its bytes. */
export async function writeSegment<T>(
  rooms: ShardRooms,
  write: (writer: SegmentWriter) => Execution<T>,
  publishIt: (result: T, file: FileDescription) => Promise<unknown>,
  { check, rest, meanwhile }: SegmentPace = {},
): Promise<number> {
  const { host, instance, journal, parts } = rooms
  const { storage } = host
  const number = journal.takeFileNumber()
  const name = fileName('segment', number)
  const temporary = `${name}.tmp`
  let writer: SegmentWriter | null = null
  let synced = 0
  const syncSome = async (size: number): Promise<void> => {
    synced = size
    await storage.sync(temporary)
  }
  const restHere = (): Promise<void> | null => {
    const size = writer?.size ?? 0
    return size - synced >= UNSYNCED_MAX ? syncSome(size) : (rest?.() ?? null)
  }
  try {
    storage.create(temporary)
    writer = new SegmentWriter(instance, number, (bytes) => storage.append(temporary, [bytes]))
    const result = await drive(rooms, write(writer), check, { rest: restHere, meanwhile })
    const { size, checksum } = writer
    await storage.sync(temporary)
    storage.rename(temporary, name)
    await storage.syncDirectory()
    await publishIt(result, { number, size, checksum })
    return size
  } catch (error) {
    journal.discard(temporary)
    if (!parts.version.files.has(number)) journal.discard(name)
    throw error
  } finally {
    writer?.release()
  }
}
