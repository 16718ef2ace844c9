// The catalog that a coordinator plans with: a table as all shards together have it, and no series, which
// are the shards'. So a query is refused here for whatever one database would refuse it for.

import { TIME_MIN } from '../calendar.ts'
import { OmenError } from '../error.ts'
import type { PlanCatalog, PlanTable } from '../query/plan.ts'
import type { Execution } from '../step.ts'
import type { TableShape } from './read-port.ts'

const NONE = new Uint32Array()
const NO_TAGS: ReadonlyMap<string, string> = new Map()

/** The catalog of one table; null: there is none. */
export function catalogOfShape(shape: TableShape | null): PlanCatalog {
  return {
    planTable: (_database, name): PlanTable => {
      if (shape === null) throw new OmenError('not_found', `table '${name}' does not exist`)
      return {
        ...{ id: 0, name, partitionSeconds: 0, tagKeys: shape.tagKeys, cutoff: TIME_MIN },
        columns: shape.columns.map((column, id) => ({ ...column, id })),
      }
    },
    tableSeries: () => 0,
    findSeries: () => later(NONE),
    groupSeries: () => later({ groupOf: NONE, firsts: NONE }),
    orderSeries: () => later(NONE),
    seriesTags: () => NO_TAGS,
    copyTags: () => later({ at: () => new Map() }),
    storedTable: () => null,
    cutoffOf: () => TIME_MIN,
    siblingSeries: () => -1,
  }
}

function* later<T>(value: T): Execution<T> {
  yield { pause: true }
  return value
}
