// What others see of a shard: the state that a query reads, and what was counted.

import type { TombstoneVersion } from './lifecycle/tombstones.ts'
import type { MaintenanceCounters } from './maintenance.ts'
import type { MemtableHold, Memtables } from './memtables.ts'
import type { ShardRooms } from './publisher.ts'
import type { RollupVersion } from './rollup/registry.ts'
import type { PartVersion } from './segment/part-set.ts'

/** What a query reads: fixed at its start, held until released. */
export interface ShardSnapshot extends MemtableHold {
  readonly version: PartVersion
  readonly tombstones: TombstoneVersion
  readonly rollups: RollupVersion
}

/** What is there now; `released` is called once, when it is let go. */
export function takeSnapshot(
  { parts, catalog }: Pick<ShardRooms, 'parts' | 'catalog'>,
  memtables: Memtables,
  released: () => void,
): ShardSnapshot {
  const version = parts.acquire()
  const hold = memtables.hold()
  const lease = catalog.lease()
  let isReleased = false
  return {
    memtables: hold.memtables,
    check: hold.check,
    lend: hold.lend,
    keep: hold.keep,
    version,
    tombstones: catalog.tombstones.version,
    rollups: catalog.rollups.version,
    release: () => {
      if (isReleased) return
      isReleased = true
      hold.release()
      lease.end()
      parts.release(version)
      released()
    },
  }
}

/** Counters since the start. */
export interface ShardCounters extends Readonly<MaintenanceCounters> {
  readonly syncSeconds: number
  readonly syncs: number
}
