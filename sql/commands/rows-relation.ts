// Rows at hand as a relation, so that queries run over them: expressions of RETURNING.

import type { SqlBatch } from '../batch.ts'
import type { Relation } from '../relation.ts'
import type { Bound, Named, Node } from '../tree.ts'

/** The query of `expressions` over rows that have the columns of `table`. */
export function queryOfRows(
  table: Relation,
  batches: readonly SqlBatch[],
  expressions: readonly Bound[],
  columns: readonly Named[],
): Node {
  const relation: Relation = {
    schema: table.schema,
    name: table.name,
    oid: table.oid,
    // Rows that are no table's.
    columns: table.columns.map((column) => ({ ...column, kind: null })),
    scan: ({ columns: wanted, conditions }) => ({
      left: conditions,
      explain: () => [],
      async *batches() {
        for (const { rowCount, columns: given } of batches) {
          yield { rowCount, columns: wanted.map((index) => given[index]!) }
        }
      },
    }),
  }
  const all = table.columns.map(({ name, type }) => ({ name, type }))
  const input: Node = { kind: 'scan', relation, alias: table.name, columns: all }
  return { kind: 'project', input, expressions, columns }
}
