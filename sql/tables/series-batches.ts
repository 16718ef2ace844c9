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

/** Rows [from, to) of a chunk. */
interface Piece {
  readonly chunk: AnswerSeries
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
  let pieces: Piece[] = []
  let pending = 0
  let left = rowsMax
  if (left <= 0) return
  for await (const chunk of chunks) {
    run.check()
    const rows = Math.min(chunk.time.length, left)
    left -= rows
    for (let from = 0; from < rows;) {
      const to = Math.min(rows, from + BATCH_ROWS - pending)
      pieces.push({ chunk, from, to })
      pending += to - from
      from = to
      if (pending < BATCH_ROWS) continue
      yield assemble(pieces, pending, sources)
      pieces = []
      pending = 0
    }
    if (left === 0) break
  }
  if (pending > 0) yield assemble(pieces, pending, sources)
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
    return { values: first!.chunk.time.subarray(first!.from, first!.to), valid: null }
  }
  const values = new BigInt64Array(rowCount)
  let row = 0
  for (const { chunk, from, to } of pieces) {
    copy(chunk.time, from, to, values, row)
    row += to - from
  }
  return { values, valid: null }
}

function tagsOf(pieces: readonly Piece[], rowCount: number, key: string): SqlVector {
  const values = Array<string>(rowCount).fill('')
  let valid: Uint8Array | null = null
  let row = 0
  for (const { chunk, from, to } of pieces) {
    const value = chunk.tags.get(key) ?? null
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
  const { chunk, from, to } = pieces[0]!
  const { values, valid } = chunk.fields[index]!
  if (pieces.length > 1) return fieldOfMany(pieces, rowCount, index)
  return { values: cut(values, from, to), valid: valid && valid.subarray(from, to) }
}

function fieldOfMany(pieces: readonly Piece[], rowCount: number, index: number): SqlVector {
  const target = emptyLike(pieces[0]!.chunk.fields[index]!.values, rowCount)
  let flags: Uint8Array | null = null
  let row = 0
  for (const { chunk, from, to } of pieces) {
    const { values, valid } = chunk.fields[index]!
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
