// A table's rollups as `GET /v1/tables/{table}` shows them: what was declared.

import type { Catalog } from '../catalog/catalog.ts'

export interface RollupDescription {
  readonly name: string
  readonly every: string
  readonly select: Record<string, string>
  readonly retention: string | null
}

/** The rollups of a table, by name. */
export function describeRollups(catalog: Catalog, table: number): RollupDescription[] {
  const found = catalog.rollups.of(table).map(({ target, definition }): RollupDescription => {
    const { name, retention } = catalog.tableOf(target)!
    const select = Object.fromEntries(definition.select.map((one) => [one.name, one.text]))
    return { name, every: definition.every, select, retention: retention?.text ?? null }
  })
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}
