// How a delete takes effect: its tombstones are logged, and once they are durable, rows that are in no
// part yet are marked, in steps; from the moment that the marks count no new reader sees them.

import type { Catalog } from '../catalog/catalog.ts'
import type { KernelInstance } from '../kernel.ts'
import { joinBytes } from '../log/log-record.ts'
import type { Memory, Region } from '../memory.ts'
import { type Memtable, steps } from '../memtable.ts'
import type { Memtables } from '../memtables.ts'
import type { Execution } from '../step.ts'
import { type DeletedRanges, encodeTombstone, spanOf } from './tombstone.ts'

/** What a delete takes of a table. */
export interface Deleted {
  readonly table: number
  readonly ranges: DeletedRanges
}

/** What logging tombstones needs of a shard. */
interface HidingTarget {
  readonly instance: KernelInstance
  readonly catalog: Catalog
  run<T>(execution: Execution<T>): Promise<T>
  logEntries(
    find: () => Promise<Uint8Array>,
    apply: (entries: Uint8Array) => Promise<void>,
  ): Promise<void>
}

/** Ranges in kernel memory. Made before a tombstone is logged: then hiding rows cannot fail. */
export class KernelRanges {
  readonly ranges: DeletedRanges
  /** Pointers: u32[], u32[] (0 = every series, all ranges), i64[], i64[]. */
  readonly series: number
  readonly firsts: number
  readonly starts: number
  readonly ends: number
  /** Pointer of a Marking. */
  readonly marking: number
  private readonly memory: Memory
  private readonly region: Region

  /** Throws `busy` when memory is short. */
  constructor({ kernel, memory }: KernelInstance, ranges: DeletedRanges) {
    const { series, firsts, starts, ends } = ranges
    this.ranges = ranges
    this.memory = memory
    const count = starts.length
    const ids = series?.length ?? 0
    this.region = memory.allocate(kernel.MARKING_SIZE.value + count * 16 + ids * 8 + 16)
    this.starts = this.region.offset
    this.ends = this.starts + count * 8
    this.marking = this.ends + count * 8
    const words = this.marking + kernel.MARKING_SIZE.value
    memory.i64.set(starts, this.starts >>> 3)
    memory.i64.set(ends, this.ends >>> 3)
    this.series = series === null ? 0 : words
    this.firsts = firsts === null ? 0 : words + ids * 4
    if (series !== null) memory.u32.set(series, words >>> 2)
    if (firsts !== null) memory.u32.set(firsts, this.firsts >>> 2)
  }

  release(): void {
    this.memory.release(this.region)
  }
}

/**
 * Marks the rows of a table that are in these memtables and inside of the ranges. Nobody misses them
 * before the function that it returns is called, which is at once. The caller holds the memtables.
 */
export function* hideRows(
  { kernel }: KernelInstance,
  memtables: readonly Memtable[],
  table: number,
  target: KernelRanges,
): Execution<() => void> {
  const { marking, series, firsts, starts, ends, ranges } = target
  const [start, end] = spanOf(ranges)
  const marked: Memtable[] = []
  for (const memtable of memtables) {
    const { rowCount, minTime, maxTime, marks, pointer, catalog } = memtable
    if (rowCount === 0 || minTime >= end || maxTime < start) continue
    kernel.markingInit(
      ...([marking, pointer, catalog.pointer, table, marks + 1] as const),
      ...([series, ranges.series?.length ?? 0, firsts, starts, ends] as const),
      ranges.starts.length,
    )
    yield* steps(kernel, (budget) => kernel.markingStep(marking, budget))
    if (kernel.markingRows(marking) > 0) marked.push(memtable)
  }
  return () => {
    for (const memtable of marked) memtable.addMark(table)
  }
}

/**
 * Logs tombstones, in one record, and applies them once they are durable. `find` is called in the write
 * queue's turn and gives what is deleted, of a table once; nothing to change nothing. If this throws,
 * nothing has changed.
 */
export async function logTombstones(
  target: HidingTarget,
  memtables: Memtables,
  find: () => Promise<readonly Deleted[]>,
): Promise<void> {
  const { instance, catalog } = target
  const hidden: { readonly table: number; readonly ranges: KernelRanges }[] = []
  const log = async (): Promise<Uint8Array> => {
    const found = await find()
    for (const { table, ranges } of found) {
      hidden.push({ table, ranges: new KernelRanges(instance, ranges) })
    }
    const { sequence } = memtables
    const { nextId } = catalog.tombstones
    return joinBytes(
      ...found.map((deleted, i) => encodeTombstone({ id: nextId + i, sequence, ...deleted })),
    )
  }
  const apply = async (entries: Uint8Array): Promise<void> => {
    const hold = memtables.hold()
    const held = hold.memtables.map(({ memtable }) => memtable)
    const shown: (() => void)[] = []
    for (const { table, ranges } of hidden) {
      shown.push(await target.run(hideRows(instance, held, table, ranges)))
    }
    for (const show of shown) show()
    catalog.apply(entries)
    hold.release()
  }
  try {
    await target.logEntries(log, apply)
  } finally {
    for (const { ranges } of hidden) ranges.release()
  }
}
