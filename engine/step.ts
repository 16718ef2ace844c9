// What a long operation asks of the world while it runs: bytes of a file, or a moment for others.
// A query, a flush or a compaction is a generator of steps, so that one body of code runs on hosts
// that read synchronously and on hosts that do not (engine/drive.ts has the drivers).

import type { Region } from './memory.ts'
import type { ByteRange } from './storage/storage.ts'

/**
 * A read is answered with a region that the asker then owns, a pause with anything, and so is a wait for
 * something that goes on elsewhere, once it has resolved. What lies ahead is answered at once: nobody
 * waits for it, and a host may pass over it.
 */
export type Step =
  | { read: ReadRange }
  | { pause: true }
  | { wait: Promise<unknown> }
  | { ahead: readonly AheadRange[] }

/** Bytes that will most likely be read soon, whatever the reads before them bring. */
export interface AheadRange extends ByteRange {
  /** Name in the storage. */
  readonly file: string
}

export interface ReadRange {
  /** Name in the storage: `segment-12`. */
  readonly file: string
  readonly offset: number
  readonly size: number
  /** What around it is likely to be read next: taken along where a read is a request to somebody else. */
  readonly along?: ByteRange
}

/** An operation in steps that ends with a `T`. */
export type Execution<T> = Generator<Step, T, Region>

/** Runs what reads nothing to its end at once: its pauses do nothing. */
export function finish<T>(execution: Execution<T>): T {
  let step = execution.next(undefined as never)
  while (!step.done) {
    const { value } = step
    if ('read' in value || 'wait' in value)
      throw new Error('a read or wait in an execution that has no host')
    step = execution.next(undefined as never)
  }
  return step.value
}
