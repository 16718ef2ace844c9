// What may not be done to the table of a rollup, nor to fields that a rollup is made of. All throw
// `conflict`.

import type { Catalog } from '../catalog/catalog.ts'
import { OmenError } from '../error.ts'

/** The table of a rollup is changed by its source's declaration alone. */
export function refuseRollup(catalog: Catalog, table: number): void {
  const rollup = catalog.rollups.into(table)
  if (rollup === undefined) return
  const name = catalog.tableOf(table)?.name
  const source = catalog.tableOf(rollup.source)?.name
  const message = `table '${name}' is a rollup of '${source}': only the rollups of that decide on it`
  throw new OmenError('conflict', message)
}

/** A field stays as long as a rollup stores something of it. */
export function refuseStored(catalog: Catalog, table: number, field: string): void {
  for (const { target, definition } of catalog.rollups.of(table)) {
    if (!definition.select.some((one) => one.field === field)) continue
    const message = `field '${field}' is stored by the rollup '${catalog.tableOf(target)?.name}'`
    throw new OmenError('conflict', message)
  }
}
