// The footer of a part, the 32 bytes that a segment starts with, and what follows from both: one
// read at the end of a part says where everything else lies. All checksums of a part hang on the
// footer's own. docs/format.md, "Parts and segments", has the byte tables.

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import { fileName } from '../log/file-name.ts'

export const SEGMENT_HEADER_SIZE = 32
/** Blocks of a row group. */
export const GROUP_BLOCKS = 64
/** Rows of every block of a part but the last. */
export const BLOCK_ROWS = 1_024

export interface FooterColumn {
  readonly id: number
  readonly type: FieldType
}

/** Where a directory page lies in the part; size 0 = the column has no values in the group. */
export interface FooterPage {
  readonly offset: number
  readonly size: number
  readonly checksum: number
}

/** Words of a FooterPage in `Footer.pages`: offset, size, checksum. */
export const PAGE_WORDS = 3

/** A series page: its blocks and, in its last `directorySize` bytes, their directory. */
export interface FooterSeriesPage extends FooterPage {
  readonly directorySize: number
  readonly firstId: number
  readonly firstRow: number
  readonly count: number
}

export interface Footer {
  readonly table: number
  readonly partition: bigint
  readonly sequence: bigint
  readonly rows: number
  readonly minTime: bigint
  readonly maxTime: bigint
  readonly columns: readonly FooterColumn[]
  /** PAGE_WORDS numbers a page, group by group: the time column, then `columns`. */
  readonly pages: ArrayLike<number>
  /** In order of id. */
  readonly seriesPages: readonly FooterSeriesPage[]
  /** Bytes of the part before the footer. */
  readonly bodySize: number
}

/** Of segment files. */
const FORMAT_VERSION = 0
/** Of parts: 1 has blocks that a reader of 0 would misread. Parts of 0 are read as before. */
const PART_VERSION = 1
const SEGMENT_MAGIC = 'OMENSEG\0'
const PART_MAGIC = 'OMENPRT\0'
const FIXED_SIZE = 80
const COLUMN_SIZE = 8
const PAGE_SIZE = PAGE_WORDS * 4
const SERIES_PAGE_SIZE = 28
const CHECKSUM_SIZE = 4

/** The first bytes of a segment file. */
export function encodeSegmentHeader(id: number): Uint8Array {
  assert(Number.isInteger(id) && id >= 0 && id < 2 ** 32, `segment number ${id}`)
  const bytes = new Uint8Array(SEGMENT_HEADER_SIZE)
  const view = viewOf(bytes)
  writeMagic(bytes, SEGMENT_MAGIC)
  view.setUint16(8, FORMAT_VERSION, true)
  view.setUint32(12, id, true)
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true)
  return bytes
}

/** Throws `corrupt` or `unsupported` unless the bytes start the segment of that number. */
export function checkSegmentHeader(bytes: Uint8Array, id: number): void {
  const name = fileName('segment', id)
  const view = viewOf(bytes)
  if (bytes.length < SEGMENT_HEADER_SIZE || !hasMagic(bytes, SEGMENT_MAGIC)) {
    throw corrupt(name, 'does not start as a segment does')
  }
  if (crc32c(bytes.subarray(0, 28)) !== view.getUint32(28, true)) {
    throw corrupt(name, 'header fails its checksum')
  }
  checkVersion(name, view.getUint16(8, true), FORMAT_VERSION)
  if (view.getUint32(12, true) !== id) {
    throw corrupt(name, `is a copy of ${fileName('segment', view.getUint32(12, true))}`)
  }
  if (bytes.subarray(16, 28).some((byte) => byte !== 0) || view.getUint16(10, true) !== 0) {
    throw corrupt(name, 'reserved bytes of the header are not zero')
  }
}

/** Bytes of a footer; `id` is the segment's number, which also seeds its checksum. */
export function encodeFooter(id: number, footer: Footer): Uint8Array {
  const { columns, pages, seriesPages } = footer
  const groups = pages.length / (columns.length + 1) / PAGE_WORDS
  assert(groups === groupsOf(footer.rows), `footer with ${groups} groups`)
  const bytes = new Uint8Array(sizeOf(columns.length, groups, seriesPages.length))
  const view = viewOf(bytes)
  writeMagic(bytes, PART_MAGIC)
  view.setUint16(8, PART_VERSION, true)
  view.setUint16(10, GROUP_BLOCKS, true)
  view.setUint32(12, id, true)
  view.setUint32(16, footer.table, true)
  view.setUint32(20, columns.length, true)
  view.setBigInt64(24, footer.partition, true)
  view.setBigUint64(32, footer.sequence, true)
  view.setBigInt64(40, footer.minTime, true)
  view.setBigInt64(48, footer.maxTime, true)
  view.setBigUint64(56, BigInt(footer.rows), true)
  view.setUint32(64, groups, true)
  view.setUint32(68, seriesPages.length, true)
  view.setUint32(72, footer.bodySize, true)
  let at = FIXED_SIZE
  for (const { id: column, type } of columns) {
    view.setUint32(at, column, true)
    view.setUint8(at + 4, type)
    at += COLUMN_SIZE
  }
  at = writeWords(view, at, pages)
  for (const { firstId, firstRow, count, offset, size, directorySize, checksum } of seriesPages) {
    at = writeWords(view, at, [firstId, firstRow, count, offset, size, directorySize, checksum])
  }
  view.setUint32(at, crc32c(bytes.subarray(0, at), id), true)
  return bytes
}

/** Decodes and checks a footer of segment `id` whose part takes `bodySize` bytes before it. */
export function decodeFooter(bytes: Uint8Array, id: number, bodySize: number): Footer {
  const name = fileName('segment', id)
  const view = viewOf(bytes)
  const end = bytes.length - CHECKSUM_SIZE
  if (end < FIXED_SIZE || !hasMagic(bytes, PART_MAGIC)) {
    throw corrupt(name, `no footer at ${bodySize} of a part`)
  }
  if (crc32c(bytes.subarray(0, end), id) !== view.getUint32(end, true)) {
    throw corrupt(name, `footer at ${bodySize} of a part fails its checksum`)
  }
  checkVersion(name, view.getUint16(8, true), PART_VERSION)
  const columnCount = view.getUint32(20, true)
  const rows = Number(view.getBigUint64(56, true))
  const groups = view.getUint32(64, true)
  const seriesPageCount = view.getUint32(68, true)
  const isWhole =
    view.getUint16(10, true) === GROUP_BLOCKS &&
    view.getUint32(12, true) === id &&
    view.getUint32(72, true) === bodySize &&
    view.getUint32(76, true) === 0 &&
    groups === groupsOf(rows) &&
    bytes.length === sizeOf(columnCount, groups, seriesPageCount)
  if (!isWhole) throw corrupt(name, `footer at ${bodySize} of a part contradicts itself`)
  const pagesAt = FIXED_SIZE + columnCount * COLUMN_SIZE
  const seriesAt = pagesAt + groups * (columnCount + 1) * PAGE_SIZE
  return {
    table: view.getUint32(16, true),
    partition: view.getBigInt64(24, true),
    sequence: view.getBigUint64(32, true),
    rows,
    minTime: view.getBigInt64(40, true),
    maxTime: view.getBigInt64(48, true),
    columns: readColumns(view, columnCount),
    pages: readPages(view, pagesAt, groups * (columnCount + 1)),
    seriesPages: readSeriesPages(view, seriesAt, seriesPageCount),
    bodySize,
  }
}

/** Row groups of a part. */
function groupsOf(rows: number): number {
  return Math.ceil(rows / (BLOCK_ROWS * GROUP_BLOCKS))
}

function sizeOf(columns: number, groups: number, seriesPages: number): number {
  const pages = groups * (columns + 1) * PAGE_SIZE
  return FIXED_SIZE + columns * COLUMN_SIZE + pages + seriesPages * SERIES_PAGE_SIZE + CHECKSUM_SIZE
}

function readColumns(view: DataView, count: number): FooterColumn[] {
  return Array.from({ length: count }, (_, i) => {
    const at = FIXED_SIZE + i * COLUMN_SIZE
    return { id: view.getUint32(at, true), type: view.getUint8(at + 4) as FieldType }
  })
}

function readPages(view: DataView, at: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count * PAGE_WORDS }, (_, i) =>
    view.getUint32(at + i * 4, true),
  )
}

function readSeriesPages(view: DataView, at: number, count: number): FooterSeriesPage[] {
  return Array.from({ length: count }, (_, i) => {
    const page = at + i * SERIES_PAGE_SIZE
    return {
      firstId: view.getUint32(page, true),
      firstRow: view.getUint32(page + 4, true),
      count: view.getUint32(page + 8, true),
      offset: view.getUint32(page + 12, true),
      size: view.getUint32(page + 16, true),
      directorySize: view.getUint32(page + 20, true),
      checksum: view.getUint32(page + 24, true),
    }
  })
}

function writeWords(view: DataView, at: number, words: ArrayLike<number>): number {
  for (let i = 0; i < words.length; i++) view.setUint32(at + i * 4, words[i]!, true)
  return at + words.length * 4
}

function writeMagic(bytes: Uint8Array, magic: string): void {
  for (let i = 0; i < magic.length; i++) bytes[i] = magic.charCodeAt(i)
}

function hasMagic(bytes: Uint8Array, magic: string): boolean {
  return [...magic].every((letter, i) => bytes[i] === letter.charCodeAt(0))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function checkVersion(name: string, version: number, newest: number): void {
  if (version <= newest) return
  throw new OmenError(
    'unsupported',
    `${name}: has format version ${version}, this build reads up to ${newest}`,
  )
}

function corrupt(name: string, fact: string): OmenError {
  return new OmenError('corrupt', `${name}: ${fact}`)
}
