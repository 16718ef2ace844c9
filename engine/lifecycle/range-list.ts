// Ranges of time of one series as they are found: runs of neighbouring points that a condition
// selects, in order, of which stretches may be found anew.

import { lowerBound } from '../lower-bound.ts'

/** Arguments of one call, at most. */
const SPLICED_MAX = 1_024

/** Runs of points, by the time of the first and of the last of each; ascending, apart. */
export class RangeList {
  firsts: bigint[] = []
  lasts: bigint[] = []
  /** Whether the last run goes on with the next point. */
  private isOpen = false

  get length(): number {
    return this.firsts.length
  }

  /** Adds a run behind all others. `continues`: no other point lies between it and the point before. */
  add(first: bigint, last: bigint, continues: boolean): void {
    if (continues && this.isOpen) this.lasts[this.lasts.length - 1] = last
    else {
      this.firsts.push(first)
      this.lasts.push(last)
    }
    this.isOpen = true
  }

  /** The next point is not selected. */
  close(): void {
    this.isOpen = false
  }

  /** Puts `found` in the place of what there is from `first` to `last`, both inclusive. */
  replace(first: bigint, last: bigint, found: RangeList): void {
    const from = lowerBound(this.lasts, first)
    const to = lowerBound(this.firsts, last + 1n)
    const firsts = [...found.firsts]
    const lasts = [...found.lasts]
    if (from < to && this.firsts[from]! < first) {
      firsts.unshift(this.firsts[from]!)
      lasts.unshift(first - 1n)
    }
    if (from < to && this.lasts[to - 1]! > last) {
      firsts.push(last + 1n)
      lasts.push(this.lasts[to - 1]!)
    }
    this.firsts = spliced(this.firsts, from, to, firsts)
    this.lasts = spliced(this.lasts, from, to, lasts)
    this.isOpen = false
  }
}

/** Times with those of [from, to) replaced. */
function spliced(times: bigint[], from: number, to: number, by: readonly bigint[]): bigint[] {
  if (by.length > SPLICED_MAX) return [...times.slice(0, from), ...by, ...times.slice(to)]
  times.splice(from, to - from, ...by)
  return times
}
