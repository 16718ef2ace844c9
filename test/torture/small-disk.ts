// Disks of a few MiB that can be filled and freed: the simulated one, and a tmpfs of its own where this
// process may mount one. So there is always one, and nothing is skipped where mounting is forbidden.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, type OpenOptions, openDatabase } from '../../engine/database.ts'
import { open } from '../../engine/node.ts'
import { type SimulatedHost, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const MIB = 1 << 20
const DISK_BYTES = 8 * MIB
/** What `free` gives back. */
const BALLAST_BYTES = 5 * MIB

export interface SmallDisk {
  readonly name: string
  open(options: OpenOptions): Promise<Database>
  /** Removes what is not the database's. */
  free(): void
  /** Lets the timers of a simulated host come due. */
  tick(): void
  remove(): void
}

/** At least one. */
export function smallDisks(): SmallDisk[] {
  const real = mountedDisk()
  return real === null ? [simulatedDisk()] : [real, simulatedDisk()]
}

function mountedDisk(): SmallDisk | null {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-full-'))
  const options = ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', directory]
  if (spawnSync('mount', options).status !== 0) {
    rmSync(directory, { recursive: true })
    return null
  }
  const ballast = join(directory, 'ballast')
  writeFileSync(ballast, new Uint8Array(BALLAST_BYTES))
  return {
    name: 'a tmpfs',
    open: (openOptions) => open(join(directory, 'database'), openOptions),
    free: () => rmSync(ballast),
    tick: () => {},
    remove() {
      spawnSync('umount', ['--lazy', directory])
      rmSync(directory, { recursive: true })
    },
  }
}

function simulatedDisk(): SmallDisk {
  const disk = new SimulatedDisk(1)
  disk.capacity = DISK_BYTES - BALLAST_BYTES
  let host: SimulatedHost | null = null
  return {
    name: 'a simulated disk',
    open: async (options) => {
      host = await simulatedHost(disk.open())
      return openDatabase(host, options)
    },
    free: () => (disk.capacity = DISK_BYTES),
    tick: () => host?.fireTimers(),
    remove: () => {},
  }
}
