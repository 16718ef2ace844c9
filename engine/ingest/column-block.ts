// Columns of points in kernel memory, as assembly/points.ts reads them: one region with the plan,
// names, tags, times, values and, for strings, their text.

import { OmenError, assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import { TextColumn } from './text-column.ts'

/** Points of one table and tag set, as parallel arrays. */
export interface ColumnPoints {
  table: string
  tags: ReadonlyMap<string, string>
  /** Nanoseconds. */
  times: BigInt64Array
  fields: {
    name: string
    type: FieldType
    /** In the type's array: f64, i64, u64, 0 and 1, text. */
    values:
      | Float64Array
      | BigInt64Array
      | BigUint64Array
      | Uint8Array
      | readonly string[]
      | TextColumn
    /** 1 = has a value; null = all have. */
    valid: Uint8Array | null
    /** `false`: JSON numbers, which fit an integer column if they are whole. */
    declared: boolean
    /** Floats that came of a computation: NaN and infinities are values too. */
    isComputed?: boolean
  }[]
}

const FIELDS_MAX = 4096
const COLUMN_BYTES = 32
const STRING = 4
const NONE = 0xffffffff
const encoder = new TextEncoder()

/** Holds its region until released. */
export class ColumnBlock {
  readonly rowCount: number
  private readonly points: ColumnPoints
  private readonly memory: Memory
  private readonly region: Region
  private readonly tagList: number
  private times = 0
  /** Where the next thing goes. */
  private next: number

  /** Copies the points in. Throws `limit_exceeded`, `busy`. */
  constructor(memory: Memory, points: ColumnPoints) {
    const { table, tags, times, fields } = points
    if (fields.length > FIELDS_MAX) {
      throw new OmenError('limit_exceeded', `points: ${fields.length} fields, over ${FIELDS_MAX}`)
    }
    this.points = points
    this.memory = memory
    this.rowCount = times.length
    this.region = memory.allocateZeroed(blockBytes(points))
    this.next = this.region.offset + 32 + COLUMN_BYTES * fields.length
    this.tagList = this.next
    this.next += 16 * tags.size
    this.placeArrays()
    this.placeText(this.region.offset, table)
    memory.u32[this.region.offset / 4 + 2] = fields.length
    let at = this.tagList
    for (const [key, value] of tags) {
      this.placeText(at, key)
      this.placeText(at + 8, value)
      at += 16
    }
  }

  /** pointsBegin on this block. */
  begin(kernel: Kernel, staging: number): number {
    const { size } = this.points.tags
    return kernel.pointsBegin(staging, this.region.offset, this.tagList, size, this.rowCount)
  }

  /** pointsRows on this block. */
  stage(kernel: Kernel, staging: number, from: number, to: number): number {
    return kernel.pointsRows(staging, this.region.offset, this.times, from, to) >>> 0
  }

  /**
   * JSON pointer of a row's value (or time, without a column) in a columnar body; null for neither.
   */
  locate(row: number | null, column: number | null): string | null {
    if (row === null) return null
    if (column === null) return `/time/${row}`
    const name = this.points.fields[column]!.name.replaceAll('~', '~0').replaceAll('/', '~1')
    return `/fields/${name}/${row}`
  }

  release(): void {
    this.memory.release(this.region)
  }

  /** Values first, 8-byte aligned, then what is bytes. */
  private placeArrays(): void {
    const { memory, points } = this
    this.times = this.take(8 * this.rowCount)
    memory.i64.set(points.times, this.times / 8)
    points.fields.forEach((field, index) => {
      const { values, valid } = field
      assert(
        values.length === this.rowCount,
        `points: ${values.length} values for ${this.rowCount}`,
      )
      const column = this.region.offset + 32 + COLUMN_BYTES * index
      assert(isArrayOf(field.type, values), `points: wrong array for field type ${field.type}`)
      const target = this.placeValues(values)
      const mask = valid === null ? 0 : this.take(this.rowCount)
      if (valid !== null) memory.u8.set(valid, mask)
      const { u32 } = memory
      u32[column / 4] = target
      this.placeText(column + 4, field.name)
      u32[column / 4 + 3] = field.type
      u32[column / 4 + 4] = NONE
      u32[column / 4 + 5] = mask
      u32[column / 4 + 6] = field.isComputed ? 2 : field.declared ? 1 : 0
    })
  }

  private placeValues(values: Values): number {
    const { memory } = this
    const isBytes = values instanceof Uint8Array
    const target = this.take((isBytes ? 1 : 8) * this.rowCount)
    if (values instanceof Float64Array) memory.f64.set(values, target / 8)
    else if (values instanceof BigInt64Array) memory.i64.set(values, target / 8)
    else if (values instanceof BigUint64Array) memory.u64.set(values, target / 8)
    else if (isBytes) memory.u8.set(values, target)
    else if (values instanceof TextColumn) this.placeTexts(target, values)
    else
      for (let row = 0; row < values.length; row++) this.placeText(target + 8 * row, values[row]!)
    return target
  }

  /** Copies the texts and writes their pointers and lengths from `at` on. */
  private placeTexts(at: number, texts: TextColumn): void {
    const { u8, u32 } = this.memory
    u8.set(texts.bytes.subarray(texts.start, texts.startOf(texts.length)), this.next)
    const shift = this.next - texts.start
    for (let row = 0; row < texts.length; row++) {
      const start = texts.startOf(row)
      u32[at / 4 + 2 * row] = shift + start
      u32[at / 4 + 2 * row + 1] = texts.ends[row]! - start
    }
    this.next += texts.byteSize
  }

  /** Room of so many bytes, 8-byte aligned. */
  private take(size: number): number {
    const start = Math.ceil(this.next / 8) * 8
    this.next = start + size
    return start
  }

  /** Encodes a text and writes its pointer and length at `at`. */
  private placeText(at: number, text: string): void {
    const { u8, u32 } = this.memory
    const { written } = encoder.encodeInto(text, u8.subarray(this.next, this.end))
    u32[at / 4] = this.next
    u32[at / 4 + 1] = written
    this.next += written
  }

  private get end(): number {
    return this.region.offset + this.region.size
  }
}

type Values = ColumnPoints['fields'][number]['values']

function isArrayOf(type: FieldType, values: Values): boolean {
  if (type === STRING) return Array.isArray(values) || values instanceof TextColumn
  const arrays = [Float64Array, BigInt64Array, BigUint64Array, Uint8Array]
  return values instanceof arrays[type]!
}

/** Room that the points take at most: a UTF-16 unit becomes three bytes at most. */
function blockBytes({ table, tags, times, fields }: ColumnPoints): number {
  let bytes = 32 + 8 + 9 * times.length + 3 * table.length + 16 * tags.size
  for (const [key, value] of tags) bytes += 3 * (key.length + value.length)
  for (const { name, type, values } of fields) {
    bytes += COLUMN_BYTES + 3 * name.length + 9 * times.length + 32
    if (values instanceof TextColumn) bytes += values.byteSize
    else if (type === STRING) {
      for (const text of values as readonly string[]) bytes += 3 * text.length
    }
  }
  return bytes
}
