// Series and times of the rows that have come to memtables since a reader began: what a delete has to
// look at again.

import type { KernelInstance } from '../kernel.ts'
import type { Memtable } from '../memtable.ts'
import type { MemtableSource } from '../query/series-scan.ts'
import type { Execution } from '../step.ts'

/** Rows of a memtable that lie in its bytes [from, to). */
export interface NewRows {
  readonly memtable: Memtable
  readonly from: number
  readonly to: number
}

/** Rows of one kernel call. */
const STEP_ROWS = 4_096

/**
 * The rows that are in memtables now and were not when `before` was taken. Its memtables are still
 * held: at most one of them took more rows, and none of them can have been emptied.
 */
export function newRows(
  before: readonly MemtableSource[],
  now: readonly MemtableSource[],
): NewRows[] {
  const rows: NewRows[] = []
  for (const { memtable, snapshot } of before) {
    rows.push({ memtable, from: snapshot.rowsUsed, to: memtable.snapshot().rowsUsed })
  }
  for (const { memtable, snapshot } of now) {
    if (before.some((held) => held.memtable === memtable)) continue
    rows.push({ memtable, from: 0, to: snapshot.rowsUsed })
  }
  return rows.filter(({ from, to }) => from < to)
}

/** The times in [start, end) of rows of a table, by series; ascending, each once. */
export function* timesBySeries(
  { kernel, memory }: KernelInstance,
  catalog: number,
  table: number,
  rows: readonly NewRows[],
  [start, end]: readonly [bigint, bigint],
): Execution<Map<number, bigint[]>> {
  const found = new Map<number, bigint[]>()
  const region = memory.allocate(kernel.ROW_KEYS_SIZE.value + STEP_ROWS * 12)
  const keys = region.offset + STEP_ROWS * 12
  const series = region.offset + STEP_ROWS * 8
  try {
    for (const { memtable, from, to } of rows) {
      kernel.rowKeysInit(keys, memtable.pointer, catalog, table, from, to)
      while (kernel.rowKeysDone(keys) === 0) {
        const count = kernel.rowKeysNext(keys, STEP_ROWS, series, region.offset)
        for (let i = 0; i < count; i++) {
          const time = memory.i64[(region.offset >>> 3) + i]!
          if (time < start || time >= end) continue
          const id = memory.u32[(series >>> 2) + i]!
          const times = found.get(id)
          if (times === undefined) found.set(id, [time])
          else times.push(time)
        }
        yield { pause: true }
      }
    }
  } finally {
    memory.release(region)
  }
  for (const [id, times] of found) found.set(id, sortedOnce(times))
  return found
}

function sortedOnce(times: bigint[]): bigint[] {
  times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return times.filter((time, i) => i === 0 || time !== times[i - 1])
}
