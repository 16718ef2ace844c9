// When retention has something to do next: for a host that sleeps meanwhile and has to be woken.

import type { Catalog } from '../catalog/catalog.ts'
import type { PartSet } from '../segment/part-set.ts'

/**
 * The first time, in nanoseconds since 1970, at which every point of some part will have expired;
 * null: none ever will. What has expired already counts, too.
 */
export function nextExpiry(catalog: Catalog, parts: PartSet): bigint | null {
  let next: bigint | null = null
  for (const { id, retention } of catalog.allTables()) {
    if (retention === null) continue
    for (const { description } of parts.readers(id)) {
      const end = description.maxTime + retention.ns
      if (next === null || end < next) next = end
    }
  }
  return next
}
