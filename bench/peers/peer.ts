// What a database has to offer to take part: load a set durably, answer questions, and say what it
// takes in memory and on disk. One process holds one peer (worker.ts).

import { createRequire } from 'node:module'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PointSet } from './point-set.ts'
import type { Question, Rows } from './questions.ts'

export interface Peer {
  /** With its version. */
  readonly title: string
  /** How it takes the set. */
  readonly loading: string
  /** Makes ready what `load` reads (files, arrays, texts): not timed. */
  prepare(data: PointSet, lateShare: number): Promise<void>
  /** All points, on disk when it resolves. */
  load(): Promise<void>
  /** Brings files into the shape that they have in the long run, if there is a way to ask for it. */
  settle(): Promise<void>
  /** The answer in memory of this process, in the most direct form that the peer's interface has; null: it can't. */
  ask(question: Question): Promise<unknown>
  /** The rows of an answer of `ask`. */
  rowsOf(question: Question, answer: unknown): Rows | Promise<Rows>
  /** Processes whose memory is the peer's, this one aside; none: it runs in this one. */
  readonly servers: readonly number[]
  close(): Promise<void>
}

/** Opens a peer in an empty directory. */
export type PeerOpener = (directory: string) => Promise<Peer>

/** A package of bench/peers/package.json, of which the caller knows the part that it uses. */
export function peerPackage(name: string): unknown {
  return createRequire(import.meta.url)(name)
}

/** Sorts rows into groups by name, and each group by time. */
export function groupRows(rows: Iterable<readonly [name: string, ...values: number[]]>): Rows {
  const groups: Rows = new Map()
  for (const [name, ...values] of rows) {
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [values])
    else group.push(values)
  }
  for (const group of groups.values()) group.sort((a, b) => a[0]! - b[0]!)
  return groups
}

/** Bytes of all files below a directory. */
export function diskBytes(directory: string): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) bytes += diskBytes(path)
    else if (entry.isFile()) bytes += statSync(path).blocks * 512
  }
  return bytes
}

/** Most resident memory that a process had since `resetPeak`, in bytes; 0: it is gone. */
export function peakMemory(process: number | 'self'): number {
  const file = `/proc/${process}/status`
  if (!existsSync(file)) return 0
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) * 1024
}
