// Host side of a memtable (assembly/memtable.ts, selection.ts): owns its regions of fixed size,
// counts what is reserved and who reads, hands out the rows of one series as a sorted selection.
// Two of them take turns in a shard; each is reset whole after its flush.

import { OmenError, assert } from './error.ts'
import type { Kernel } from './kernel.ts'
import type { KeyTable } from './catalog/key-table.ts'
import type { Memory, Region } from './memory.ts'
import type { TimedRows } from './merge.ts'
import type { Execution } from './step.ts'

/** What a memtable needs of a catalog; `pointer` is the kernel's CatalogTables. */
export interface CatalogTables {
  readonly pointer: number
  readonly tables: KeyTable
  readonly columns: KeyTable
  readonly shapes: KeyTable
  readonly series: KeyTable
}

export interface MemtableOptions {
  readonly catalog: CatalogTables
  /** Which of the two chain heads in a series' entry is this memtable's. */
  readonly which: 0 | 1
  readonly rowBytes: number
  readonly arenaBytes: number
}

/** The rows a reader sees: those that had arrived. Times are of no meaning when `rowCount` is 0. */
export interface MemtableSnapshot {
  readonly rowsUsed: number
  /** Tombstones that had been applied: rows that these hide are not seen. */
  readonly marks: number
  readonly rowCount: number
  readonly minTime: bigint
  readonly maxTime: bigint
}

/** Rows or series that a kernel call visits before it comes back: about 1 ms of DRAM misses. */
export const STEP_ROWS = 16_384

/** The kernel's Selection, in whole cache lines. */
const SELECTION_BYTES = 128
/** Entries of a first attempt: with the selection they fill one block of 16 KiB. */
const ENTRIES_MIN = 2_032
const OFFSET_LIMIT = 2 ** 31

export class Memtable {
  /** The kernel's Memtable structure. */
  readonly pointer: number
  readonly catalog: CatalogTables
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly which: 0 | 1
  private readonly header: Region
  private readonly rows: Region
  private readonly arena: Region
  private reservedRows = 0
  private reservedArena = 0
  private holders = 0
  private markCount = 0
  /** Ids of the tables with rows that are hidden. */
  private readonly marked = new Set<number>()

  constructor(kernel: Kernel, memory: Memory, options: MemtableOptions) {
    assert(options.rowBytes < OFFSET_LIMIT, `memtable of ${options.rowBytes} bytes`)
    this.kernel = kernel
    this.memory = memory
    this.catalog = options.catalog
    this.which = options.which
    this.header = memory.allocate(kernel.MEMTABLE_SIZE.value)
    this.rows = memory.allocate(options.rowBytes)
    this.arena = memory.allocate(options.arenaBytes)
    this.pointer = this.header.offset
    this.initialise()
  }

  get rowCount(): number {
    return this.field(24)
  }

  /** Bytes of rows and strings that have arrived. */
  get byteSize(): number {
    return this.field(8) + this.field(20)
  }

  /** Earliest time; of no meaning when there are no rows, like `maxTime`. */
  get minTime(): bigint {
    return this.memory.i64[(this.pointer + 32) >>> 3]!
  }

  get maxTime(): bigint {
    return this.memory.i64[(this.pointer + 40) >>> 3]!
  }

  /** Earliest and latest time of the batch that was applied last. */
  get lastTimes(): readonly [bigint, bigint] {
    const at = (this.pointer + 56) >>> 3
    return [this.memory.i64[at]!, this.memory.i64[at + 1]!]
  }

  /**
   * Keeps room for a batch; false: there is none. Each success is followed by one `apply`, which
   * then cannot fail, or one `unreserve`, of the same sizes.
   */
  reserve(rowBytes: number, arenaBytes: number): boolean {
    const rowsFree = this.rows.size - this.field(8) - this.reservedRows
    const arenaFree = this.arena.size - this.field(20) - this.reservedArena
    if (rowBytes > rowsFree || arenaBytes > arenaFree) return false
    this.reservedRows += rowBytes
    this.reservedArena += arenaBytes
    return true
  }

  /** Gives reserved room back (the log refused the batch). */
  unreserve(rowBytes: number, arenaBytes: number): void {
    this.reservedRows -= rowBytes
    this.reservedArena -= arenaBytes
    assert(this.reservedRows >= 0 && this.reservedArena >= 0, 'memtable: more given back than kept')
  }

  /**
   * Appends whole rows and the arena of their strings (pointers; both are copied), which become
   * visible all at once, with the last step. Series and shapes must be in the catalog. How many rows
   * they were. One batch at a time; reading goes on meanwhile.
   */
  *apply(rows: number, rowBytes: number, arena: number, arenaBytes: number): Execution<number> {
    const { kernel, pointer, catalog } = this
    const count = yield* steps(kernel, (budget) =>
      kernel.memtableApply(pointer, rows, rowBytes, arena, arenaBytes, catalog.pointer, budget),
    )
    assert(count > 0, `memtable: ${rowBytes} reserved bytes did not fit`)
    this.unreserve(rowBytes, arenaBytes)
    return count
  }

  snapshot(): MemtableSnapshot {
    const { rowCount, minTime, maxTime, marks } = this
    return { rowsUsed: this.field(8), marks, rowCount, minTime, maxTime }
  }

  /** Tombstones that hide rows of it: the next one has this number plus 1. */
  get marks(): number {
    return this.markCount
  }

  /** All rows of a table that tombstone `marks + 1` hides are marked: nobody else sees them now. */
  addMark(table: number): void {
    this.markCount++
    this.marked.add(table)
  }

  /** Whether tombstones hide rows of a table here. */
  hides(table: number): boolean {
    return this.marked.has(table)
  }

  /** Keeps the rows from being reset until `release`. */
  acquire(): void {
    this.holders++
  }

  release(): void {
    assert(this.holders > 0, 'memtable: released more often than acquired')
    this.holders--
  }

  get isHeld(): boolean {
    return this.holders > 0
  }

  /**
   * The rows of a series with a time in [start, end), one per distinct time; null if there is none.
   * The caller holds the memtable and releases the rows. `head`, of rows that somebody else linked, is
   * offset + 1 of the newest one.
   */
  *select(
    series: number,
    snapshot: MemtableSnapshot,
    start: bigint,
    end: bigint,
    head?: number,
  ): Execution<MemtableRows | null> {
    if (snapshot.rowCount === 0 || start > snapshot.maxTime || end <= snapshot.minTime) return null
    const { kernel, memory, pointer, catalog } = this
    const first = head ?? kernel.memtableHead(pointer, catalog.series.pointer, series) >>> 0
    if (first === 0) return null
    let capacity = Math.min(snapshot.rowCount, ENTRIES_MIN)
    for (;;) {
      const region = memory.allocate(SELECTION_BYTES + capacity * 8)
      const index = region.offset + SELECTION_BYTES
      const scratch = index + capacity * 4
      const { offset } = region
      const { rowsUsed, marks } = snapshot
      kernel.selectionInit(
        ...([offset, pointer, first, rowsUsed, marks] as const),
        ...([start, end, index, scratch, capacity] as const),
      )
      let status = 0
      try {
        status = yield* steps(kernel, (budget) => kernel.selectionStep(offset, budget))
      } finally {
        if (status <= 0) memory.release(region)
      }
      if (status > 0) return this.selected(region)
      capacity = Math.min(capacity * 8, snapshot.rowCount)
    }
  }

  /** Forgets all rows. Asserts that nobody holds or has reserved any. */
  *reset(): Execution<void> {
    this.assertIdle()
    const series = this.catalog.series.pointer
    for (let from = 0; from < this.catalog.series.count; from += STEP_ROWS) {
      this.kernel.memtableForget(this.pointer, series, from, from + STEP_ROWS)
      yield { pause: true }
    }
    this.initialise()
  }

  /** Gives the regions back; the memtable must not be used again. */
  dispose(): void {
    for (const region of [this.arena, this.rows, this.header]) this.memory.release(region)
  }

  private selected(region: Region): MemtableRows | null {
    const { kernel, memory, catalog } = this
    const isEmpty = kernel.selectionRows(region.offset) === 0
    if (!isEmpty) return new MemtableRows(kernel, memory, catalog.pointer, region)
    memory.release(region)
    return null
  }

  private initialise(): void {
    const { kernel, rows, arena } = this
    this.assertIdle()
    this.markCount = 0
    this.marked.clear()
    kernel.memtableInit(this.pointer, rows.offset, rows.size, arena.offset, arena.size, this.which)
  }

  private assertIdle(): void {
    const { holders, reservedRows, reservedArena } = this
    const idle = holders === 0 && reservedRows === 0 && reservedArena === 0
    assert(idle, `memtable: reset with ${holders} readers, ${reservedRows} bytes reserved`)
  }

  private field(offset: number): number {
    return this.memory.u32[(this.pointer + offset) >>> 2]!
  }
}

/** Rows of one series in a memtable: one per distinct time, ascending, the last write per field. */
export class MemtableRows implements TimedRows {
  readonly start = 0
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly catalog: number
  private readonly region: Region

  /** Takes over the region, which starts with a Selection that is done and not empty. */
  constructor(kernel: Kernel, memory: Memory, catalog: number, region: Region) {
    this.kernel = kernel
    this.memory = memory
    this.catalog = catalog
    this.region = region
    this.end = kernel.selectionRows(region.offset)
    this.firstTime = kernel.selectionTime(region.offset, 0)
    this.lastTime = kernel.selectionTime(region.offset, this.end - 1)
  }

  timeAt(row: number): bigint {
    return this.kernel.selectionTime(this.region.offset, row)
  }

  lowerBound(time: bigint, from: number, to: number): number {
    return this.kernel.selectionLowerBound(this.region.offset, time, from, to)
  }

  /** Fills i64[to - from] at `target` with the times of the rows [from, to). */
  times(from: number, to: number, target: number): void {
    this.kernel.selectionTimes(this.region.offset, from, to, target)
  }

  /**
   * Fills a chunk column of the rows [from, to); how many of them have a value. String slots point
   * into the memtable.
   */
  column(columnId: number, from: number, to: number, values: number, valid: number): number {
    const { kernel, region, catalog } = this
    return kernel.selectionColumn(region.offset, catalog, columnId, from, to, values, valid)
  }

  /** Gives the index back; the memtable stays held by whoever acquired it. */
  release(): void {
    this.memory.release(this.region)
  }
}

/**
 * Calls a kernel step again, with pauses between, until it is done (> 0) or asks for room (FULL);
 * any other status means a damaged structure.
 */
export function* steps(kernel: Kernel, step: (budget: number) => number): Execution<number> {
  for (;;) {
    const status = step(STEP_ROWS)
    if (status > 0 || status === kernel.FULL.value) return status
    if (status < 0) throw new OmenError('internal', `memtable: kernel status ${status}`)
    yield { pause: true }
  }
}
