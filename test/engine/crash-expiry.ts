// What retention may have taken of what was written. Neither the time that a database believes nor the
// retention in force after a failure is certain to the test, so it keeps bounds of both: points before
// the lower cutoff must not be shown; those before the higher one may be gone, for good, since parts are
// dropped whole; all others must be there (docs/durability.md, "Retention and the clock").

import { type CellValue, type Layout, cellTable, cellTime } from './crash-cells.ts'

/** Bounds of the time that the database believes, nanoseconds since 1970. */
export interface TimeBounds {
  readonly low: bigint
  readonly high: bigint
}

/** A retention that was asked for, or that went with its table; null: none. */
export interface RetentionChange {
  readonly table: number
  readonly value: bigint | null
  state: 'acked' | 'unknown' | 'refused'
}

/** From an order on, times of a table before an index may be gone. */
interface Loss {
  readonly order: number
  readonly before: number
}

export class Expiry {
  private readonly layout: Layout
  /** In the order of their calls. */
  private changes: RetentionChange[] = []
  /** By table, as far back as the last start. */
  private readonly losses = new Map<number, Loss[]>()
  /** By table: index of the first time that may be shown. */
  private readonly hidden = new Map<number, number>()
  /** What may have been overwritten in a part that is gone, by key. */
  private readonly older = new Map<number, CellValue[]>()
  /** Keys that may have been gone when the database was last started. */
  private readonly tainted = new Set<number>()

  constructor(layout: Layout) {
    this.layout = layout
  }

  change(table: number, value: bigint | null): RetentionChange {
    const change: RetentionChange = { table, value, state: 'unknown' }
    this.changes.push(change)
    return change
  }

  /** Retentions of which one is in force. */
  candidates(table: number): (bigint | null)[] {
    const found: (bigint | null)[] = []
    for (const { table: of, value, state } of [...this.changes].reverse()) {
      if (of !== table || state === 'refused') continue
      found.push(value)
      if (state === 'acked') return found
    }
    return [...found, null]
  }

  /** After a start: this is in force. */
  settle(table: number, value: bigint | null): void {
    this.changes = this.changes.filter((change) => change.table !== table)
    this.change(table, value).state = 'acked'
  }

  /** Whether some table may have a retention, and whether one has for certain. */
  get keeps(): { readonly maybe: boolean; readonly surely: boolean } {
    const tables = [...new Set(this.changes.map(({ table }) => table))]
    const all = tables.map((table) => this.candidates(table))
    return {
      maybe: all.some((values) => values.some((value) => value !== null)),
      surely: all.some((values) => values.every((value) => value !== null)),
    }
  }

  /** Before something is read: what must not be shown from now on. */
  begin({ low }: TimeBounds): void {
    this.hidden.clear()
    for (const table of this.tables()) {
      const values = this.candidates(table)
      if (values.includes(null)) continue
      this.hidden.set(table, this.indexOf(low - greatest(values as bigint[])))
    }
  }

  /** After something was read, and whenever bounds or settings change: what may be gone since. */
  end({ high }: TimeBounds, order: number): void {
    for (const table of this.tables()) {
      const values = this.candidates(table).filter((value) => value !== null)
      if (values.length === 0) continue
      const before = this.indexOf(high - least(values))
      if (before === 0) continue
      // What it covers, and is as late, says all that those before say.
      const losses = (this.losses.get(table) ?? []).filter((loss) => loss.before > before)
      this.losses.set(table, [...losses, { order, before }])
    }
  }

  isHidden(key: number): boolean {
    return cellTime(key) < (this.hidden.get(cellTable(key)) ?? 0)
  }

  /** Whether what an operation wrote may have expired since. */
  mayBeGone(key: number, order: number): boolean {
    const losses = this.losses.get(cellTable(key))
    if (losses === undefined) return false
    const time = cellTime(key)
    return losses.some((loss) => loss.order > order && time < loss.before)
  }

  /** Whether a value of before the last start may be shown where it left another one, or none. */
  mayReturn(key: number, value: CellValue): boolean {
    const isLoose = this.tainted.has(key) || this.mayBeGone(key, -1)
    return isLoose && this.older.get(key)?.includes(value) === true
  }

  /** A value that may lie below newer ones. */
  remember(key: number, value: CellValue): void {
    const values = this.older.get(key)
    if (values === undefined) this.older.set(key, [value])
    else if (!values.includes(value)) values.push(value)
    if (this.mayBeGone(key, -1)) this.tainted.add(key)
  }

  /** What a delete, which nothing happened beside, has taken for good. */
  forget(covers: (key: number) => boolean): void {
    for (const key of this.older.keys()) if (covers(key)) this.older.delete(key)
  }

  /** All that is known is in what is remembered; orders begin anew. */
  restart(): void {
    this.losses.clear()
  }

  /** Indexes of the first times of a table that may be shown, and that are certain to be. */
  edges(table: number, { low, high }: TimeBounds): { mayBe: number; surely: number } {
    const values = this.candidates(table)
    const some = values.filter((value) => value !== null)
    const surely = some.length === 0 ? 0 : this.indexOf(high - least(some))
    const mayBe = values.includes(null) ? 0 : this.indexOf(low - greatest(some))
    return { mayBe, surely }
  }

  /** By the settings of now: index of the first time of a table that is certain to be shown at `time`. */
  firstSure(): (table: number, time: bigint) => number {
    const retentions = new Map<number, bigint>()
    for (const table of this.tables()) {
      const values = this.candidates(table).filter((value) => value !== null)
      if (values.length > 0) retentions.set(table, least(values))
    }
    return (table, time) => {
      const retention = retentions.get(table)
      return retention === undefined ? 0 : this.indexOf(time - retention)
    }
  }

  private tables(): Set<number> {
    return new Set(this.changes.map(({ table }) => table))
  }

  /** Index of the first time that is not before a cutoff. */
  private indexOf(cutoff: bigint): number {
    const { base, step, times } = this.layout
    if (cutoff <= base) return 0
    const index = (cutoff - base + step - 1n) / step
    return index > BigInt(times) ? times : Number(index)
  }
}

function least(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a < b ? a : b))
}

function greatest(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a > b ? a : b))
}
