// Rows that were read source by source, brought into the order of time in the kernel
// (assembly/weave.ts).

import { assert } from '../error.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'

/** What the kernel's merge takes. */
const SOURCES_MAX = 2_048

/** The order of the rows, and scratch for one column at a time. Release it. */
export class Weave {
  /** Pointer of i64[count], ascending. */
  readonly times: number
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly region: Region
  private readonly count: number
  private readonly values: number
  private readonly flags: number
  private readonly runs: number
  private readonly runCount: number

  constructor(kernel: Kernel, memory: Memory, times: number, count: number, stretches: number) {
    assert(stretches <= SOURCES_MAX, `weave: ${stretches} stretches of rows`)
    this.kernel = kernel
    this.memory = memory
    this.count = count
    const head = stretches * kernel.MERGE_SOURCE_SIZE.value
    this.region = memory.allocate(head + count * 29)
    this.times = this.region.offset + head
    this.values = this.times + count * 8
    this.runs = this.values + count * 8
    const entries = this.runs + count * 8
    this.flags = entries + count * 4
    this.runCount = kernel.weavePlan(
      ...([this.region.offset, stretches, times, count] as const),
      ...([this.times, entries, this.runs] as const),
    )
    if (this.runCount === 0) this.release()
    assert(this.runCount > 0, 'weave: two sources share a time')
  }

  /** A column's slots in order, valid until the next call. */
  slots(values: number): number {
    this.kernel.weaveSlots(values, this.runs, this.runCount, this.values)
    return this.values
  }

  /** A column's validity in order, valid until the next call. */
  valid(valid: number): number {
    this.kernel.weaveValid(valid, this.runs, this.runCount, this.flags)
    return this.flags
  }

  texts(texts: readonly string[]): string[] {
    const { u32 } = this.memory
    const woven: string[] = []
    for (let i = 0; i < this.runCount; i++) {
      const from = u32[(this.runs >>> 2) + 2 * i]!
      const to = from + u32[(this.runs >>> 2) + 2 * i + 1]!
      for (let row = from; row < to; row++) woven.push(texts[row]!)
    }
    assert(woven.length === this.count, `weave: ${woven.length} of ${this.count} rows`)
    return woven
  }

  release(): void {
    this.memory.release(this.region)
  }
}

/** The order of i64[count] times, none of which stands there twice; null: they ascend. */
export function planWeave(
  kernel: Kernel,
  memory: Memory,
  times: number,
  count: number,
): Weave | null {
  const stretches = kernel.weaveStretches(times, count)
  return stretches <= 1 ? null : new Weave(kernel, memory, times, count, stretches)
}
