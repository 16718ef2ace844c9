// What planning asks of a catalog, answered in the plainest way: from the tags of each series.

import type { SeriesGroups } from '../../../engine/catalog/series-groups.ts'
import { compareTags } from '../../../engine/catalog/tags.ts'
import type { PlanCatalog, PlanTable, TagTerm } from '../../../engine/query/plan.ts'
import type { Execution } from '../../../engine/step.ts'

export abstract class NaiveCatalog implements PlanCatalog {
  abstract planTable(database: string, table: string): PlanTable
  abstract matchSeries(table: number, terms: readonly TagTerm[]): Uint32Array
  abstract seriesTags(series: number): ReadonlyMap<string, string>

  tableSeries(table: number): number {
    return this.matchSeries(table, []).length
  }

  *findSeries(table: number, terms: readonly TagTerm[]): Execution<Uint32Array> {
    yield { pause: true }
    return this.matchSeries(table, terms)
  }

  *groupSeries(_table: number, ids: Uint32Array, keys: readonly string[]): Execution<SeriesGroups> {
    yield { pause: true }
    const names = [...ids].map((id) =>
      JSON.stringify(keys.map((key) => this.seriesTags(id).get(key) ?? null)),
    )
    const known = [...new Set(names)]
    return {
      groupOf: Uint32Array.from(names, (name) => known.indexOf(name)),
      firsts: Uint32Array.from(known, (name) => names.indexOf(name)),
    }
  }

  *orderSeries(
    _table: number,
    ids: Uint32Array,
    keys: readonly string[] | null,
  ): Execution<Uint32Array> {
    yield { pause: true }
    const tags = [...ids].map((id) =>
      [...this.seriesTags(id)].filter(([key]) => keys === null || keys.includes(key)),
    )
    return Uint32Array.from([...ids.keys()].sort((a, b) => compareTags(tags[a]!, tags[b]!)))
  }

  *copyTags(ids: Uint32Array): Execution<{ at(index: number): Map<string, string> }> {
    yield { pause: true }
    const copies = [...ids].map((id) => new Map(this.seriesTags(id)))
    return { at: (index) => new Map(copies[index]!) }
  }

  /** It has no rollups. */
  storedTable(): null {
    return null
  }

  cutoffOf(): bigint {
    return -(2n ** 63n) + 2n
  }

  siblingSeries(): number {
    return -1
  }
}
