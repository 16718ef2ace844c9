// What a test knows of cells that queries of rows do not show any more, but that rollups still have: how
// each was when it was seen last, and what was asked of it since. Where an outcome is not known, or
// depends on which buckets were final by then, the cell is vague, and nothing is said of its buckets
// (docs/durability.md, "Retention and the clock").

import {
  type CellValue,
  type Cells,
  DATABASES,
  FIELDS,
  type Layout,
  TABLES,
  cellTable,
  cellTime,
  pointKey,
} from './crash-cells.ts'
import type { Operation } from './crash-model.ts'

/** What a delete of rows does to cells that have expired. */
export interface Reach {
  /** Those that it may take, by keys. */
  readonly touches: (key: number) => boolean
  /** Of those, the ones that it takes for certain once it is answered. */
  readonly takes: (key: number) => boolean
}

/** Index of the first time of a table that has never expired: from there on rows show everything. */
export type FirstShown = (table: number) => number

export class KeptCells {
  private readonly keys: number[]
  private readonly known = new Map<number, CellValue>()
  private readonly vague = new Set<number>()
  private readonly reaches = new WeakMap<Operation, Reach>()
  /** Orders before it are in what is known. */
  private nextOrder = 0

  constructor({ hosts, times }: Layout) {
    const tables = DATABASES.length * TABLES.length
    this.keys = []
    for (let table = 0; table < tables; table++) {
      for (let host = 0; host < hosts; host++) {
        for (let time = 0; time < times; time++) {
          const point = pointKey(table, host, time)
          for (const field of FIELDS.keys()) this.keys.push(point + field)
        }
      }
    }
  }

  /** Notes what a delete of rows reaches; a drop takes all that it covers. */
  note(operation: Operation, reach: Reach): void {
    this.reaches.set(operation, reach)
  }

  /** Takes over what rows show; what happened to other cells since the last time comes from `operations`. */
  seen(found: Cells, operations: readonly Operation[], firstShown: FirstShown): void {
    const since = operations.slice(this.nextOrder)
    this.nextOrder = operations.length
    const isOld = (key: number): boolean => cellTime(key) < firstShown(cellTable(key))
    for (const operation of since) {
      if (operation.state === 'refused') continue
      if (operation.cells !== null) this.write(operation, since, isOld)
      else this.erase(operation, isOld)
    }
    for (const key of this.keys) if (!isOld(key)) this.set(key, found.get(key))
  }

  /** The machine stopped: what is not certain of these operations, which are all since the last start. */
  crashed(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.state !== 'unknown') continue
      if (operation.cells === null) this.erase(operation, () => true)
      else for (const key of operation.cells.keys()) this.vague.add(key)
    }
  }

  /** Orders begin anew. */
  restart(): void {
    this.nextOrder = 0
  }

  isVague(key: number): boolean {
    return this.vague.has(key)
  }

  /** Undefined: there is none, as far as it is not vague. */
  valueOf(key: number): CellValue | undefined {
    return this.known.get(key)
  }

  private write(
    operation: Operation,
    others: readonly Operation[],
    isOld: (key: number) => boolean,
  ): void {
    const meanwhile = others.filter(({ covers, state, concurrent, order, lastOrder }) => {
      const isBeside = order < operation.order && operation.order <= lastOrder
      return covers !== null && state !== 'refused' && (isBeside || concurrent.has(operation))
    })
    for (const [key, value] of operation.cells!) {
      if (!isOld(key)) continue
      const isCertain = operation.state === 'acked' && !meanwhile.some(({ covers }) => covers!(key))
      if (isCertain) this.set(key, value)
      else this.vague.add(key)
    }
  }

  private erase(operation: Operation, isOld: (key: number) => boolean): void {
    const { state, order, lastOrder, concurrent, covers } = operation
    const reach = this.reaches.get(operation) ?? { touches: covers!, takes: () => true }
    const isCertain = state === 'acked' && order === lastOrder && concurrent.size === 0
    for (const key of this.keys) {
      if (!isOld(key) || !reach.touches(key)) continue
      if (isCertain && reach.takes(key)) this.set(key, undefined)
      else this.vague.add(key)
    }
  }

  private set(key: number, value: CellValue | undefined): void {
    this.vague.delete(key)
    if (value === undefined) this.known.delete(key)
    else this.known.set(key, value)
  }
}
