// A disk that crash tests can end at any call: the simulated one, or what behaves as it.

import type { SimulatedDisk } from './simulated-storage.ts'

/** What crash tests need of a disk, so that they run on others, too. */
export type CrashingDisk = Pick<
  SimulatedDisk,
  | 'seed'
  | 'open'
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
>
