// What reading needs of a coordinator's directory: maps, ports, and the slot of a query that has one series.

import { type Plan, fixedTags } from '../query/plan.ts'
import type { Directory } from './directory.ts'
import type { ReadShards } from './fan-out.ts'
import { slotOfSeries } from './shipment.ts'

/** The shards of a directory's databases. */
export function readShardsOf(directory: Directory): ReadShards {
  return {
    map: async (database) => (await directory.fresh(database)).map,
    renew: async (database) => (await directory.refresh(database)).map,
    port: (shard) => directory.port(shard),
    slotsOf: (plan: Plan) => {
      const tags = fixedTags(plan)
      if (tags === null) return null
      const slot = slotOfSeries(directory.instance, plan.table.name, tags)
      return { first: slot, end: slot + 1 }
    },
  }
}
