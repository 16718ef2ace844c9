// The rows of a sealed memtable in the order of a segment: an index by (table, partition, series,
// time), built in steps, and for each (table, partition) a row source for the segment writer.

import { assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import { BLOCK_ROWS, type FooterColumn } from './footer.ts'
import type { Kernel, KernelInstance } from '../kernel.ts'
import { KeyTable } from '../catalog/key-table.ts'
import type { Memory, Region } from '../memory.ts'
import { type CatalogTables, type Memtable, steps } from '../memtable.ts'
import type { RowSource } from './segment.ts'
import type { Execution } from '../step.ts'

/** The rows of one table in one partition. */
export interface FlushGroup {
  readonly table: number
  readonly partition: bigint
  /** Those that a row has, by id. */
  readonly columns: readonly FooterColumn[]
  /** Number of its first run. */
  readonly firstRun: number
}

const RUNS_MIN = 1_024

/** The kernel's FlushIndex (assembly/flush.ts) and the regions it works in. */
export class FlushIndex {
  /** The kernel's FlushIndex structure. */
  readonly pointer: number
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly catalog: CatalogTables
  private readonly header: Region
  private readonly entries: Region
  private readonly places: Region
  private runs: Region
  private readonly groups: KeyTable
  private readonly shapes: KeyTable

  /**
   * An empty index of a sealed memtable, without what is deleted now; 8 bytes a row, 4 a series of the
   * catalog and 24 a run.
   */
  constructor({ kernel, memory }: KernelInstance, memtable: Memtable) {
    this.kernel = kernel
    this.memory = memory
    this.catalog = memtable.catalog
    const capacity = memtable.rowCount
    this.header = memory.allocate(kernel.FLUSH_INDEX_SIZE.value)
    this.pointer = this.header.offset
    this.entries = memory.allocate(capacity * 8)
    const { count } = this.catalog.series
    this.places = memory.allocate(count * 4)
    memory.u8.fill(0, this.places.offset, this.places.offset + count * 4)
    this.runs = memory.allocate(RUNS_MIN * kernel.RUN_SIZE.value)
    this.groups = new KeyTable(kernel, memory, 64)
    this.shapes = new KeyTable(kernel, memory, 64)
    kernel.flushInit(
      this.pointer,
      memtable.pointer,
      this.catalog.pointer,
      memtable.marks,
      this.entries.offset,
      this.entries.offset + capacity * 4,
      capacity,
      this.groups.pointer,
      this.shapes.pointer,
      this.places.offset,
      count,
    )
    kernel.flushSetRuns(this.pointer, this.runs.offset, RUNS_MIN)
  }

  /** Sorts and cuts all rows: the groups by (table, partition). Once. */
  *build(): Execution<FlushGroup[]> {
    const { kernel, pointer } = this
    while ((yield* steps(kernel, (budget) => kernel.flushStep(pointer, budget))) < 0) this.grow()
    const columns = this.columnsByGroup()
    const groups: FlushGroup[] = []
    for (let id = 0; id < this.groups.count; id++) {
      const key = viewOf(this.groups.key(id))
      const table = key.getUint32(0, true)
      const partition = key.getBigInt64(4, true)
      const firstRun = this.groups.payload(id, 'a')
      groups.push({ table, partition, columns: columns[id]!, firstRun })
    }
    return groups.sort(byTableAndPartition)
  }

  release(): void {
    this.shapes.release()
    this.groups.release()
    for (const region of [this.runs, this.places, this.entries, this.header])
      this.memory.release(region)
  }

  private grow(): void {
    const { kernel, memory, pointer, groups, shapes } = this
    const count = kernel.flushRunCount(pointer)
    const size = kernel.RUN_SIZE.value
    if ((count + 1) * size <= this.runs.size) {
      groups.reserve(groups.count, groups.count * 12)
      shapes.reserve(shapes.count, shapes.count * 8)
      return
    }
    this.runs = memory.grow(this.runs, this.runs.size * 2, count * size)
    kernel.flushSetRuns(pointer, this.runs.offset, Math.floor(this.runs.size / size))
  }

  /** The columns of each group, by id: those of all its rows' shapes, but for dropped ones. */
  private columnsByGroup(): FooterColumn[][] {
    const { columns, shapes } = this.catalog
    const ids = Array.from({ length: this.groups.count }, () => new Set<number>())
    for (let i = 0; i < this.shapes.count; i++) {
      const pair = viewOf(this.shapes.key(i))
      const shape = viewOf(shapes.key(pair.getUint32(4, true)))
      const target = ids[pair.getUint32(0, true)]!
      for (let at = 4; at < shape.byteLength; at += 4) target.add(shape.getUint32(at, true))
    }
    return ids.map((set) =>
      [...set]
        .filter((id) => !columns.isRemoved(id))
        .sort((a, b) => a - b)
        .map((id) => ({ id, type: columns.payload(id, 'b') as FieldType })),
    )
  }
}

/** The rows of one group, in steps, for the segment writer. */
export class FlushSource implements RowSource {
  readonly series: number
  readonly times: number
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly region: Region

  constructor({ kernel, memory }: KernelInstance, index: FlushIndex, group: FlushGroup) {
    this.kernel = kernel
    this.memory = memory
    const cursorBytes = kernel.FLUSH_CURSOR_SIZE.value
    this.region = memory.allocate(cursorBytes + BLOCK_ROWS * 12)
    this.times = this.region.offset + cursorBytes
    this.series = this.times + BLOCK_ROWS * 8
    kernel.flushCursorInit(this.region.offset, index.pointer, group.firstRun)
  }

  next(limit: number): number {
    assert(limit <= BLOCK_ROWS, `flush: ${limit} rows a step`)
    return this.kernel.flushRows(this.region.offset, limit, this.series, this.times)
  }

  /** String slots point into the memtable. */
  column(id: number, _type: FieldType, values: number, valid: number): void {
    this.kernel.flushColumn(this.region.offset, id, values, valid)
  }

  release(): void {
    this.memory.release(this.region)
  }
}

function byTableAndPartition(a: FlushGroup, b: FlushGroup): number {
  if (a.table !== b.table) return a.table - b.table
  return a.partition < b.partition ? -1 : 1
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
