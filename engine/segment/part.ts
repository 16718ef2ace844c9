// Reads one part of a segment: footer once, then directory pages, series pages and blocks through
// the cache, each checked when it enters. A cold look-up is three reads. All methods are executions:
// they yield what they need read, so that one body serves synchronous and asynchronous hosts.
// Every address that is returned stays valid until the caller's pins are released.

import type { Cache, CacheItem, Pins, Place } from './cache.ts'
import { OmenError } from '../error.ts'
import {
  BLOCK_ROWS,
  type Footer,
  type FooterColumn,
  type FooterPage,
  GROUP_BLOCKS,
  PAGE_WORDS,
  decodeFooter,
} from './footer.ts'
import { fileName } from '../log/file-name.ts'
import type { KernelInstance } from '../kernel.ts'
import { LastRows } from './last-rows.ts'
import type { Region } from '../memory.ts'
import { ApartSeries } from './apart-series.ts'
import { type SeriesPage, type SeriesRange, SeriesPages } from './series-page.ts'
import type { AheadRange, Execution } from '../step.ts'
import type { ByteRange } from '../storage/storage.ts'
import { formatTimeText } from '../time.ts'

export type { SeriesPage, SeriesRange }

/** Column id of the time column. */
export const TIME = -1

/** What the manifest knows of a part. */
export interface PartDescription {
  /** Number of the segment. */
  readonly file: number
  readonly offset: number
  readonly size: number
  /** Bytes of the footer, at the end of the part. */
  readonly footerSize: number
  readonly table: number
  readonly partition: bigint
  readonly sequence: bigint
  readonly rows: number
  readonly minTime: bigint
  readonly maxTime: bigint
  /** No tombstone with an id below this one hides any of its rows. */
  readonly tombstonesFrom: number
}

/** A block to be read: its number and its entry. */
interface Wanted {
  readonly block: number
  readonly entry: number
  readonly offset: number
  readonly size: number
}

/** Bytes at the end of a part that a cold one brings with its footer: series pages, and more of a small one. */
const TAIL_SIZE = 1 << 18
/** Longest read, in bytes; one block may be longer. */
const READ_SIZE_MAX = 1 << 20

export class PartReader {
  readonly description: PartDescription
  /** Series that share no time with older parts. */
  readonly apart = new ApartSeries()
  /** Values of the last row of each series, as far as they were asked for. */
  readonly lastRows = new LastRows()
  private readonly instance: KernelInstance
  private readonly cache: Cache
  private readonly name: string
  private readonly entrySize: number
  private readonly onHot: () => void
  private mergedRows = 0
  private hiddenCount = 0
  private opened: { footer: Footer; series: SeriesPages; index: Map<number, number> } | null = null
  /** Directory pages that were found in the cache, in the footer's order. */
  private readonly pagePlaces: (Place | undefined)[] = []

  /** `cache` is the one whose pins the calls get. `onHot`: see `warm`. */
  constructor(
    instance: KernelInstance,
    cache: Cache,
    description: PartDescription,
    onHot: () => void = () => {},
  ) {
    this.instance = instance
    this.cache = cache
    this.description = description
    this.name = fileName('segment', description.file)
    this.entrySize = instance.kernel.ENTRY_SIZE.value
    this.onHot = onHot
  }

  /** Rows that deletes have hidden since the start, as far as they were counted. */
  get hidden(): number {
    return this.hiddenCount
  }

  /** Notes that a delete hides so many more. */
  hide(rows: number): void {
    this.hiddenCount += rows
  }

  /**
   * Rows that queries had to merge with rows of other parts, and what it cost them to read it beside
   * those: what a compaction spares the next.
   */
  get heat(): number {
    return this.mergedRows
  }

  /** Adds to the heat; calls `onHot` each time it reaches another multiple of the part's rows. */
  warm(rows: number): void {
    const before = Math.floor(this.mergedRows / this.rows)
    this.mergedRows += rows
    if (Math.floor(this.mergedRows / this.rows) > before) this.onHot()
  }

  get rows(): number {
    return this.description.rows
  }

  get blockCount(): number {
    return Math.ceil(this.rows / BLOCK_ROWS)
  }

  /** Columns that the part may have values of, in the order of its footer. After open(). */
  get columns(): readonly FooterColumn[] {
    return this.state.footer.columns
  }

  /** After open(). */
  get seriesPageCount(): number {
    return this.state.footer.seriesPages.length
  }

  /** Series that have rows here. After open(). */
  get seriesCount(): number {
    return this.state.footer.seriesPages.reduce((sum, { count }) => sum + count, 0)
  }

  get isOpen(): boolean {
    return this.opened !== null
  }

  /** Reads the footer; returns at once when that was done. */
  *open(_pins: Pins): Execution<void> {
    if (this.opened !== null) return
    const { offset, size, footerSize, file } = this.description
    const bodySize = size - footerSize
    const along = this.tail
    const place = { offset: offset + bodySize, size: footerSize }
    const region = yield { read: { file: this.name, ...place, along } }
    const { memory } = this.instance
    const bytes = memory.bytes(region).slice()
    memory.release(region)
    // Another reader may have waited for the same.
    if (this.opened !== null) return
    const footer = decodeFooter(bytes, file, bodySize)
    this.checkFooter(footer)
    const index = new Map(footer.columns.map(({ id }, i) => [id, i + 1]))
    index.set(TIME, 0)
    const series = new SeriesPages(this.instance, footer, file, offset)
    this.opened = { footer, index, series }
  }

  /** What `open` reads, with what a cold part brings along. */
  get tail(): AheadRange {
    const { offset, size, footerSize } = this.description
    const end = offset + size
    return { file: this.name, start: Math.max(offset, end - Math.max(footerSize, TAIL_SIZE)), end }
  }

  /** What `entry` reads for a row group of a column; null if that is cached, or there is none. After open(). */
  ahead(pins: Pins, columnId: number, group: number): AheadRange | null {
    const column = this.indexOf(columnId)
    if (group < 0 || group * GROUP_BLOCKS >= this.blockCount) return null
    if (this.cachedEntries(pins, column, group) >= 0) return null
    return { file: this.name, ...this.chunkOf(column, group) }
  }

  /** Whether the times of a row group are known without a read. After open(). */
  isCached(pins: Pins, group: number): boolean {
    if (group < 0 || group * GROUP_BLOCKS >= this.blockCount) return false
    return this.cachedEntries(pins, 0, group) > 0
  }

  /** Rows of a series, null if the part has none. */
  seriesRange(pins: Pins, id: number): Execution<SeriesRange | null> {
    return this.state.series.range(pins, id)
  }

  /** The same at once; undefined if something would have to be read. */
  cachedRange(pins: Pins, id: number): SeriesRange | null | undefined {
    return this.opened?.series.cachedRange(pins, id)
  }

  /** Index of a column in this part, 0 = the time; -1 if it has no values here. After open(). */
  indexOf(columnId: number): number {
    return this.state.index.get(columnId) ?? -1
  }

  /** Address of a row group's entries, of the column with that index; 0 = none, -1 = not cached. */
  cachedEntries(pins: Pins, index: number, group: number): number {
    if (index < 0) return 0
    const { pages, columns } = this.state.footer
    const number = group * (columns.length + 1) + index
    const known = this.pagePlaces[number]
    if (known !== undefined && known.slab !== null) return pins.use(known)
    if (pages[number * PAGE_WORDS + 1] === 0) return 0
    const { file, offset } = this.description
    const place = pins.place(file, offset + pages[number * PAGE_WORDS]!)
    if (place === null) return -1
    this.pagePlaces[number] = place
    return place.address
  }

  /** Address of the bytes of a block of the column with that index, and its entry; -1 = not cached. */
  cachedBlock(pins: Pins, index: number, block: number, entry: number): number {
    const { u32 } = this.instance.memory
    if (u32[(entry >>> 2) + 1] === 0) return entry
    const group = Math.floor(block / GROUP_BLOCKS)
    // The page is cached, for its entry is.
    const page = this.pagePlaces[group * (this.columns.length + 1) + index]!
    const known = page.blocks[block % GROUP_BLOCKS]
    if (known !== undefined && known !== null && known.slab !== null) return pins.use(known)
    const { file, offset } = this.description
    const place = pins.place(file, offset + u32[entry >>> 2]!)
    if (place === null) return -1
    if (page.blocks.length === 0) page.blocks.length = GROUP_BLOCKS
    page.blocks[block % GROUP_BLOCKS] = place
    return place.address
  }

  /** Series page that would have the id; -1 if all begin after it. After open(). */
  seriesPageOf(id: number): number {
    return this.state.series.pageOf(id)
  }

  /** How many series a page has. After open(). */
  seriesOfPage(page: number): number {
    return this.state.footer.seriesPages[page]!.count
  }

  /** Least id of a series page; of the page behind the last, a number above all ids. After open(). */
  firstSeriesOf(page: number): number {
    return this.state.series.firstId(page)
  }

  /** All series of a page, in order of id. */
  seriesPage(pins: Pins, index: number): Execution<SeriesPage> {
    return this.state.series.page(pins, index)
  }

  /** Address of a block's BlockEntry; 0 = no values here (no such column, or null in the group). */
  *entry(pins: Pins, columnId: number, block: number): Execution<number> {
    const column = this.indexOf(columnId)
    const group = Math.floor(block / GROUP_BLOCKS)
    let entries = this.cachedEntries(pins, column, group)
    if (entries === 0) return 0
    if (entries < 0) entries = yield* this.readPage(pins, column, group)
    return entries + (block % GROUP_BLOCKS) * this.entrySize
  }

  /**
   * Address of a block's bytes; 0 as entry(). Nothing is read, and nothing may be, for a block
   * without bytes (all null, or wholly in its entry); the address is then just not 0.
   */
  *block(pins: Pins, columnId: number, block: number): Execution<number> {
    const entry = yield* this.entry(pins, columnId, block)
    if (entry === 0) return 0
    const { u32 } = this.instance.memory
    const wanted = { block, entry, offset: u32[entry / 4]!, size: u32[entry / 4 + 1]! }
    if (wanted.size === 0) return entry
    const { file, offset } = this.description
    const found = pins.find(file, offset + wanted.offset)
    if (found !== 0) return found
    return yield* this.readBlocks(pins, columnId, [wanted])
  }

  /** Brings the blocks [from, to) into the cache, pinned, in few reads. */
  *load(pins: Pins, columnId: number, from: number, to: number): Execution<void> {
    const { file, offset: partOffset } = this.description
    let wanted: Wanted[] = []
    for (let block = from; block < to; block++) {
      const entry = yield* this.entry(pins, columnId, block)
      if (entry === 0) continue
      const { u32 } = this.instance.memory
      const offset = u32[entry / 4]!
      const size = u32[entry / 4 + 1]!
      if (size === 0 || pins.find(file, partOffset + offset) !== 0) continue
      if (!continues(wanted, offset, size)) {
        yield* this.readBlocks(pins, columnId, wanted)
        wanted = []
      }
      wanted.push({ block, entry, offset, size })
    }
    if (wanted.length > 0) yield* this.readBlocks(pins, columnId, wanted)
  }

  private get state(): { footer: Footer; series: SeriesPages; index: Map<number, number> } {
    if (this.opened === null) throw new Error(`${this.name}: part read before open()`)
    return this.opened
  }

  private checkFooter(footer: Footer): void {
    const { table, partition, sequence, rows, minTime, maxTime, offset } = this.description
    const isSame =
      footer.table === table &&
      footer.partition === partition &&
      footer.sequence === sequence &&
      footer.rows === rows &&
      footer.minTime === minTime &&
      footer.maxTime === maxTime
    if (isSame) return
    throw new OmenError(
      'corrupt',
      `${this.name}: part at ${offset} is of table ${footer.table}, sequence ${footer.sequence}, ` +
        `not of table ${table}, sequence ${sequence}`,
    )
  }

  private pageOf(column: number, group: number): FooterPage {
    const { pages, columns } = this.state.footer
    const at = (group * (columns.length + 1) + column) * PAGE_WORDS
    return { offset: pages[at]!, size: pages[at + 1]!, checksum: pages[at + 2]! }
  }

  /** All of a row group, or if that is too much one column of it: blocks, as far as may be, and page. */
  private chunkOf(column: number, group: number): ByteRange {
    const { pages, columns } = this.state.footer
    const { offset } = this.description
    const first = group * (columns.length + 1)
    /** Where the pages before one end, and its blocks begin. */
    const behind = (page: number): number => {
      while (--page >= 0) {
        const size = pages[page * PAGE_WORDS + 1]!
        if (size > 0) return offset + pages[page * PAGE_WORDS]! + size
      }
      return offset
    }
    const whole = { start: behind(first), end: behind(first + columns.length + 1) }
    if (whole.end - whole.start <= READ_SIZE_MAX) return whole
    const end = behind(first + column + 1)
    return { start: Math.max(behind(first + column), end - READ_SIZE_MAX), end }
  }

  private typeOf(column: number): number {
    return column === 0 ? this.instance.kernel.TIME.value : this.columns[column - 1]!.type
  }

  /** Reads, checks and decodes a directory page: address of its entries. */
  private *readPage(pins: Pins, column: number, group: number): Execution<number> {
    const { kernel, memory } = this.instance
    const page = this.pageOf(column, group)
    const { file, offset: partOffset } = this.description
    const offset = partOffset + page.offset
    const along = this.chunkOf(column, group)
    const region = yield { read: { file: this.name, offset, size: page.size, along } }
    let entries: Region | null = null
    try {
      const { offset: bytes } = region
      if (kernel.crc32c(bytes, page.size, 0) >>> 0 !== page.checksum) {
        throw this.corrupt(pins, column, group * GROUP_BLOCKS, 'page', offset, 'its checksum')
      }
      entries = this.cache.allocate(GROUP_BLOCKS * kernel.ENTRY_SIZE.value)
      const type = this.typeOf(column)
      const count = kernel.decodePage(type, bytes, page.size, entries.offset, GROUP_BLOCKS)
      if (!this.arePlaced(entries.offset, count, group, page.offset)) {
        throw this.corrupt(pins, column, group * GROUP_BLOCKS, 'page', offset, 'its check')
      }
      pins.insert(file, entries, [{ key: offset, address: entries.offset }])
      const address = entries.offset
      entries = null
      return address
    } finally {
      memory.release(region)
      if (entries !== null) memory.release(entries)
    }
  }

  /** Do the entries of a page cover the group's rows, and lie before the page? */
  private arePlaced(entries: number, count: number, group: number, pageOffset: number): boolean {
    const { kernel, memory } = this.instance
    const blocks = Math.min(GROUP_BLOCKS, this.blockCount - group * GROUP_BLOCKS)
    if (count !== blocks) return false
    const last = entries + (count - 1) * kernel.ENTRY_SIZE.value
    const isLastGroup = group * GROUP_BLOCKS + blocks === this.blockCount
    const lastRows = isLastGroup ? this.rows - (this.blockCount - 1) * BLOCK_ROWS : BLOCK_ROWS
    const firstRows = blocks > 1 ? BLOCK_ROWS : lastRows
    const end = memory.u32[last / 4]! + memory.u32[last / 4 + 1]!
    return (
      memory.u16[entries / 2 + 6] === firstRows &&
      memory.u16[last / 2 + 6] === lastRows &&
      end <= pageOffset
    )
  }

  /** Reads and checks neighbouring blocks: address of the first. */
  private *readBlocks(pins: Pins, columnId: number, wanted: readonly Wanted[]): Execution<number> {
    const { kernel, memory } = this.instance
    const { file, offset: partOffset } = this.description
    const first = wanted[0]!
    const last = wanted.at(-1)!
    const size = last.offset + last.size - first.offset
    const offset = partOffset + first.offset
    const region = yield { read: { file: this.name, offset, size } }
    const column = this.state.index.get(columnId)!
    const items: CacheItem[] = []
    for (const { block, entry, offset: at } of wanted) {
      const address = region.offset + at - first.offset
      if (kernel.checkBlock(this.typeOf(column), address, entry) !== 0) {
        memory.release(region)
        throw this.corrupt(pins, column, block, 'block', partOffset + at, 'its checksum')
      }
      items.push({ key: partOffset + at, address })
    }
    pins.insert(file, region, items)
    return region.offset
  }

  /** Damage, named by file, column, offset and the times that it hides, as far as known. */
  private corrupt(
    pins: Pins,
    column: number,
    block: number,
    what: string,
    offset: number,
    check: string,
  ): OmenError {
    const subject = column === 0 ? 'the time column' : `column ${this.columns[column - 1]!.id}`
    const [from, to] = this.timesOf(
      pins,
      block,
      what === 'block' ? block + 1 : block + GROUP_BLOCKS,
    )
    const range = `${formatTimeText(from, 'rfc3339')} to ${formatTimeText(to, 'rfc3339')}`
    return new OmenError(
      'corrupt',
      `${this.name}: ${what} of ${subject} at offset ${offset} fails ${check} (times ${range})`,
      { place: { offset, minTime: from, maxTime: to } },
    )
  }

  /** Times of the blocks [from, to) if their page is cached, else of the part. */
  private timesOf(pins: Pins, from: number, to: number): [bigint, bigint] {
    const { kernel, memory } = this.instance
    const { file, offset, minTime, maxTime } = this.description
    const group = Math.floor(from / GROUP_BLOCKS)
    const entries = pins.find(file, offset + this.pageOf(0, group).offset)
    if (entries === 0) return [minTime, maxTime]
    let least = maxTime
    let most = minTime
    for (let block = from; block < Math.min(to, this.blockCount); block++) {
      const entry = entries + (block % GROUP_BLOCKS) * kernel.ENTRY_SIZE.value
      const low = memory.i64[entry / 8 + 5]!
      const high = memory.i64[entry / 8 + 6]!
      if (low < least) least = low
      if (high > most) most = high
    }
    return [least, most]
  }
}

/** May a block be read together with the ones before it? */
function continues(wanted: readonly Wanted[], offset: number, size: number): boolean {
  const first = wanted[0]
  const last = wanted.at(-1)
  if (first === undefined || last === undefined) return true
  return last.offset + last.size === offset && offset + size - first.offset <= READ_SIZE_MAX
}
