// Writes segments: immutable files of parts. A part holds the rows of one table in one partition,
// sorted by (series, time), cut into blocks of exactly 1,024 rows straight through the series.
// Blocks of a column lie together for a row group of 64, then their directory page; a footer names
// the pages. docs/format.md, "Parts and segments", has the byte tables; part.ts reads them.

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import { fileName } from '../log/file-name.ts'
import {
  BLOCK_ROWS,
  GROUP_BLOCKS,
  type FooterColumn,
  type FooterPage,
  type FooterSeriesPage,
  encodeFooter,
  encodeSegmentHeader,
} from './footer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Region } from '../memory.ts'
import type { PartDescription } from './part.ts'
import { SeriesPageWriter } from './series-page.ts'
import type { Execution } from '../step.ts'

/** Rows to write, sorted by (series, time) without duplicates, pulled block by block. */
export interface RowSource {
  /** Advances: how many rows, exactly `limit` unless the rows end; 0 = end. */
  next(limit: number): number | Execution<number>
  /** Pointer u32[count]: series id of each current row. */
  readonly series: number
  /** Pointer i64[count]. */
  readonly times: number
  /** Fills a chunk column; string slots stay valid until the next `next` or `column`. */
  column(id: number, type: FieldType, values: number, valid: number): void | Execution<void>
}

/** What a part holds. Every row has its time in the partition that starts at `partition`. */
export interface PartSpec {
  readonly table: number
  readonly partition: bigint
  /** Place among the parts of the table in the order of writes. */
  readonly sequence: bigint
  /** As of a part; default 0. */
  readonly tombstonesFrom?: number
  readonly columns: readonly FooterColumn[]
}

/** Name of a segment in the storage: `segment-12`. */
export function segmentName(id: number): string {
  return fileName('segment', id)
}

/** A segment file being written; `sink` gets its bytes in order. */
export class SegmentWriter {
  readonly instance: KernelInstance
  readonly id: number
  private readonly sink: (bytes: Uint8Array) => void
  private sizeBytes = 0
  private crc = 0
  private scratch: Region | null = null

  /** Sends the file header. The view that `sink` gets is valid only during the call. */
  constructor(instance: KernelInstance, id: number, sink: (bytes: Uint8Array) => void) {
    this.instance = instance
    this.id = id
    this.sink = sink
    this.sendBytes(encodeSegmentHeader(id))
  }

  /** Bytes sent so far. */
  get size(): number {
    return this.sizeBytes
  }

  /** crc32c of all bytes sent so far, unsigned. */
  get checksum(): number {
    return this.crc
  }

  /** For writePart: sends bytes of kernel memory. */
  send(pointer: number, size: number): void {
    if (size === 0) return
    const { kernel, memory } = this.instance
    this.crc = kernel.crc32c(pointer, size, this.crc) >>> 0
    this.sizeBytes += size
    this.sink(memory.u8.subarray(pointer, pointer + size))
  }

  /** For writePart: sends bytes of the host. */
  sendBytes(bytes: Uint8Array): void {
    this.crc = crc32c(bytes, this.crc)
    this.sizeBytes += bytes.length
    this.sink(bytes)
  }

  /** For writePart: scratch of at least `size` bytes, until the next call or release(). */
  reserve(size: number): Region {
    if (this.scratch !== null && this.scratch.size >= size) return this.scratch
    this.release()
    this.scratch = this.instance.memory.allocate(Math.max(size, SCRATCH_MIN))
    return this.scratch
  }

  release(): void {
    if (this.scratch !== null) this.instance.memory.release(this.scratch)
    this.scratch = null
  }
}

/**
 * Writes one part; pauses between blocks. Null if the source has no rows (nothing is written).
 * Rows out of order are `internal`. After an error the file is of no use.
 */
export function* writePart(
  writer: SegmentWriter,
  source: RowSource,
  spec: PartSpec,
): Execution<PartDescription | null> {
  const part = new PartWriter(writer, spec)
  try {
    return yield* part.write(source)
  } finally {
    part.release()
  }
}

/** Encoded blocks of one column of the current group. */
interface GroupColumn {
  /** BlockEntry[64]. */
  readonly entries: Region
  bytes: Region | null
  size: number
}

const SCRATCH_MIN = 32_768
const PART_SIZE_MAX = 2 ** 32 - 1

class PartWriter {
  private readonly writer: SegmentWriter
  private readonly instance: KernelInstance
  private readonly spec: PartSpec
  private readonly start: number
  /** Time column, then the spec's. */
  private readonly group: GroupColumn[] = []
  private readonly regions: Region[] = []
  private readonly values: number
  private readonly valid: number
  private readonly starts: number
  private readonly pages: number[] = []
  private readonly seriesPages: FooterSeriesPage[] = []
  private readonly series: SeriesPageWriter
  private blocks = 0
  private rows = 0
  private minTime = 2n ** 63n - 1n
  private maxTime = -(2n ** 63n)

  constructor(writer: SegmentWriter, spec: PartSpec) {
    const { kernel, memory } = writer.instance
    this.writer = writer
    this.instance = writer.instance
    this.spec = spec
    this.start = writer.size
    const chunk = this.own(memory.allocate(BLOCK_ROWS * 11))
    this.values = chunk.offset
    this.valid = chunk.offset + BLOCK_ROWS * 8
    this.starts = this.valid + BLOCK_ROWS
    for (let i = 0; i <= spec.columns.length; i++) {
      const entries = this.own(memory.allocate(GROUP_BLOCKS * kernel.ENTRY_SIZE.value))
      this.group.push({ entries, bytes: null, size: 0 })
    }
    this.series = new SeriesPageWriter(writer.instance)
  }

  *write(source: RowSource): Execution<PartDescription | null> {
    while (true) {
      const step = source.next(BLOCK_ROWS)
      const rows = typeof step === 'number' ? step : yield* step
      if (rows === 0) break
      assert(this.rows % BLOCK_ROWS === 0, `row source gave ${rows} rows after a short block`)
      yield* this.writeBlock(source, rows)
      if (this.blocks % GROUP_BLOCKS === 0) this.writeGroup(GROUP_BLOCKS)
      yield { pause: true }
    }
    if (this.rows === 0) return null
    if (this.blocks % GROUP_BLOCKS !== 0) this.writeGroup(this.blocks % GROUP_BLOCKS)
    this.writeSeriesPage()
    return this.writeFooter()
  }

  release(): void {
    const { memory } = this.instance
    this.series.release()
    for (const region of this.regions) memory.release(region)
    for (const { bytes } of this.group) if (bytes !== null) memory.release(bytes)
  }

  private own(region: Region): Region {
    this.regions.push(region)
    return region
  }

  private *writeBlock(source: RowSource, rows: number): Execution<void> {
    this.writeTimes(source, rows)
    for (const [i, { id, type }] of this.spec.columns.entries()) {
      const filling = source.column(id, type, this.values, this.valid)
      if (filling !== undefined) yield* filling
      this.writeColumn(this.group[i + 1]!, type, rows)
    }
    this.blocks++
    this.rows += rows
  }

  /** Entry of the current block in a column's group. */
  private entryOf(column: GroupColumn): number {
    const { kernel } = this.instance
    return column.entries.offset + (this.blocks % GROUP_BLOCKS) * kernel.ENTRY_SIZE.value
  }

  private writeTimes(source: RowSource, rows: number): void {
    const { kernel, memory } = this.instance
    const { lastId, lastTime } = this.series
    const { series, times } = source
    const count = kernel.seriesStarts(series, times, rows, BigInt(lastId), lastTime, this.starts)
    if (count < 0) {
      throw new OmenError(
        'internal',
        `segment-${this.writer.id}: rows from ${this.rows} of table ${this.spec.table} are out of order`,
      )
    }
    for (let k = 0; k < count; k++) {
      const row = memory.u16[this.starts / 2 + k]!
      if (row > 0) this.series.lastTime = memory.i64[times / 8 + row - 1]!
      if (this.series.isFull) this.writeSeriesPage()
      const id = memory.u32[series / 4 + row]!
      this.series.add(id, this.rows + row, memory.i64[times / 8 + row]!)
    }
    this.series.lastTime = memory.i64[times / 8 + rows - 1]!
    const column = this.group[0]!
    const entry = this.entryOf(column)
    const { offset, size } = this.writer.reserve(kernel.encodeTimesBound(rows))
    const bytes = kernel.encodeTimes(times, rows, this.starts, count, offset, size, entry)
    this.append(column, offset, bytes)
    const least = memory.i64[(entry + 40) / 8]!
    const most = memory.i64[(entry + 48) / 8]!
    if (least < this.minTime) this.minTime = least
    if (most > this.maxTime) this.maxTime = most
  }

  private writeColumn(column: GroupColumn, type: FieldType, rows: number): void {
    const { kernel } = this.instance
    const { values, valid } = this
    const bound = kernel.encodeColumnBound(type, values, valid, rows)
    const { offset, size } = this.writer.reserve(bound)
    const entry = this.entryOf(column)
    const bytes = kernel.encodeColumn(type, values, valid, rows, offset, size, entry)
    this.append(column, offset, bytes)
  }

  /** Moves an encoded block from the scratch to the end of its column's group. */
  private append(column: GroupColumn, pointer: number, size: number): void {
    assert(size >= 0, `encoding a block gave ${size}`)
    if (size === 0) return
    const { memory } = this.instance
    const needed = column.size + size
    if (column.bytes === null) column.bytes = memory.allocate(Math.max(4096, needed))
    if (column.bytes.size < needed) {
      column.bytes = memory.grow(column.bytes, Math.max(needed, column.bytes.size * 2), column.size)
    }
    memory.u8.copyWithin(column.bytes.offset + column.size, pointer, pointer + size)
    column.size = needed
  }

  private writeGroup(blocks: number): void {
    this.writeGroupColumn(this.group[0]!, this.instance.kernel.TIME.value, blocks)
    for (const [i, { type }] of this.spec.columns.entries()) {
      this.writeGroupColumn(this.group[i + 1]!, type, blocks)
    }
  }

  private writeGroupColumn(column: GroupColumn, type: number, blocks: number): void {
    const { kernel } = this.instance
    if (!this.placeBlocks(column, blocks)) {
      this.pages.push(0, 0, 0)
      return
    }
    if (column.bytes !== null) this.writer.send(column.bytes.offset, column.size)
    column.size = 0
    const { offset, size } = this.writer.reserve(kernel.encodePageBound(blocks))
    const bytes = kernel.encodePage(type, column.entries.offset, blocks, offset, size)
    assert(bytes > 0, `encoding a page gave ${bytes}`)
    const page = this.sendPage(offset, bytes)
    this.pages.push(page.offset, page.size, page.checksum)
  }

  /** Gives the blocks their offsets; false if all of them are all null. */
  private placeBlocks(column: GroupColumn, blocks: number): boolean {
    const { kernel, memory } = this.instance
    let offset = this.writer.size - this.start
    let hasValues = false
    for (let block = 0; block < blocks; block++) {
      const entry = column.entries.offset + block * kernel.ENTRY_SIZE.value
      memory.u32[entry / 4] = offset
      offset += memory.u32[entry / 4 + 1]!
      hasValues ||= memory.u16[(entry + 14) / 2]! > 0
    }
    this.checkPartSize(offset)
    return hasValues
  }

  private checkPartSize(size: number): void {
    if (size <= PART_SIZE_MAX) return
    throw new OmenError('limit_exceeded', `segment-${this.writer.id}: part of ${size} bytes`)
  }

  private sendPage(pointer: number, size: number): FooterPage {
    const offset = this.writer.size - this.start
    const checksum = this.instance.kernel.crc32c(pointer, size, 0) >>> 0
    this.writer.send(pointer, size)
    this.checkPartSize(this.writer.size - this.start)
    return { offset, size, checksum }
  }

  private writeSeriesPage(): void {
    const { firstId, firstRow, count } = this.series
    const { pointer, size, directorySize } = this.series.encode(this.writer.size - this.start)
    const page = this.sendPage(pointer, size)
    this.seriesPages.push({ ...page, directorySize, firstId, firstRow, count })
  }

  private writeFooter(): PartDescription {
    const { writer, spec, start, rows, minTime, maxTime } = this
    const bytes = encodeFooter(writer.id, {
      ...spec,
      rows,
      minTime,
      maxTime,
      pages: this.pages,
      seriesPages: this.seriesPages,
      bodySize: writer.size - start,
    })
    writer.sendBytes(bytes)
    const size = writer.size - start
    this.checkPartSize(size)
    const { table, partition, sequence, tombstonesFrom = 0 } = spec
    const footerSize = bytes.length
    const file = writer.id
    const place = { file, offset: start, size, footerSize }
    return { ...place, table, partition, sequence, rows, minTime, maxTime, tombstonesFrom }
  }
}
