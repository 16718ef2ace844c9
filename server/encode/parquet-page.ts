// Pages of Parquet columns (data pages of version 1, not compressed): a thrift header, a definition level
// for each row where the column may be null, and the values that are there. Fields are PLAIN; tags
// are runs of indexes into a dictionary, because a series has one value for all of its rows.
// https://github.com/apache/parquet-format/blob/master/Encodings.md

import { packBits, packStrings } from '../../engine/arrow-buffer.ts'
import type { KernelInstance } from '../../engine/kernel.ts'
import type { AnswerColumn, Vector } from '../../engine/query/query.ts'
import { bytesOf, joinBytes, validOf, vectorsOf, type Batch } from './parts.ts'
import { encodeStruct, i32, struct } from './thrift.ts'

export const ENCODING_PLAIN = 0
export const ENCODING_RLE = 3
export const ENCODING_DICTIONARY = 8

const DATA_PAGE = 0
const DICTIONARY_PAGE = 2

/** A page with its header. */
export interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly nullCount: number
}

/** The times of a batch: no row is without. */
export function timePage({ parts, rows }: Batch): Page {
  const times = parts.map(({ series, from, to }) => bytesOf(series.time.subarray(from, to)))
  return { bytes: dataPage(rows, ENCODING_PLAIN, times), nullCount: 0 }
}

/** Field `index` of a batch. */
export function fieldPage(
  kernel: KernelInstance,
  type: AnswerColumn['type'],
  batch: Batch,
  index: number,
): Page {
  const { rows } = batch
  const valid = validOf(batch, index)
  const packed = valid === null ? null : packBits(kernel, valid)
  const levels = packed === null ? runLevels([{ count: rows, level: 1 }]) : bitLevels(packed.bits)
  const values = plainValues(kernel, type, vectorsOf(batch, index), valid)
  return {
    bytes: dataPage(rows, ENCODING_PLAIN, [levels, values]),
    nullCount: packed === null ? 0 : rows - packed.ones,
  }
}

/** Values of one tag, in the order in which they were met in a row group. */
export class TagDictionary {
  private readonly known = new Map<string, number>()
  /** Characters in it: a bound of its size. */
  textLength = 0

  /** The tag of a batch's rows; series without it are null. */
  page(key: string, { parts, rows }: Batch): Page {
    const found = parts.map(({ series, from, to }) => ({
      count: to - from,
      index: this.find(series.tags.get(key) ?? null),
    }))
    let nullCount = 0
    for (const { count, index } of found) if (index === -1) nullCount += count
    const levels = runLevels(found.map(({ count, index }) => ({ count, level: index < 0 ? 0 : 1 })))
    const width = Math.max(1, 32 - Math.clz32(Math.max(0, this.known.size - 1)))
    const indexes: number[] = [width]
    for (const { count, index } of mergeRuns(found)) {
      if (index >= 0) pushRun(indexes, count, index, Math.ceil(width / 8))
    }
    const body = [levels, Uint8Array.from(indexes)]
    return { bytes: dataPage(rows, ENCODING_DICTIONARY, body), nullCount }
  }

  /** All values, for the front of the column. */
  dictionaryPage(kernel: KernelInstance): Uint8Array<ArrayBuffer> {
    const texts = [...this.known.keys()]
    const body = plainTexts(kernel, texts, null)
    const header = encodeStruct([
      [1, i32(DICTIONARY_PAGE)],
      [2, i32(body.length)],
      [3, i32(body.length)],
      [7, struct([1, i32(texts.length)], [2, i32(ENCODING_PLAIN)])],
    ])
    return joinBytes([header, body])
  }

  /** Where a value is; -1 for none. */
  private find(value: string | null): number {
    if (value === null) return -1
    const index = this.known.get(value) ?? this.known.size
    if (index === this.known.size) {
      this.known.set(value, index)
      this.textLength += value.length
    }
    return index
  }
}

function dataPage(
  rows: number,
  encoding: number,
  body: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const size = body.reduce((sum, { length }) => sum + length, 0)
  const header = encodeStruct([
    [1, i32(DATA_PAGE)],
    [2, i32(size)],
    [3, i32(size)],
    [5, struct([1, i32(rows)], [2, i32(encoding)], [3, i32(ENCODING_RLE)], [4, i32(ENCODING_RLE)])],
  ])
  return joinBytes([header, ...body])
}

// --- levels: 1 = has a value

/** Definition levels as one run of bits, behind their length. */
function bitLevels(bits: Uint8Array): Uint8Array {
  const head: number[] = []
  pushVarint(head, bits.length * 2 + 1)
  return withLength(joinBytes([Uint8Array.from(head), bits]))
}

/** Definition levels as runs of one level each. */
function runLevels(runs: readonly { count: number; level: number }[]): Uint8Array {
  const bytes: number[] = []
  for (const { count, index } of mergeRuns(runs.map((run) => ({ ...run, index: run.level })))) {
    pushRun(bytes, count, index, 1)
  }
  return withLength(Uint8Array.from(bytes))
}

function withLength(bytes: Uint8Array): Uint8Array {
  return joinBytes([bytesOf(Uint32Array.of(bytes.length)), bytes])
}

interface Run {
  readonly count: number
  readonly index: number
}

/** The runs with neighbours of one index put together. */
function mergeRuns(runs: readonly Run[]): Run[] {
  const merged: Run[] = []
  for (const run of runs) {
    const last = merged.at(-1)
    if (last?.index !== run.index) merged.push(run)
    else merged[merged.length - 1] = { count: last.count + run.count, index: run.index }
  }
  return merged
}

/** A run of the RLE and bit-packing hybrid: `count` times a value of `size` bytes. */
function pushRun(bytes: number[], count: number, value: number, size: number): void {
  pushVarint(bytes, count * 2)
  for (let i = 0; i < size; i++) bytes.push((value >>> (8 * i)) & 255)
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
}

// --- values

/** The values of the rows that have one. */
function plainValues(
  kernel: KernelInstance,
  type: AnswerColumn['type'],
  vectors: readonly Vector['values'][],
  valid: Uint8Array | null,
): Uint8Array {
  if (type === 'string') return plainTexts(kernel, (vectors as string[][]).flat(), valid)
  const bytes = (vectors as Exclude<Vector['values'], string[]>[]).map(bytesOf)
  const whole = bytes.length === 1 ? bytes[0]! : joinBytes(bytes)
  if (type === 'boolean')
    return packBits(kernel, valid === null ? whole : keepBytes(whole, valid)).bits
  return valid === null ? whole : keepSlots(whole, valid)
}

function keepBytes(source: Uint8Array, valid: Uint8Array): Uint8Array {
  return source.filter((_, row) => valid[row] === 1)
}

/** The slots of 8 bytes that are valid; as words, because a double might lose the bits of a NaN. */
function keepSlots(source: Uint8Array, valid: Uint8Array): Uint8Array {
  const words = new Uint32Array(source.buffer, source.byteOffset, 2 * valid.length)
  const kept = new Uint32Array(words.length)
  let at = 0
  for (let row = 0; row < valid.length; row++) {
    if (valid[row] === 0) continue
    kept[at] = words[2 * row]!
    kept[at + 1] = words[2 * row + 1]!
    at += 2
  }
  return bytesOf(kept.subarray(0, at))
}

/** Longer texts are copied as a whole, shorter ones byte by byte: a view costs more than they do. */
const SHORT_TEXT = 32

/** A length and UTF-8 of each text that is valid. */
function plainTexts(
  kernel: KernelInstance,
  texts: readonly string[],
  valid: Uint8Array | null,
): Uint8Array {
  const { offsets, bytes } = packStrings(kernel, texts, valid)
  const target = new Uint8Array(bytes.length + 4 * texts.length)
  let at = 0
  for (let row = 0; row < texts.length; row++) {
    if (valid !== null && valid[row] === 0) continue
    const start = offsets[row]!
    const end = offsets[row + 1]!
    const size = end - start
    target[at] = size
    target[at + 1] = size >>> 8
    target[at + 2] = size >>> 16
    target[at + 3] = size >>> 24
    at += 4
    if (size > SHORT_TEXT) target.set(bytes.subarray(start, end), at)
    else for (let i = 0; i < size; i++) target[at + i] = bytes[start + i]!
    at += size
  }
  return target.subarray(0, at)
}
