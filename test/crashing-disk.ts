// A disk that crash tests can end at any call: the simulated one, or what behaves as it.

import type { ShardStorage } from '../engine/storage/storage.ts'
import type { SimulatedDisk } from './simulated-storage.ts'

/** What crash tests need of a disk, so that they run on others, too. */
export type CrashingDisk = Pick<
  SimulatedDisk,
  | 'seed'
  | 'crash'
  | 'kill'
  | 'crashMatching'
  | 'failMatching'
  | 'hasFired'
  | 'hasStopped'
  | 'isQuiet'
  | 'capacity'
  | 'usedBytes'
  | 'describe'
> & {
  open(): ShardStorage | Promise<ShardStorage>
  /** Its calls that are worth failing, if they are others than those of a storage. */
  readonly patterns?: readonly RegExp[]
}
