// When the disk gets back what deletes took: a part that is hidden as a whole goes with one change of
// the manifest; one of which much is hidden is rewritten at once, and one of which little is hidden
// some minutes later, so that small deletes cost a part one rewrite for all that come meanwhile.

import type { Pins } from '../segment/cache.ts'
import type { KernelInstance } from '../kernel.ts'
import type { PartDescription, PartReader } from '../segment/part.ts'
import type { Execution } from '../step.ts'
import { type PartHoles, type TombstoneVersion, holesOf } from './tombstones.ts'

/** A part with this share of its rows hidden is rewritten at once. */
const HIDDEN_SHARE = 1 / 8
/** How long parts of which less is hidden wait. */
export const SWEEP_MS = 600_000
/** Parts that are rewritten in one job, together, unless one alone has more bytes. */
const JOB_BYTES = 4 * 1024 * 1024

/** A part and what is hidden in it. */
export interface HiddenPart {
  readonly reader: PartReader
  readonly holes: PartHoles
}

export interface Reclaimable {
  /** Parts of which no row is left. */
  readonly gone: readonly PartDescription[]
  /** Parts to be rewritten now, in one job. */
  readonly due: readonly HiddenPart[]
  /** Whether others wait. */
  readonly isWaiting: boolean
}

/** What deletes have left to do; `isSweep`: also where little is hidden. */
export function chooseReclaimable(
  readers: readonly PartReader[],
  tombstones: TombstoneVersion,
  isSweep: boolean,
): Reclaimable {
  const gone: PartDescription[] = []
  const due: HiddenPart[] = []
  let bytes = 0
  let isWaiting = false
  for (const reader of tombstones.size === 0 ? [] : readers) {
    const { description } = reader
    const holes = holesOf(tombstones, description)
    if (holes === null) continue
    if (holes.coverAll()) {
      gone.push(description)
      continue
    }
    const isDue = isSweep || reader.hidden >= description.rows * HIDDEN_SHARE
    if (!isDue || (due.length > 0 && bytes + description.size > JOB_BYTES)) isWaiting = true
    else {
      due.push({ reader, holes })
      bytes += description.size
    }
  }
  return { gone, due, isWaiting }
}

/** Whether a part, which is opened, has rows of a series in the span of times that is hidden of it. */
export function* isTouched(
  { memory }: KernelInstance,
  pins: Pins,
  { reader, holes }: HiddenPart,
): Execution<boolean> {
  yield* reader.open(pins)
  for (let index = 0; index < reader.seriesPageCount; index++) {
    const { ids, firstTimes, lastTimes, count } = yield* reader.seriesPage(pins, index)
    for (let i = 0; i < count; i++) {
      const first = memory.i64[(firstTimes >>> 3) + i]!
      const last = memory.i64[(lastTimes >>> 3) + i]!
      if (holes.of(memory.u32[(ids >>> 2) + i]!, first, last + 1n) !== null) return true
    }
    pins.release()
    yield { pause: true }
  }
  return false
}
