// Listings of a table's series and of the values of a tag, as far as a condition on tags selects them:
// a plan without rows, whose groups are the series.

import { type Ordered, orderedValues } from '../catalog/listing.ts'
import { OmenError } from '../error.ts'
import { type Plan, type PlanCatalog, planSteps } from './plan.ts'
import type { Query } from './query.ts'
import type { Execution } from '../step.ts'

/**
 * A plan whose groups are the series that a condition on tags selects, in their order. Unless
 * `isStrict`, one on fields may be there, too; series of which no row meets it are listed all the same.
 */
export function* listed(query: Query, catalog: PlanCatalog, isStrict = true): Execution<Plan> {
  const plan = yield* planSteps(query, catalog, { keepsTags: false })
  if (!isStrict || !plan.series.hasFilters) return plan
  const pointer = '/where'
  throw new OmenError('bad_request', 'where: only tags can select series', { pointer })
}

/** Distinct values of a tag over the series that are listed, in byte order. */
export function* listedValues(
  query: Query,
  catalog: PlanCatalog,
  key: string,
  isStrict = true,
): Execution<Ordered<string>> {
  const plan = yield* listed(query, catalog, isStrict)
  return yield* orderedValues(catalog, plan.table.id, plan.series.ids, key)
}
