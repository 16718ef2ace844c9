// Rows of a raw answer on their way out: columns in kernel memory, into which blocks are decoded where
// they stay or chunks are copied, and from which vectors are cut when enough has come together. Strings
// point into blocks that may go, so they are read as they come.

import type { Chunk } from './chunk.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Region } from '../memory.ts'
import { GROUP_ROWS, type PartView } from './part-view.ts'
import type { Vector } from './query.ts'
import type { Output } from './selection.ts'
import { readVector } from './vector.ts'
import { type Weave, planWeave } from './weave.ts'

/** Rows of one series, ascending, outside of kernel memory. */
export interface RawRows {
  readonly time: BigInt64Array
  readonly fields: Vector[]
}

/** Rows of one chunk that count: `mask` is u8 per row, or 0 for all. */
interface Counted {
  readonly mask: number
  readonly count: number
}

/** Cells of rows that are read in one piece, about 9 MB: wide tables have fewer rows of them. */
const ROOM_CELLS = 1 << 20

/** Rows of so many columns that are read in one piece: blocks, of which a row group is a multiple. */
export function roomRows(columns: number): number {
  let rows = GROUP_ROWS
  while (rows > BLOCK_ROWS && rows * columns > ROOM_CELLS) rows /= 2
  return rows
}

const SLOT_BYTES = 8
/** Sources that are brought into order together. */
const STRETCHES_MAX = 1_024
const INDEX_BYTES = BLOCK_ROWS * 4

/** Collects rows of one series; `take` them before those of the next. */
export class RawColumns {
  private readonly instance: KernelInstance
  private readonly outputs: readonly Output[]
  private readonly roomRows: number
  /** An index of a chunk's rows, the times, then slots and validity of each output. */
  private region: Region | null = null
  private capacity = 0
  private count = 0
  private readonly hasNulls: boolean[]
  private readonly texts: (string[] | null)[]
  private taken: RawRows[] = []
  /** Sources of the spans since the last flush: stretches of rows that ascend. */
  private stretches = 0
  private readonly holds: (bytes: number) => void

  /** `holds` is told of the bytes of rows that are cut; it may throw. */
  constructor(
    instance: KernelInstance,
    outputs: readonly Output[],
    holds: (bytes: number) => void = () => {},
  ) {
    this.instance = instance
    this.holds = holds
    this.outputs = outputs
    this.roomRows = roomRows(1 + outputs.length)
    this.hasNulls = outputs.map(() => false)
    this.texts = outputs.map(({ type }) => (type === 'string' ? [] : null))
  }

  /** Rows since the last `take`. */
  get rowCount(): number {
    return this.taken.reduce((sum, { time }) => sum + time.length, this.count)
  }

  /**
   * Makes room for the rows of several sources, at most `rows`: they come source by source, and will be
   * brought into order before they leave.
   */
  beginSpan(rows: number, sources: number): void {
    if (this.stretches + sources > STRETCHES_MAX) this.flush(false)
    this.makeRoom(rows)
    this.stretches += sources
  }

  /** Decodes rows [from, to) of the view's group, all of which count and whose blocks are held. */
  decode(view: PartView, from: number, to: number): void {
    const rows = to - from
    const row = this.makeRoom(rows)
    view.decode(0, from, to, this.times + row * SLOT_BYTES, 0)
    this.outputs.forEach(({ field }, i) => {
      const values = this.values(i) + row * SLOT_BYTES
      const valid = this.valid(i) + row
      const hasNulls = view.decode(field + 1, from, to, values, valid)
      this.added(i, row, rows, hasNulls)
    })
    this.count += rows
  }

  /** Copies the rows of a chunk that count, one at least. */
  copy(chunk: Chunk, { mask, count }: Counted): void {
    const { kernel, memory } = this.instance
    const row = this.makeRoom(count)
    const index = count === chunk.count ? 0 : this.region!.offset
    if (index !== 0) kernel.scanIndex(mask, chunk.count, index)
    const slots = (source: number, target: number): void => {
      if (index !== 0) kernel.scanSlots(source, index, count, target)
      else memory.u8.copyWithin(target, source, source + count * SLOT_BYTES)
    }
    slots(chunk.times, this.times + row * SLOT_BYTES)
    this.outputs.forEach(({ field }, i) => {
      const valid = this.valid(i) + row
      const source = chunk.valid[field]!
      slots(chunk.values[field]!, this.values(i) + row * SLOT_BYTES)
      let hasNulls = source !== 0
      if (source === 0) memory.u8.fill(1, valid, valid + count)
      else if (index !== 0) hasNulls = kernel.scanValid(source, index, count, valid) > 0
      else memory.u8.copyWithin(valid, source, source + count)
      this.added(i, row, count, hasNulls)
    })
    this.count += count
  }

  /** All rows since the last time, in pieces; only the last one if `isLast`. */
  take(isLast = false): RawRows[] {
    this.flush(isLast)
    const { taken } = this
    this.taken = []
    return taken
  }

  release(): void {
    if (this.region !== null) this.instance.memory.release(this.region)
  }

  private get times(): number {
    return this.region!.offset + INDEX_BYTES
  }

  private values(output: number): number {
    return this.times + this.capacity * (SLOT_BYTES + output * (SLOT_BYTES + 1))
  }

  private valid(output: number): number {
    return this.values(output) + this.capacity * SLOT_BYTES
  }

  /** Room for more rows: where they begin. */
  private makeRoom(rows: number): number {
    if (this.count + rows <= this.capacity) return this.count
    this.flush(false)
    if (this.capacity < rows || this.capacity < this.roomRows) {
      this.release()
      // Multiples of eight keep every column aligned.
      const wanted = Math.min(Math.max(rows, this.capacity * 4), Math.max(rows, this.roomRows))
      this.capacity = (wanted + 7) & ~7
      const bytes = this.capacity * (SLOT_BYTES + this.outputs.length * (SLOT_BYTES + 1))
      this.region = this.instance.memory.allocate(INDEX_BYTES + bytes)
    }
    return 0
  }

  private added(output: number, row: number, rows: number, hasNulls: boolean): void {
    if (hasNulls) this.hasNulls[output] = true
    const texts = this.texts[output]!
    if (texts === null) return
    const values = this.values(output) + row * SLOT_BYTES
    const valid = hasNulls ? this.valid(output) + row : 0
    const slots = { values, valid, count: rows, base: 0 }
    for (const text of readVector(this.instance.memory, 'string', slots).values as string[]) {
      texts.push(text)
    }
  }

  /** Cuts vectors of what is in kernel memory. */
  private flush(isLast: boolean): void {
    if (this.count === 0) this.stretches = 0
    if (this.count === 0) return
    const { kernel, memory } = this.instance
    const isWoven = this.stretches > 0 && !isLast
    const weave = isWoven ? planWeave(kernel, memory, this.times, this.count) : null
    this.stretches = 0
    const from = isLast ? this.count - 1 : 0
    const count = this.count - from
    try {
      const at = ((weave?.times ?? this.times) >>> 3) + from
      const time = memory.i64.slice(at, at + count)
      const rows = { time, fields: this.outputs.map((_, i) => this.vector(i, from, weave)) }
      this.holds(rowsBytes(rows))
      this.taken.push(rows)
    } finally {
      weave?.release()
    }
    this.count = 0
  }

  /** The rows of an output from `from` on, in the order of a weave. */
  private vector(output: number, from: number, weave: Weave | null): Vector {
    const { memory } = this.instance
    const count = this.count - from
    const texts = this.texts[output]!
    let valid = this.hasNulls[output]! ? this.valid(output) + from : 0
    this.hasNulls[output] = false
    if (weave !== null && valid !== 0) valid = weave.valid(valid)
    if (texts === null) {
      const column = this.values(output) + from * SLOT_BYTES
      const values = weave === null ? column : weave.slots(column)
      const { type } = this.outputs[output]!
      return readVector(memory, type, { values, valid, count, base: 0 })
    }
    this.texts[output] = []
    const mask = valid === 0 ? null : memory.u8.slice(valid, valid + count)
    if (weave !== null) return { values: weave.texts(texts), valid: mask }
    return { values: from === 0 ? texts : texts.slice(from), valid: mask }
  }
}

/** What an array and its view cost beside their elements. */
const VECTOR_BYTES = 100

/** Bytes of heap that rows take, about. */
export function rowsBytes({ time, fields }: RawRows): number {
  let bytes = VECTOR_BYTES + time.byteLength
  for (const { values, valid } of fields) {
    bytes += VECTOR_BYTES + (valid?.byteLength ?? 0)
    if ('byteLength' in values) bytes += values.byteLength
    else for (const text of values) bytes += SLOT_BYTES + text.length
  }
  return bytes
}
