// What the reference knows of neighbouring points of each series: differences, and how long values hold.

import type { Difference, Hold } from './aggregate.ts'
import { type Row, seriesText } from './table.ts'

/** Of each list of rows, by field: the row of the same series before each that has a value. */
const predecessors = new WeakMap<readonly Row[], Map<string, Map<Row, Row>>>()

function predecessorsOf(rows: readonly Row[], field: string): Map<Row, Row> {
  const fields = predecessors.get(rows) ?? new Map<string, Map<Row, Row>>()
  predecessors.set(rows, fields)
  const known = fields.get(field)
  if (known !== undefined) return known
  const found = new Map<Row, Row>()
  const last = new Map<string, Row>()
  for (const row of rows) {
    if (!row.fields.has(field)) continue
    const series = seriesText(row.tags)
    const before = last.get(series)
    if (before !== undefined) found.set(row, before)
    last.set(series, row)
  }
  fields.set(field, found)
  return found
}

/** For each series, the differences that end in `rows` and begin in `earlier`, which are ascending. */
export function differencesOf(
  rows: readonly Row[],
  earlier: readonly Row[],
  field: string,
): Difference[][] {
  const found = new Map<string, Difference[]>()
  const before = predecessorsOf(earlier, field)
  for (const row of rows) {
    const last = before.get(row)
    if (last === undefined) continue
    const series = seriesText(row.tags)
    const [from, to] = [last.fields.get(field)!, row.fields.get(field)!]
    const difference = { before: from, after: to, span: row.time - last.time }
    found.set(series, [...(found.get(series) ?? []), difference])
  }
  return [...found.values()]
}

/** For each series of `rows`, how long its values hold: until the next one, or the bucket's end. */
export function holdsOf(rows: readonly Row[], field: string, end: bigint | null): Hold[][] {
  const found = new Map<string, Row[]>()
  for (const row of rows) {
    const series = seriesText(row.tags)
    found.set(series, [...(found.get(series) ?? []), row])
  }
  return [...found.values()].map((series) =>
    series.map((row, i) => {
      const next = series[i + 1]?.time ?? end ?? row.time
      return { value: row.fields.get(field)!, span: next - row.time }
    }),
  )
}
