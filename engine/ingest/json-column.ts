// An array of a JSON text as a column, parsed by the kernel (assembly/json-cells.ts) a stretch of text
// at a time: no JavaScript value is made of a cell. Nothing is held in kernel memory between two
// stretches.

import type { FieldType } from '../field.ts'
import type { KernelInstance } from '../kernel.ts'
import { TextColumn } from './text-column.ts'

/** An array of numbers, booleans or strings, and nulls. */
export interface JsonColumn {
  /** FLOAT, BOOLEAN (0 and 1) or STRING; null if all are null. */
  readonly type: FieldType | null
  readonly values: Float64Array | TextColumn
  /** 1 = has a value; null = all have. */
  readonly valid: Uint8Array | null
  /** Offset behind its bracket. */
  readonly end: number
}

/** Bytes of text that are parsed in one turn of the event loop. */
const STRETCH_BYTES = 65_536
/** Of the first stretch, unless the caller knows better: what is copied and not used costs, too. */
const FIRST_BYTES = 1_024
const STATE_BYTES = 32
const STRING: FieldType = 4

/**
 * Reads the array whose first cell begins at `from`; yields where others may run. `likelyBytes`: how
 * long its text may be.
 * Null if it is no such array, has cells of two types, numbers beyond the range, or a cell of more
 * than a stretch of text, 64 KiB. Throws `busy` if the kernel has no memory.
 */
export function* readJsonColumn(
  kernel: () => KernelInstance,
  text: Uint8Array,
  from: number,
  likelyBytes = FIRST_BYTES,
  stretchBytes = STRETCH_BYTES,
): Generator<undefined, JsonColumn | null> {
  const column = new GrowingColumn()
  let size = Math.min(likelyBytes, stretchBytes)
  for (let at = from; ; size = Math.min(4 * size, stretchBytes)) {
    const stretch = text.subarray(at, at + size)
    const read = column.read(kernel(), stretch)
    if (read === null) return null
    at += read
    if (column.hasEnded) return column.finish(at)
    if (read === 0 && (size === stretchBytes || stretch.length < size)) return null
    if (size === stretchBytes) yield
  }
}

class GrowingColumn {
  hasEnded = false
  private type: number | null = null
  private count = 0
  private nulls = 0
  /** Cells that there is room for. */
  private capacity = 0
  private values = new Float64Array()
  private ends = new Uint32Array()
  /** Without room before the first null. */
  private valid = new Uint8Array()
  private text = new Uint8Array()
  private textSize = 0

  /** How many bytes of the stretch were read; null if it is no array of one type. */
  read(instance: KernelInstance, stretch: Uint8Array): number | null {
    const { kernel, memory } = instance
    // A cell has two bytes at least: itself and what follows it.
    const cellsMax = (stretch.length >> 1) + 1
    const textBytes = stretch.length + kernel.JSON_SLACK.value
    const region = memory.allocate(STATE_BYTES + 9 * cellsMax + 2 * textBytes)
    try {
      const values = region.offset + STATE_BYTES
      const valid = values + 8 * cellsMax
      const text = valid + cellsMax
      const source = text + textBytes
      memory.u8.set(stretch, source)
      const state = region.offset >>> 2
      memory.u32[state] = this.type ?? kernel.JSON_NULLS.value
      const end = source + stretch.length
      const status = instance.guard(() =>
        kernel.jsonCells(region.offset, source, end, values, valid, text),
      )
      if (status < 0) return null
      const { u8, u32, f64 } = memory
      const [type, count, nulls, read, textSize, hasEnded] = u32.subarray(state, state + 6)
      if (type === STRING && this.type !== STRING) this.becomeStrings()
      this.type = type === kernel.JSON_NULLS.value ? null : type!
      this.reserve(count!, textSize!)
      if (this.nulls + nulls! > 0) this.addValid(u8.subarray(valid, valid + count!))
      if (type === STRING) this.addTexts(u32.subarray(values >>> 2, (values >>> 2) + count!))
      else this.values.set(f64.subarray(values >>> 3, (values >>> 3) + count!), this.count)
      this.text.set(u8.subarray(text, text + textSize!), this.textSize)
      this.textSize += textSize!
      this.count += count!
      this.nulls += nulls!
      this.hasEnded = hasEnded === 1
      return read!
    } finally {
      memory.release(region)
    }
  }

  finish(end: number): JsonColumn {
    const { count } = this
    const values =
      this.type === STRING
        ? new TextColumn(this.text.subarray(0, this.textSize), this.ends.subarray(0, count))
        : this.values.subarray(0, count)
    const valid = this.nulls === 0 ? null : this.valid.subarray(0, count)
    return { type: this.type as FieldType | null, values, valid, end }
  }

  /** What came before the first string was null. */
  private becomeStrings(): void {
    this.ends = new Uint32Array(this.capacity)
    this.values = new Float64Array()
  }

  private addValid(valid: Uint8Array): void {
    if (this.nulls === 0) this.valid = new Uint8Array(this.capacity).fill(1)
    this.valid.set(valid, this.count)
  }

  private addTexts(ends: Uint32Array): void {
    for (let i = 0; i < ends.length; i++) this.ends[this.count + i] = this.textSize + ends[i]!
  }

  /** Room for so many cells and bytes of text more. */
  private reserve(cells: number, bytes: number): void {
    const count = this.count + cells
    if (count > this.capacity) {
      this.capacity = Math.max(2 * this.capacity, count)
      if (this.nulls > 0) this.valid = grown(this.valid, new Uint8Array(this.capacity))
      if (this.type === STRING) this.ends = grown(this.ends, new Uint32Array(this.capacity))
      else this.values = grown(this.values, new Float64Array(this.capacity))
    }
    const textSize = this.textSize + bytes
    if (textSize > this.text.length) {
      this.text = grown(this.text, new Uint8Array(Math.max(2 * this.text.length, textSize)))
    }
  }
}

/** The larger array, with what the smaller one has. */
function grown<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
