// What a table's points are made of, as answers describe it.

import type { TableColumns } from '../database-types.ts'
import { fieldTypeName } from '../field.ts'
import type { CatalogTable } from './catalog-table.ts'
import type { Catalog } from './catalog.ts'

export function columnsOf(catalog: Catalog, table: CatalogTable): TableColumns {
  const fields = catalog.shownColumns(table).map(({ name, type }) => [name, fieldTypeName(type)])
  const { name, declaration } = table
  return {
    name,
    tags: catalog.tagKeys(table),
    fields: Object.fromEntries(fields),
    declaration,
  }
}
