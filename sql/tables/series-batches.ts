// Chunks of series, as the engine's export gives them → batches of rows: the tags of a series become
// constant columns. Long chunks are cut where they lie, short ones are put together, so that a
// hundred thousand series of one point are not a hundred thousand batches.

import type { AnswerSeries, Vector } from '../../engine/query/query.ts'
import { BATCH_ROWS, type Batches, type SqlBatch, type SqlVector } from '../batch.ts'
import { Decimal } from '../decimal.ts'
import type { RunContext } from '../relation.ts'

/** Where a column of a batch comes from: the time, a tag, or a position among the chunk's fields. */
export type Source =
  | { readonly kind: 'time' }
  | { readonly kind: 'tag'; readonly key: string }
  | { readonly kind: 'field'; readonly index: number }

type Values = Vector['values']

/** Rows [from, to) of a chunk, whose members are read once: it may make them when it is asked. */
interface Piece extends Pick<AnswerSeries, 'time' | 'fields'> {
  /** Null: no column is a tag. */
  readonly tags: AnswerSeries['tags'] | null
  readonly from: number
  readonly to: number
}

/** Batches of at most BATCH_ROWS; to stop early gives back what the chunks hold. */
export async function* batchesOf(
  chunks: AsyncIterable<AnswerSeries>,
  sources: readonly Source[],
  rowsMax: number,
  run: RunContext,
): Batches {
  if (rowsMax <= 0) return
  const rows = new ChunkRows(sources, rowsMax)
  for await (const chunk of chunks) {
    run.check()
    for (const batch of rows.take(chunk)) yield batch
    if (rows.isFull) break
  }
  const rest = rows.rest()
  if (rest !== null) yield rest
}

/** The same of series that are all there: nobody waits for each of them. */
export function* batchesOfSeries(
  series: readonly AnswerSeries[],
  sources: readonly Source[],
): Generator<SqlBatch> {
  const rows = new ChunkRows(sources, Infinity)
  for (const one of series) yield* rows.take(one)
  const rest = rows.rest()
  if (rest !== null) yield rest
}

/** Rows that wait until they are a batch. */
class ChunkRows {
  readonly #sources: readonly Source[]
  readonly #hasTags: boolean
  #pieces: Piece[] = []
  #pending = 0
  /** More are not taken. */
  #left: number

  constructor(sources: readonly Source[], rowsMax: number) {
    this.#sources = sources
    this.#hasTags = sources.some(({ kind }) => kind === 'tag')
    this.#left = rowsMax
  }

  get isFull(): boolean {
    return this.#left === 0
  }

  /** Adds rows of a chunk; the batches that are full by now. */
  *take(chunk: AnswerSeries): Generator<SqlBatch> {
    const { time, fields } = chunk
    const tags = this.#hasTags ? chunk.tags : null
    const rows = Math.min(time.length, this.#left)
    this.#left -= rows
    for (let from = 0; from < rows;) {
      const to = Math.min(rows, from + BATCH_ROWS - this.#pending)
      this.#pieces.push({ time, tags, fields, from, to })
      this.#pending += to - from
      from = to
      if (this.#pending === BATCH_ROWS) yield this.rest()!
    }
  }

  /** A batch of what waits; null: nothing does. */
  rest(): SqlBatch | null {
    if (this.#pending === 0) return null
    const batch = assemble(this.#pieces, this.#pending, this.#sources)
    this.#pieces = []
    this.#pending = 0
    return batch
  }
}

function assemble(
  pieces: readonly Piece[],
  rowCount: number,
  sources: readonly Source[],
): SqlBatch {
  const columns = sources.map((source): SqlVector => {
    if (source.kind === 'time') return timesOf(pieces, rowCount)
    if (source.kind === 'tag') return tagsOf(pieces, rowCount, source.key)
    return fieldOf(pieces, rowCount, source.index)
  })
  return { rowCount, columns }
}

function timesOf(pieces: readonly Piece[], rowCount: number): SqlVector {
  const [first] = pieces
  if (pieces.length === 1) {
    return { values: first!.time.subarray(first!.from, first!.to), valid: null }
  }
  const values = new BigInt64Array(rowCount)
  let row = 0
  for (const { time, from, to } of pieces) {
    copy(time, from, to, values, row)
    row += to - from
  }
  return { values, valid: null }
}

function tagsOf(pieces: readonly Piece[], rowCount: number, key: string): SqlVector {
  const values = Array<string>(rowCount).fill('')
  let valid: Uint8Array | null = null
  let row = 0
  for (const { tags, from, to } of pieces) {
    const value = tags?.get(key) ?? null
    const end = row + to - from
    if (value === null) {
      valid ??= new Uint8Array(rowCount).fill(1)
      valid.fill(0, row, end)
    } else values.fill(value, row, end)
    row = end
  }
  return { values, valid }
}

function fieldOf(pieces: readonly Piece[], rowCount: number, index: number): SqlVector {
  const { fields, from, to } = pieces[0]!
  const { values, valid } = fields[index]!
  if (pieces.length > 1) return fieldOfMany(pieces, rowCount, index)
  return { values: cut(values, from, to), valid: valid && valid.subarray(from, to) }
}

function fieldOfMany(pieces: readonly Piece[], rowCount: number, index: number): SqlVector {
  const target = emptyLike(pieces[0]!.fields[index]!.values, rowCount)
  let flags: Uint8Array | null = null
  let row = 0
  for (const { fields, from, to } of pieces) {
    const { values, valid } = fields[index]!
    copy(values, from, to, target, row)
    if (valid !== null) {
      flags ??= new Uint8Array(rowCount).fill(1)
      copy(valid, from, to, flags, row)
    }
    row += to - from
  }
  // Unsigned integers are numeric to SQL.
  const values =
    target instanceof BigUint64Array ? Array.from(target, (value) => Decimal.of(value)) : target
  return { values, valid: flags }
}

function cut(values: Values, from: number, to: number): SqlVector['values'] {
  if (values instanceof BigUint64Array)
    return Array.from(values.subarray(from, to), (value) => Decimal.of(value))
  return Array.isArray(values) ? values.slice(from, to) : values.subarray(from, to)
}

function emptyLike(values: Values, rowCount: number): Values {
  if (Array.isArray(values)) return Array<string>(rowCount).fill('')
  if (values instanceof Float64Array) return new Float64Array(rowCount)
  if (values instanceof BigInt64Array) return new BigInt64Array(rowCount)
  return values instanceof BigUint64Array ? new BigUint64Array(rowCount) : new Uint8Array(rowCount)
}

/** Fewer values are copied one by one: a view of them takes longer to make. */
const VIEW_MIN = 32

/** Values [from, to) to `target` at `row`, which has their type. */
function copy(values: Values, from: number, to: number, target: Values, row: number): void {
  if (Array.isArray(values) || to - from < VIEW_MIN) {
    for (let i = from; i < to; i++) target[row + i - from] = values[i]!
  } else (target as Uint8Array).set(values.subarray(from, to) as Uint8Array, row)
}
