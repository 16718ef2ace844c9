// Resident memory of processes, as Linux counts it.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'

/** A process and all that descend from it. */
function treeOf(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readIfThere(`/proc/${name}/stat`) : ''
    if (stat === '') continue
    // pid (name) state parent …, and a name may have spaces and parentheses.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const tree = [root]
  for (const id of tree) tree.push(...(children.get(id) ?? []))
  return tree
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** From now on `peakMemory` counts what a process and its descendants hold. */
export function resetPeak(root: number): void {
  for (const id of treeOf(root)) {
    if (existsSync(`/proc/${id}`)) writeFileSync(`/proc/${id}/clear_refs`, '5')
  }
}

/**
 * Most resident bytes of a process since `resetPeak`, files that it maps included, and of those of its
 * descendants that live; what they share is counted once.
 */
export function peakMemory(root: number): number {
  let own = 0
  let shared = 0
  for (const id of treeOf(root)) {
    const status = readIfThere(`/proc/${id}/status`)
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
    const mapped = bytes('RssShmem') + bytes('RssFile')
    own += bytes('VmHWM') - mapped
    shared = Math.max(shared, mapped)
  }
  return own + shared
}

/** Processor time that a process used, in clock ticks of 10 ms. */
function ticksOf(id: number): number {
  const stat = readIfThere(`/proc/${id}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

const WINDOW_MS = 2_000
const WINDOWS_MAX = 30
/** On a busy machine a server may get no processor for a while. */
const IDLE_WINDOWS = 2
/** A server that does nothing takes a tick now and then. */
const IDLE_TICKS = 8

/** Waits until a server has done next to nothing for a while, and at least for `leastMs`. */
export async function untilIdle(id: number, leastMs: number): Promise<void> {
  await new Promise((later) => setTimeout(later, leastMs))
  let idle = 0
  for (let window = 0; window < WINDOWS_MAX && idle < IDLE_WINDOWS; window++) {
    const before = ticksOf(id)
    await new Promise((later) => setTimeout(later, WINDOW_MS))
    idle = ticksOf(id) - before <= IDLE_TICKS ? idle + 1 : 0
  }
}
