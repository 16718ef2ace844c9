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
    values.set(chunk.time.subarray(from, to), row)
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
  const valid = validOf(pieces, rowCount, index)
  const parts = pieces.map(({ chunk, from, to }) => cut(chunk.fields[index]!, from, to))
  return { values: parts.length === 1 ? parts[0]! : joined(parts, rowCount), valid }
}

function validOf(pieces: readonly Piece[], rowCount: number, index: number): Uint8Array | null {
  const parts = pieces.map(({ chunk, from, to }) =>
    chunk.fields[index]!.valid === null ? null : chunk.fields[index]!.valid.subarray(from, to),
  )
  if (parts.every((part) => part === null)) return null
  if (parts.length === 1) return parts[0]!
  const valid = new Uint8Array(rowCount).fill(1)
  let row = 0
  for (const [i, { from, to }] of pieces.entries()) {
    const part = parts[i]!
    if (part !== null) valid.set(part, row)
    row += to - from
  }
  return valid
}

type Values = Float64Array | BigInt64Array | Uint8Array | string[] | Decimal[]

function cut({ values }: Vector, from: number, to: number): Values {
  // Unsigned integers are numeric to SQL.
  if (values instanceof BigUint64Array) {
    return Array.from(values.subarray(from, to), (value) => Decimal.of(value))
  }
  return Array.isArray(values) ? values.slice(from, to) : values.subarray(from, to)
}

function joined(parts: readonly Values[], rowCount: number): Values {
  const [first] = parts
  if (Array.isArray(first)) return (parts as unknown[][]).flat() as string[] | Decimal[]
  if (first instanceof BigInt64Array) return concat(parts, new BigInt64Array(rowCount))
  if (first instanceof Float64Array) return concat(parts, new Float64Array(rowCount))
  return concat(parts, new Uint8Array(rowCount))
}

function concat<T extends Float64Array | BigInt64Array | Uint8Array>(
  parts: readonly Values[],
  target: T,
): T {
  let row = 0
  for (const part of parts) {
    target.set(part as never, row)
    row += part.length
  }
  return target
}
