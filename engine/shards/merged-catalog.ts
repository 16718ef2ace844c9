// A shard's catalog as a query over several shards sees it: the table has the columns and tags that it
// has in all of them. A column that the shard does not have gets an id that no row has, so its values are
// null; a tag that it does not have is absent from all of its series.

import type { PlanCatalog, PlanColumn, PlanTable, TagTerm } from '../query/plan.ts'
import { OmenError } from '../error.ts'
import { fieldTypeName } from '../field.ts'
import type { SeriesGroups } from '../catalog/series-groups.ts'
import type { TagTexts } from '../catalog/tag-texts.ts'
import type { Execution } from '../step.ts'
import type { StoredTable } from '../rollup/choice.ts'
import type { TableShape } from './read-port.ts'

/** Ids from here on are of columns that a shard does not have. */
const MISSING_IDS = 0xfff00000

export class MergedCatalog implements PlanCatalog {
  private readonly own: PlanCatalog
  private readonly shape: TableShape

  /** For queries of one table. */
  constructor(own: PlanCatalog, shape: TableShape) {
    this.own = own
    this.shape = shape
  }

  /** Throws `conflict` if a column has another type here. */
  planTable(database: string, name: string): PlanTable {
    const table = this.own.planTable(database, name)
    const known = new Map(table.columns.map((column) => [column.name, column]))
    const columns = this.shape.columns.map((wanted, i): PlanColumn => {
      const column = known.get(wanted.name)
      if (column === undefined) return { ...wanted, id: MISSING_IDS + i }
      if (column.type === wanted.type) return column
      throw typeConflict(name, wanted.name, column.type, wanted.type)
    })
    return { ...table, columns, tagKeys: this.shape.tagKeys }
  }

  tableSeries(table: number): number {
    return this.own.tableSeries(table)
  }

  findSeries(table: number, terms: readonly TagTerm[]): Execution<Uint32Array> {
    return this.own.findSeries(table, terms)
  }

  groupSeries(table: number, ids: Uint32Array, keys: readonly string[]): Execution<SeriesGroups> {
    return this.own.groupSeries(table, ids, keys)
  }

  orderSeries(
    table: number,
    ids: Uint32Array,
    keys: readonly string[] | null,
  ): Execution<Uint32Array> {
    return this.own.orderSeries(table, ids, keys)
  }

  seriesTags(series: number): ReadonlyMap<string, string> {
    return this.own.seriesTags(series)
  }

  copyTags(ids: Uint32Array): Execution<Pick<TagTexts, 'at'>> {
    return this.own.copyTags(ids)
  }

  storedTable(table: number): StoredTable | null {
    return this.own.storedTable(table)
  }

  cutoffOf(table: number): bigint {
    return this.own.cutoffOf(table)
  }

  siblingSeries(series: number, table: number): number {
    return this.own.siblingSeries(series, table)
  }
}

/** Two shards that disagree about a column. */
export function typeConflict(
  table: string,
  column: string,
  one: PlanColumn['type'],
  other: PlanColumn['type'],
): OmenError {
  const types = `${fieldTypeName(one)} in one shard and ${fieldTypeName(other)} in another`
  return new OmenError('conflict', `table '${table}': column '${column}' is ${types}`)
}
