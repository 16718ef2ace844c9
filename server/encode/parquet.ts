// Exports as a Parquet file: row groups of 131,072 rows (what DuckDB writes, about) or 16 MiB, the sooner,
// so that memory is that of one of them, then the footer. `time` is a required timestamp in nanoseconds of
// UTC, whose least and greatest stand in each row group so that readers skip; tags and fields may be null.
// Nothing is compressed.
// https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift

import type { AnswerColumn, AnswerSeries } from '../../engine/query/query.ts'
import { VERSION } from '../version.ts'
import type { JsonFormat, KernelSource } from './json.ts'
import {
  ENCODING_DICTIONARY,
  ENCODING_PLAIN,
  ENCODING_RLE,
  fieldPage,
  TagDictionary,
  timePage,
  type Page,
} from './parquet-page.ts'
import { batchesOf, bytesOf, joinBytes, type Batch } from './parts.ts'
import type { RowHead } from './rows.ts'
import type { Piece } from './stream.ts'
import {
  binary,
  bool,
  encoded,
  encodeStruct,
  i32,
  i64,
  list,
  struct,
  text,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts'

/** Rows of a row group, at most but for those of one batch. */
const GROUP_ROWS = 131_072
/** Bytes of a row group, at most but for those of one batch. */
const GROUP_BYTES = 16 * 1024 * 1024

const MAGIC = Uint8Array.of(80, 65, 82, 49) // PAR1

/** The bytes of a file. Times are nanoseconds, values as they are, NaN too. */
export async function* encodeParquet(
  head: RowHead,
  chunks: AsyncIterable<AnswerSeries>,
  _format: JsonFormat,
  kernel: KernelSource,
): AsyncGenerator<Piece> {
  const columns = columnsOf(head)
  const groups: Uint8Array[] = []
  let size = MAGIC.length
  let rowCount = 0
  let group = new RowGroup(columns, kernel)
  const close = (): Uint8Array<ArrayBuffer>[] => {
    const { pages, metadata } = group.close(size)
    groups.push(metadata)
    rowCount += group.rows
    for (const { length } of pages) size += length
    group = new RowGroup(columns, kernel)
    return pages
  }
  yield MAGIC
  for await (const batch of batchesOf(chunks)) {
    group.add(batch)
    if (group.isFull) yield* drain(close())
  }
  if (group.rows > 0) yield* drain(close())
  const footer = encodeFooter(columns, rowCount, groups)
  yield joinBytes([footer, bytesOf(Uint32Array.of(footer.length)), MAGIC])
}

/** The pages in order; each is let go of when it is given away. */
function* drain(pages: Uint8Array<ArrayBuffer>[]): Generator<Uint8Array<ArrayBuffer>> {
  pages.reverse()
  for (let page = pages.pop(); page !== undefined; page = pages.pop()) yield page
}

// --- columns

const INT64 = 2
const REQUIRED = 0
const OPTIONAL = 1
/** Codec of pages that are not compressed. */
const UNCOMPRESSED = 0

interface Column {
  readonly name: string
  /** Number of the physical type. */
  readonly type: number
  readonly repetition: number
  /** What older readers know. */
  readonly converted: number | null
  readonly logical: ThriftValue | null
  readonly isTag: boolean
  readonly page: (kernel: KernelSource, batch: Batch, tag: TagDictionary) => Page
}

const STRING_TYPE = { type: 6, converted: 0, logical: struct([1, struct()]) }

const integerType = (converted: number, isSigned: boolean) => ({
  type: INT64,
  converted,
  logical: struct([10, struct([1, { kind: 'i8', value: 64 }], [2, bool(isSigned)])]),
})

const TYPES = {
  timestamp: {
    type: INT64,
    converted: null,
    logical: struct([8, struct([1, bool(true)], [2, struct([3, struct()])])]),
  },
  float: { type: 5, converted: null, logical: null },
  integer: integerType(18, true),
  unsigned: integerType(14, false),
  boolean: { type: 0, converted: null, logical: null },
  string: STRING_TYPE,
} as const satisfies Record<AnswerColumn['type'], Partial<Column>>

/** `time`, then tags, then fields. */
function columnsOf({ columns, tags }: RowHead): Column[] {
  const [time, ...fields] = columns
  return [
    {
      ...TYPES.timestamp,
      name: time!.name,
      repetition: REQUIRED,
      isTag: false,
      page: (_kernel, batch) => timePage(batch),
    },
    ...tags.map((name): Column => ({
      ...STRING_TYPE,
      name,
      repetition: OPTIONAL,
      isTag: true,
      page: (_kernel, batch, tag) => tag.page(name, batch),
    })),
    ...fields.map(({ name, type }, i): Column => ({
      ...TYPES[type],
      name,
      repetition: OPTIONAL,
      isTag: false,
      page: (kernel, batch) => fieldPage(kernel(), type, batch, i),
    })),
  ]
}

// --- row groups

/** The pages of one row group until it is written. */
class RowGroup {
  rows = 0
  private bytes = 0
  private minTime = 0n
  private maxTime = 0n
  private readonly columns: readonly Column[]
  private readonly kernel: KernelSource
  private readonly pages: Uint8Array<ArrayBuffer>[][]
  private readonly nullCounts: number[]
  private readonly tags: TagDictionary[]

  constructor(columns: readonly Column[], kernel: KernelSource) {
    this.columns = columns
    this.kernel = kernel
    this.pages = columns.map(() => [])
    this.nullCounts = columns.map(() => 0)
    this.tags = columns.map(() => new TagDictionary())
  }

  get isFull(): boolean {
    const tags = this.tags.reduce((sum, { textLength }) => sum + textLength, 0)
    return this.rows >= GROUP_ROWS || this.bytes + tags >= GROUP_BYTES
  }

  add(batch: Batch): void {
    this.addTimes(batch)
    for (const [i, column] of this.columns.entries()) {
      const { bytes, nullCount } = column.page(this.kernel, batch, this.tags[i]!)
      this.pages[i]!.push(bytes)
      this.nullCounts[i]! += nullCount
      this.bytes += bytes.length
    }
    this.rows += batch.rows
  }

  /** All pages, column by column, for the file from `offset` on; and what the footer says of them. */
  close(offset: number): { pages: Uint8Array<ArrayBuffer>[]; metadata: Uint8Array } {
    const pages: Uint8Array<ArrayBuffer>[] = []
    const chunks: Uint8Array[] = []
    let at = offset
    for (const [i, column] of this.columns.entries()) {
      const dictionary = column.isTag ? this.tags[i]!.dictionaryPage(this.kernel()) : null
      const own = dictionary === null ? this.pages[i]! : [dictionary, ...this.pages[i]!]
      const size = own.reduce((sum, { length }) => sum + length, 0)
      chunks.push(this.describeChunk(i, at, dictionary?.length ?? 0, size))
      pages.push(...own)
      at += size
    }
    const size = i64(at - offset)
    const metadata = encodeStruct([
      [1, encoded(chunks)],
      [2, size],
      [3, i64(this.rows)],
      [5, i64(offset)],
      [6, size],
    ])
    return { pages, metadata }
  }

  /** A ColumnChunk: where its pages are, how they are encoded, what they hold. */
  private describeChunk(
    index: number,
    offset: number,
    dictionarySize: number,
    size: number,
  ): Uint8Array {
    const { name, type, isTag } = this.columns[index]!
    const encodings = isTag
      ? [ENCODING_PLAIN, ENCODING_RLE, ENCODING_DICTIONARY]
      : [ENCODING_PLAIN, ENCODING_RLE]
    const metadata: ThriftStruct = [
      [1, i32(type)],
      [2, list(encodings.map(i32))],
      [3, list([text(name)])],
      [4, i32(UNCOMPRESSED)],
      [5, i64(this.rows)],
      [6, i64(size)],
      [7, i64(size)],
      [9, i64(offset + dictionarySize)],
      [11, isTag ? i64(offset) : null],
      [12, this.describeValues(index)],
    ]
    return encodeStruct([
      [2, i64(0)],
      [3, { kind: 'struct', value: metadata }],
    ])
  }

  /** Statistics. */
  private describeValues(index: number): ThriftValue {
    const nullCount = i64(this.nullCounts[index]!)
    if (index > 0) return struct([3, nullCount])
    const bound = (time: bigint): ThriftValue => binary(bytesOf(BigInt64Array.of(time)))
    return struct([3, nullCount], [5, bound(this.maxTime)], [6, bound(this.minTime)])
  }

  /** Times of a part ascend or descend. */
  private addTimes({ parts }: Batch): void {
    for (const [i, { series, from, to }] of parts.entries()) {
      const ends = [series.time[from]!, series.time[to - 1]!]
      for (const time of ends) {
        const isFirst = this.rows === 0 && i === 0 && time === ends[0]
        if (isFirst || time < this.minTime) this.minTime = time
        if (isFirst || time > this.maxTime) this.maxTime = time
      }
    }
  }
}

// --- the footer

function encodeFooter(
  columns: readonly Column[],
  rowCount: number,
  groups: readonly Uint8Array[],
): Uint8Array {
  const root = struct([4, text('schema')], [5, i32(columns.length)])
  const leaves = columns.map(({ name, type, repetition, converted, logical }) =>
    struct(
      [1, i32(type)],
      [3, i32(repetition)],
      [4, text(name)],
      [6, converted === null ? null : i32(converted)],
      [10, logical],
    ),
  )
  return encodeStruct([
    [1, i32(2)],
    [2, list([root, ...leaves])],
    [3, i64(rowCount)],
    [4, encoded(groups)],
    [6, text(`OmenDB version ${VERSION}`)],
    // Least and greatest are those of the types.
    [7, list(columns.map(() => struct([1, struct()])))],
  ])
}
