// Series pages of a part: up to 1,024 series in order of id, as four columns (id, first row, first
// time, last time) through the time codec, then their directory page. A page is decoded once, into
// arrays in the cache. docs/format.md, "Series pages".

import type { Pins, Place } from './cache.ts'
import { OmenError, assert } from '../error.ts'
import { fileName } from '../log/file-name.ts'
import type { Footer } from './footer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Region } from '../memory.ts'
import type { Execution } from '../step.ts'

/** Most series of a page. */
export const SERIES_PAGE_MAX = 1_024
/** Columns of a page, in order. */
export const SERIES_COLUMNS = 4

/** Above all ids of series. */
const ID_LIMIT = 2 ** 32 - 1
const COLUMN_BYTES = SERIES_PAGE_MAX * 8

/** Collects the series of one page and encodes it. */
export class SeriesPageWriter {
  private readonly instance: KernelInstance
  private readonly region: Region
  private readonly target: Region
  private readonly entries: number
  /** Series on the page so far. */
  count = 0
  /** Id of the first series on the page. */
  firstId = 0
  /** First row of the first series on the page. */
  firstRow = 0
  /** Id of the last series that was added, -1 before the first. */
  lastId = -1
  /** Time of the last row that was written. */
  lastTime = 0n

  constructor(instance: KernelInstance) {
    const { kernel, memory } = instance
    this.instance = instance
    const entryBytes = SERIES_COLUMNS * kernel.ENTRY_SIZE.value
    this.region = memory.allocate(SERIES_COLUMNS * COLUMN_BYTES + entryBytes)
    this.entries = this.region.offset + SERIES_COLUMNS * COLUMN_BYTES
    const blocks = SERIES_COLUMNS * kernel.encodeTimesBound(SERIES_PAGE_MAX)
    this.target = memory.allocate(blocks + kernel.encodePageBound(SERIES_COLUMNS))
  }

  get isFull(): boolean {
    return this.count === SERIES_PAGE_MAX
  }

  /** Adds a series that starts at row `start` of the part; the one before ends at `lastTime`. */
  add(id: number, start: number, firstTime: bigint): void {
    assert(!this.isFull, 'series page is full')
    this.endLast()
    if (this.count === 0) {
      this.firstId = id
      this.firstRow = start
    }
    this.put(0, this.count, BigInt(id))
    this.put(1, this.count, BigInt(start))
    this.put(2, this.count, firstTime)
    this.lastId = id
    this.count++
  }

  /**
   * Ends the last series, encodes and empties the page; its blocks
   * lie at `offset` of the part. The result is valid until the next call.
   */
  encode(offset: number): { pointer: number; size: number; directorySize: number } {
    const { kernel, memory } = this.instance
    this.endLast()
    const pointer = this.target.offset
    let size = 0
    for (let column = 0; column < SERIES_COLUMNS; column++) {
      const values = this.region.offset + column * COLUMN_BYTES
      const entry = this.entries + column * kernel.ENTRY_SIZE.value
      const room = this.target.size - size
      const bytes = kernel.encodeTimes(values, this.count, 0, 0, pointer + size, room, entry)
      assert(bytes >= 0, `encoding a series page gave ${bytes}`)
      memory.u32[entry / 4] = offset + size
      size += bytes
    }
    const room = this.target.size - size
    const type = kernel.TIME.value
    const directorySize = kernel.encodePage(
      type,
      this.entries,
      SERIES_COLUMNS,
      pointer + size,
      room,
    )
    assert(directorySize > 0, `encoding a series directory gave ${directorySize}`)
    this.count = 0
    return { pointer, size: size + directorySize, directorySize }
  }

  release(): void {
    this.instance.memory.release(this.region)
    this.instance.memory.release(this.target)
  }

  private endLast(): void {
    if (this.count > 0) this.put(3, this.count - 1, this.lastTime)
  }

  private put(column: number, index: number, value: bigint): void {
    const { memory } = this.instance
    memory.i64[(this.region.offset + column * COLUMN_BYTES) / 8 + index] = value
  }
}

/** Rows of one series in a part: [start, end), with its first and last time. */
export interface SeriesRange {
  readonly id: number
  /** Its place among the series of the part, with gaps: pages count as full ones. */
  readonly index: number
  readonly start: number
  readonly end: number
  readonly firstTime: bigint
  readonly lastTime: bigint
}

/** A decoded page: pointers to arrays of `count` members, but `starts`, which has one more. */
export interface SeriesPage {
  readonly count: number
  /** u32[count], ascending. */
  readonly ids: number
  /** u32[count + 1]: first row of each series, then the row behind the last one. */
  readonly starts: number
  /** i64[count]. */
  readonly firstTimes: number
  readonly lastTimes: number
}

/** The series pages of one open part. */
export class SeriesPages {
  private readonly instance: KernelInstance
  private readonly footer: Footer
  private readonly file: number
  private readonly partOffset: number
  /** Decoded pages that were found in the cache. */
  private readonly places: (Place | undefined)[] = []

  constructor(instance: KernelInstance, footer: Footer, file: number, partOffset: number) {
    this.instance = instance
    this.footer = footer
    this.file = file
    this.partOffset = partOffset
  }

  /** Rows of a series; null if the part has none. */
  *range(pins: Pins, id: number): Execution<SeriesRange | null> {
    const index = this.pageOf(id)
    return index < 0 ? null : this.rangeOn(yield* this.page(pins, index), index, id)
  }

  /** The same at once; undefined if the page has to be read. */
  cachedRange(pins: Pins, id: number): SeriesRange | null | undefined {
    const index = this.pageOf(id)
    if (index < 0) return null
    const ids = this.cachedPage(pins, index)
    return ids === 0 ? undefined : this.rangeOn(this.layoutOf(index, ids), index, id)
  }

  /** Decodes a page; the arrays are cached like the page itself. */
  *page(pins: Pins, index: number): Execution<SeriesPage> {
    const { kernel, memory } = this.instance
    const { count } = this.footer.seriesPages[index]!
    const key = this.keyOf(index)
    const size = (count + 1) * 8
    let ids = this.cachedPage(pins, index)
    if (ids === 0) {
      const page = yield* this.load(pins, index)
      const region = pins.cache.allocate(size * SERIES_COLUMNS)
      ids = region.offset
      for (let column = 0; column < SERIES_COLUMNS; column++) {
        const target = ids + column * size
        kernel.decodeTimes(this.block(page, column), this.entry(page, column), 0, count, target)
        if (column < 2) kernel.narrow(target, count)
      }
      memory.u32[(ids + size) / 4 + count] = this.endOf(index)
      pins.insert(this.file, region, [{ key, address: ids }])
    }
    return this.layoutOf(index, ids)
  }

  /** Address of the ids of a decoded page, 0 if it is not cached. */
  private cachedPage(pins: Pins, index: number): number {
    const known = this.places[index]
    if (known !== undefined && known.slab !== null) return pins.use(known)
    const place = pins.place(this.file, this.keyOf(index))
    if (place === null) return 0
    this.places[index] = place
    return place.address
  }

  private layoutOf(index: number, ids: number): SeriesPage {
    const { count } = this.footer.seriesPages[index]!
    const size = (count + 1) * 8
    const starts = ids + size
    return { count, ids, starts, firstTimes: starts + size, lastTimes: starts + size * 2 }
  }

  /** No other thing starts inside a page, so its second byte names the decoded form. */
  private keyOf(index: number): number {
    return this.partOffset + this.footer.seriesPages[index]!.offset + 1
  }

  /** Finds a series on its page, the part's `index`th. */
  private rangeOn(page: SeriesPage, index: number, id: number): SeriesRange | null {
    const { u32, i64 } = this.instance.memory
    const ids = page.ids >>> 2
    let low = 0
    let high = page.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (u32[ids + middle]! < id) low = middle + 1
      else high = middle
    }
    if (low === page.count || u32[ids + low] !== id) return null
    const start = (page.starts >>> 2) + low
    return {
      id,
      index: index * SERIES_PAGE_MAX + low,
      start: u32[start]!,
      end: u32[start + 1]!,
      firstTime: i64[(page.firstTimes >>> 3) + low]!,
      lastTime: i64[(page.lastTimes >>> 3) + low]!,
    }
  }

  /** First id of a page; beyond all ids for the page behind the last. */
  firstId(index: number): number {
    return this.footer.seriesPages[index]?.firstId ?? ID_LIMIT
  }

  /** Page that would have the id; -1 if all begin after it. */
  pageOf(id: number): number {
    const { seriesPages } = this.footer
    let low = -1
    let high = seriesPages.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (seriesPages[middle]!.firstId <= id) low = middle
      else high = middle
    }
    return low
  }

  /** Row behind the last series of a page. */
  private endOf(index: number): number {
    const { seriesPages, rows } = this.footer
    return seriesPages[index + 1]?.firstRow ?? rows
  }

  /** Reads and checks a page: address of its four entries, which its blocks follow. */
  private *load(pins: Pins, index: number): Execution<number> {
    const { kernel, memory } = this.instance
    const { offset, size, checksum } = this.footer.seriesPages[index]!
    const key = this.partOffset + offset
    const found = pins.find(this.file, key)
    if (found !== 0) return found
    const raw = yield { read: { file: fileName('segment', this.file), offset: key, size } }
    const head = SERIES_COLUMNS * kernel.ENTRY_SIZE.value
    let page: Region | null = null
    try {
      page = pins.cache.allocate(head + size)
      memory.u8.copyWithin(page.offset + head, raw.offset, raw.offset + size)
      const isWhole = kernel.crc32c(raw.offset, size, 0) >>> 0 === checksum
      if (!isWhole || !this.isSound(page.offset, index)) {
        throw new OmenError(
          'corrupt',
          `${fileName('segment', this.file)}: series page ${index} at offset ${key} fails its checksum`,
          { place: { offset: key, minTime: this.footer.minTime, maxTime: this.footer.maxTime } },
        )
      }
      const address = page.offset
      pins.insert(this.file, page, [{ key, address }])
      page = null
      return address
    } finally {
      memory.release(raw)
      if (page !== null) memory.release(page)
    }
  }

  /** Decodes the directory in front of the blocks and checks them against it. */
  private isSound(page: number, index: number): boolean {
    const { kernel, memory } = this.instance
    const { offset, size, directorySize, count } = this.footer.seriesPages[index]!
    const head = SERIES_COLUMNS * kernel.ENTRY_SIZE.value
    const type = kernel.TIME.value
    if (directorySize > size) return false
    const directory = page + head + size - directorySize
    const entries = kernel.decodePage(type, directory, directorySize, page, SERIES_COLUMNS)
    if (entries !== SERIES_COLUMNS || memory.u32[page / 4] !== offset) return false
    const last = this.entry(page, SERIES_COLUMNS - 1) / 4
    if (memory.u32[last]! + memory.u32[last + 1]! !== offset + size - directorySize) return false
    for (let column = 0; column < SERIES_COLUMNS; column++) {
      const entry = this.entry(page, column)
      if (memory.u16[entry / 2 + 6] !== count) return false
      if (kernel.checkBlock(type, this.block(page, column), entry) !== 0) return false
    }
    return true
  }

  private entry(page: number, column: number): number {
    return page + column * this.instance.kernel.ENTRY_SIZE.value
  }

  private block(page: number, column: number): number {
    const { u32 } = this.instance.memory
    const distance = u32[this.entry(page, column) / 4]! - u32[page / 4]!
    return this.entry(page, SERIES_COLUMNS) + distance
  }
}
