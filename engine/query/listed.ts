// Listings of a table's series and of the values of a tag, as far as a condition on tags selects them:
// a plan without rows, whose groups are the series.

import type { Catalog } from '../catalog/catalog.ts'
import { type Ordered, orderedValues } from '../catalog/listing.ts'
import { OmenError } from '../error.ts'
import { type Plan, planSteps } from './plan.ts'
import type { Query } from './query.ts'
import type { Execution } from '../step.ts'

/** A plan whose groups are the series that a condition on tags selects, in their order. */
export function* listed(query: Query, catalog: Catalog): Execution<Plan> {
  const plan = yield* planSteps(query, catalog, { keepsTags: false })
  if (!plan.series.hasFilters) return plan
  const pointer = '/where'
  throw new OmenError('bad_request', 'where: only tags can select series', { pointer })
}

/** Distinct values of a tag over the series that are listed, in byte order. */
export function* listedValues(
  query: Query,
  catalog: Catalog,
  key: string,
): Execution<Ordered<string>> {
  const plan = yield* listed(query, catalog)
  return yield* orderedValues(catalog, plan.table.id, plan.series.ids, key)
}
