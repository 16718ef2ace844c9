// `Failing row contains (…)`: a row as errors show it.
// Source: PostgreSQL 15, src/backend/executor/execMain.c, ExecBuildSlotValueDescription.

import type { SqlBatch } from '../batch.ts'
import { valueAt } from '../execute/vector.ts'
import type { Relation, RelationColumn } from '../relation.ts'
import { printValue } from '../value-text.ts'

const BYTES_MAX = 64

/** `indexOf`: where a column of the relation is in the batch; null: it was not given. */
export function failingRow(
  relation: Relation,
  rows: SqlBatch,
  row: number,
  indexOf: (column: RelationColumn) => number | null,
): string {
  const texts = relation.columns.map((column) => {
    const index = indexOf(column)
    const value = index === null ? null : valueAt(rows.columns[index]!, column.type, row)
    if (value === null) return 'null'
    const text = printValue(column.type, value, { now: 0n, timeZone: 'UTC' })
    return text.length > BYTES_MAX ? `${text.slice(0, BYTES_MAX)}...` : text
  })
  return `Failing row contains (${texts.join(', ')}).`
}
