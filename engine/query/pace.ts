// When a loop in JavaScript over rows or groups gives way: after so much work, in whatever pieces it
// comes, so that many small groups pause as often as one large one.

import type { Execution } from '../step.ts'

/** Cells between two pauses: a millisecond or two. */
const STEP_CELLS = 16_384
/** A group costs this many cells beside its own. */
export const GROUP_CELLS = 16

export class Pace {
  private cells: number

  constructor() {
    this.cells = 0
  }

  /** Pauses if enough was done since the last pause. */
  *after(cells: number): Execution<void> {
    this.cells += cells
    if (this.cells < STEP_CELLS) return
    this.cells = 0
    yield { pause: true }
  }

  /** Calls `each` for the ranges of at most a step that [0, count) falls into, with pauses between. */
  *over(count: number, each: (from: number, to: number) => void): Execution<void> {
    for (let from = 0; from < count; from += STEP_CELLS) {
      const to = Math.min(count, from + STEP_CELLS)
      each(from, to)
      yield* this.after(to - from)
    }
  }
}
