// Rows on their way from a shard to a coordinator: series in pages of about PAGE_BYTES, whose columns lie
// one behind the other in arrays of their own, so that a message carries few objects and no memory that
// is somebody else's.

import type { AnswerColumn, AnswerSeries, ValueType, Vector } from '../query/query.ts'
import { joinTimes, joinVectors, viewVector } from '../query/vector.ts'
import { PAGE_BYTES, type ReadEnd, type RowsPage, type WireTags } from './read-port.ts'

/** What a series costs beside its rows. */
const SERIES_BYTES = 256
/** Rows that are cut off a series at once, so that one with long strings makes no page too large. */
const CUT_ROWS = 16_384

/** Rows of a series that go into one page together. */
interface Piece {
  readonly series: AnswerSeries
  readonly owner: WireTags | null
  readonly bytes: number
}

/** Collects series until a page is full. */
export class RowPacker {
  private readonly types: readonly ValueType[]
  private pieces: Piece[] = []
  private bytes = 0

  /** `columns` are those of the answer, the time first. */
  constructor(columns: readonly AnswerColumn[]) {
    this.types = columns.slice(1).map(({ type }) => type as ValueType)
  }

  /** Is it time to send what is there? */
  get isFull(): boolean {
    return this.bytes >= PAGE_BYTES
  }

  /** Takes all rows of a series, in order; `full` is called whenever a page is. */
  add(series: AnswerSeries, owner: WireTags | null, full: (page: RowsPage) => void): void {
    const { tags, time, fields } = series
    const count = time.length
    for (let from = 0; from < count; from += CUT_ROWS) {
      const to = Math.min(count, from + CUT_ROWS)
      const cut = fields.map((field) => viewVector(field, from, to))
      const piece = { tags, time: time.subarray(from, to), fields: cut }
      const bytes = SERIES_BYTES + bytesOf(piece)
      this.pieces.push({ series: piece, owner, bytes })
      this.bytes += bytes
      if (this.isFull) full(this.take(null))
    }
  }

  /** What was added since; with `end` it is the last page. */
  take(end: ReadEnd | null): RowsPage {
    const { pieces, types } = this
    this.pieces = []
    this.bytes = 0
    const series = pieces.map((piece) => piece.series)
    const isOwned = pieces.length > 0 && pieces.every(({ owner }) => owner !== null)
    return {
      kind: 'rows',
      isLast: end !== null,
      tags: series.map(({ tags }) => [...tags]),
      owners: isOwned ? pieces.map(({ owner }) => owner!) : null,
      counts: Uint32Array.from(series, ({ time }) => time.length),
      time: ownTimes(joinTimes(series.map(({ time }) => time))),
      fields: types.map((type, i) => {
        return ownVector(
          joinVectors(
            type,
            series.map(({ fields }) => fields[i]!),
          ),
        )
      }),
      end,
    }
  }
}

/** All rows of an answer as pages; the last one has `end`. */
export function packRows(
  columns: readonly AnswerColumn[],
  series: readonly AnswerSeries[],
  owners: readonly WireTags[] | null,
  end: ReadEnd,
): RowsPage[] {
  const packer = new RowPacker(columns)
  const pages: RowsPage[] = []
  series.forEach((one, i) => packer.add(one, owners?.[i] ?? null, (page) => pages.push(page)))
  pages.push(packer.take(end))
  return pages
}

/** The series of a page, views of its arrays. */
export function seriesOfPage({ tags, counts, time, fields }: RowsPage): AnswerSeries[] {
  let from = 0
  return tags.map((pairs, i) => {
    const to = from + counts[i]!
    const series = {
      tags: new Map(pairs),
      time: time.subarray(from, to),
      fields: fields.map((field) => viewVector(field, from, to)),
    }
    from = to
    return series
  })
}

/** Bytes of a page, about. */
export function bytesOfPage({ tags, time, fields }: RowsPage): number {
  return tags.length * SERIES_BYTES + bytesOf({ time, fields })
}

function bytesOf({ time, fields }: Pick<RowsPage, 'time' | 'fields'>): number {
  let bytes = time.byteLength
  for (const { values, valid } of fields) {
    bytes += valid?.byteLength ?? 0
    if (!Array.isArray(values)) bytes += values.byteLength
    else for (const text of values) bytes += 8 + 2 * text.length
  }
  return bytes
}

/** The vector with its own memory: of a view, a message would carry all that is behind it. */
function ownVector({ values, valid }: Vector): Vector {
  const isOwn = Array.isArray(values) || values.byteLength === values.buffer.byteLength
  const isValidOwn = valid === null || valid.byteLength === valid.buffer.byteLength
  return { values: isOwn ? values : values.slice(), valid: isValidOwn ? valid : valid.slice() }
}

function ownTimes(times: BigInt64Array): BigInt64Array {
  return times.byteLength === times.buffer.byteLength ? times : times.slice()
}
