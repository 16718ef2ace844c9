// What a table takes in all of its shards together.

import {
  type CodecStats,
  type ColumnStats,
  type TableStats,
  codecStatsOf,
} from '../catalog/table-stats.ts'
import { compareText } from '../catalog/tags.ts'

/** The sum of some, one at least. */
export function mergeStats(all: readonly TableStats[]): TableStats {
  const sum = (pick: (one: TableStats) => number): number =>
    all.reduce((total, one) => total + pick(one), 0)
  const columns = new Map<string, ColumnStats[]>()
  for (const column of all.flatMap((one) => one.columns)) {
    columns.set(column.name, [...(columns.get(column.name) ?? []), column])
  }
  const [time, ...names] = [...columns.keys()]
  return {
    name: all[0]!.name,
    segments: sum(({ segments }) => segments),
    parts: sum(({ parts }) => parts),
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes }) => bytes),
    columns: [time!, ...names.sort(compareText)].map((name) => mergeColumn(columns.get(name)!)),
  }
}

function mergeColumn(columns: readonly ColumnStats[]): ColumnStats {
  const codecs = new Map<string, CodecStats>()
  for (const one of columns.flatMap((column) => column.codecs)) {
    const known = codecs.get(one.codec) ?? { blocks: 0, values: 0, bytes: 0 }
    codecs.set(
      one.codec,
      codecStatsOf(one.codec, {
        blocks: known.blocks + one.blocks,
        values: known.values + one.values,
        bytes: known.bytes + one.bytes,
      }),
    )
  }
  const { name, type } = columns[0]!
  return { name, type, codecs: [...codecs.values()] }
}
