// What others see of a shard: the state that a query reads, and what was counted.

import type { TombstoneVersion } from './lifecycle/tombstones.ts'
import type { MaintenanceCounters } from './maintenance.ts'
import type { MemtableHold } from './memtables.ts'
import type { RollupVersion } from './rollup/registry.ts'
import type { PartVersion } from './segment/part-set.ts'

/** What a query reads: fixed at its start, held until released. */
export interface ShardSnapshot extends MemtableHold {
  readonly version: PartVersion
  readonly tombstones: TombstoneVersion
  readonly rollups: RollupVersion
}

/** Counters since the start. */
export interface ShardCounters extends Readonly<MaintenanceCounters> {
  readonly syncSeconds: number
  readonly syncs: number
}
