// Rows of an answer back in kernel memory, as the parallel arrays that an aggregator takes: for what only
// a coordinator can work out, which has the rows of a series from one shard and the next ones from another.

import type { FieldType } from '../field.ts'
import type { Memory, Region } from '../memory.ts'
import type { ChunkColumns } from '../query/chunk.ts'
import type { AnswerSeries, Vector } from '../query/query.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'

/** Rows that are loaded at once. */
export const CHUNK_ROWS = BLOCK_ROWS

const SLOTS_BYTES = CHUNK_ROWS * 8
const COLUMN_BYTES = SLOTS_BYTES + CHUNK_ROWS
const TEXT_MIN = 4096
const encoder = new TextEncoder()

export class RowChunk implements ChunkColumns {
  count = 0
  readonly times: number
  readonly values: readonly number[]
  readonly valid: number[]
  private readonly memory: Memory
  private readonly region: Region
  private texts: Region

  /** For rows with fields of these types. Release it. */
  constructor(memory: Memory, types: readonly FieldType[]) {
    this.memory = memory
    this.region = memory.allocate(SLOTS_BYTES + types.length * COLUMN_BYTES)
    this.texts = memory.allocate(TEXT_MIN)
    this.times = this.region.offset
    this.values = types.map((_, i) => this.times + SLOTS_BYTES + i * COLUMN_BYTES)
    this.valid = types.map(() => 0)
  }

  /** Loads rows [from, to), at most CHUNK_ROWS, of the fields at these places. */
  load({ time, fields }: AnswerSeries, places: readonly number[], from: number, to: number): void {
    this.count = to - from
    this.reserveTexts(
      places.map((place) => fields[place]!),
      from,
      to,
    )
    this.memory.i64.set(time.subarray(from, to), this.times >>> 3)
    let text = this.texts.offset
    for (const [i, place] of places.entries()) {
      const field = fields[place]!
      text = this.loadValues(this.values[i]!, field, from, to, text)
      this.valid[i] = 0
      if (field.valid === null) continue
      this.valid[i] = this.values[i]! + SLOTS_BYTES
      this.memory.u8.set(field.valid.subarray(from, to), this.valid[i])
    }
  }

  release(): void {
    this.memory.release(this.region)
    this.memory.release(this.texts)
  }

  /** Slots of a field; where the next text goes. */
  private loadValues(
    target: number,
    { values }: Vector,
    from: number,
    to: number,
    text: number,
  ): number {
    const { memory } = this
    if (values instanceof Float64Array) memory.f64.set(values.subarray(from, to), target >>> 3)
    else if (values instanceof BigInt64Array)
      memory.i64.set(values.subarray(from, to), target >>> 3)
    else if (values instanceof BigUint64Array)
      memory.u64.set(values.subarray(from, to), target >>> 3)
    else if (values instanceof Uint8Array) {
      const slots = memory.u64.subarray(target >>> 3, (target >>> 3) + to - from)
      for (let row = from; row < to; row++) slots[row - from] = BigInt(values[row]!)
    } else {
      for (let row = from; row < to; row++) {
        const { written } = encoder.encodeInto(values[row]!, memory.u8.subarray(text, this.textEnd))
        memory.u32[(target >>> 2) + (row - from) * 2] = text
        memory.u32[(target >>> 2) + (row - from) * 2 + 1] = written
        text += written
      }
    }
    return text
  }

  private get textEnd(): number {
    return this.texts.offset + this.texts.size
  }

  /** Room for the texts of rows, before any view of memory is taken. */
  private reserveTexts(fields: readonly Vector[], from: number, to: number): void {
    let bytes = 0
    for (const { values } of fields) {
      if (!Array.isArray(values)) continue
      // A unit of UTF-16 is three bytes of UTF-8 at most.
      for (let row = from; row < to; row++) bytes += values[row]!.length * 3
    }
    if (bytes <= this.texts.size) return
    this.memory.release(this.texts)
    this.texts = this.memory.allocate(bytes)
  }
}
