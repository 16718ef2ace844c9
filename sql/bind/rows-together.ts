// Several functions of rows side by side, as in one select list: the first rows of all, then the second
// ones; those that have ended give nulls.

import type { Surroundings, TableFunction } from '../function.ts'
import type { DataType } from '../type.ts'

interface Call {
  readonly function: TableFunction
  readonly types: readonly DataType[]
}

/** One function of the arguments of all, in their order, with the columns of all. */
export function together(calls: readonly Call[]): TableFunction {
  const [only] = calls
  if (calls.length === 1) return only!.function
  const columns = calls.flatMap((call) => call.function.columns(call.types))
  return {
    name: calls.map((call) => call.function.name).join(),
    arguments: calls.flatMap(({ types }) => types),
    isVariadic: false,
    columns: () => columns,
    rows: (values, surroundings) => zip(calls, values, surroundings),
  }
}

function* zip(
  calls: readonly Call[],
  values: readonly unknown[],
  surroundings: Surroundings,
): Iterable<readonly unknown[]> {
  let from = 0
  const sources = calls.map(({ function: one, types }) => {
    const given = values.slice(from, (from += types.length))
    const width = one.columns(types).length
    return { rows: one.rows(given, surroundings)[Symbol.iterator](), width }
  })
  for (;;) {
    const parts = sources.map(({ rows, width }) => {
      const next = rows.next()
      const isOver = next.done === true
      return { isOver, row: isOver ? Array.from({ length: width }, () => null) : next.value }
    })
    if (parts.every(({ isOver }) => isOver)) return
    yield parts.flatMap(({ row }) => row)
  }
}
