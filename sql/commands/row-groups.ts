// Rows parted by their tags: what a series has of a batch.

import type { SqlVector } from '../batch.ts'

export interface RowGroup {
  /** Of each tag column; empty: it has none. */
  readonly tags: readonly string[]
  /** Ascending; null: all rows of the batch. */
  readonly rows: Uint32Array | null
}

/** Groups in the order of their first rows. */
export function groupRows(columns: readonly SqlVector[], rowCount: number): readonly RowGroup[] {
  if (rowCount === 0) return []
  const starts = runsOf(columns, rowCount)
  const found = new Map<string, { tags: readonly string[]; runs: number[]; count: number }>()
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i]!
    const end = starts[i + 1] ?? rowCount
    const tags = columns.map((column) => tagAt(column, start))
    const key = tags.length === 1 ? tags[0]! : tags.join('\0')
    let group = found.get(key)
    if (group === undefined) found.set(key, (group = { tags, runs: [], count: 0 }))
    group.runs.push(start, end)
    group.count += end - start
  }
  if (found.size === 1) return [{ tags: [...found.values()][0]!.tags, rows: null }]
  return [...found.values()].map(({ tags, runs, count }) => ({ tags, rows: spread(runs, count) }))
}

/** The tag of a row; empty: it has none. */
export function tagAt({ values, valid }: SqlVector, row: number): string {
  return valid !== null && valid[row] === 0 ? '' : (values[row] as string)
}

/** Where rows begin whose tags are not those of the row before. */
function runsOf(columns: readonly SqlVector[], rowCount: number): number[] {
  const starts = [0]
  if (columns.length === 0) return starts
  for (let row = 1; row < rowCount; row++) {
    for (const column of columns) {
      if (tagAt(column, row) === tagAt(column, row - 1)) continue
      starts.push(row)
      break
    }
  }
  return starts
}

function spread(runs: readonly number[], count: number): Uint32Array {
  const rows = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < runs.length; i += 2) {
    for (let row = runs[i]!; row < runs[i + 1]!; row++) rows[at++] = row
  }
  return rows
}
