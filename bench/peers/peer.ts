// What a database has to offer to take part: load a set durably, answer questions, and say what it
// takes in memory and on disk. One process holds one peer (worker.ts), opened once to load and settle,
// and again, in another process, to be asked.

import { createRequire } from 'node:module'
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { InputKind } from './inputs.ts'
import type { SetShape } from './point-set.ts'
import type { Question, Rows } from './questions.ts'

export interface Peer {
  /** With its version. */
  readonly title: string
  /** How it takes the set. */
  readonly loading: string
  /** How its files are brought into the shape that they have in the long run. */
  readonly settling: string
  /** Makes databases and tables, where writes do not. */
  create(): Promise<void>
  /** Loads a file; all points are on disk when it resolves. */
  load(file: string): Promise<void>
  /** Brings the files into that shape; the peer need not answer any more until it is opened again. */
  settle(): Promise<void>
  /** The answer in memory of this process, in the most direct form that the peer's interface has; null: it can't. */
  ask(question: Question): Promise<unknown>
  /** Asks what costs a server the least, and gets an answer with nothing in it; null: there is no server. */
  readonly askNothing: (() => Promise<unknown>) | null
  /** The rows of an answer of `ask`. */
  rowsOf(question: Question, answer: unknown): Rows | Promise<Rows>
  /** The process whose memory is the peer's; null: it runs in this one. */
  readonly server: number | null
  /** Bytes on disk once it is settled, if they are not those of its files: some keep for a while what they merged. */
  diskBytes?(): Promise<number>
  close(): Promise<void>
}

export interface PeerKind {
  /** Opens a peer in a directory that is empty, or that it filled before. */
  open(directory: string, shape: SetShape): Promise<Peer>
  /** What it loads. */
  readonly input: InputKind
  /** A folder that is bounded whatever it holds, and so no part of what points take on disk. */
  readonly uncounted?: string
}

/** A package of bench/peers/package.json, of which the caller knows the part that it uses. */
export function peerPackage(name: string): unknown {
  return createRequire(resolve('bench/peers/package.json'))(name)
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

/** Bytes that all files below a directory take, but for those in folders called `uncounted`. */
export function diskBytes(directory: string, uncounted?: string): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isFile()) bytes += statSync(path).blocks * 512
    else if (entry.isDirectory() && entry.name !== uncounted) bytes += diskBytes(path, uncounted)
  }
  return bytes
}
