// Typed columns → text, by the kernel: values are copied into its memory beside the texts that stand
// between them, one call prints them all (assembly/text-cell.ts), and the bytes are copied out. Nothing is
// held between two calls. Strings are escaped by JSON.stringify, a column at a time, and come as JSON.

import { assert } from './error.ts'
import type { KernelInstance } from './kernel.ts'
import type { Memory } from './memory.ts'
import type { AnswerSeries, Vector } from './query/query.ts'

/** How times come out: integers of a unit, or RFC 3339. */
export type TimeText = 'ms' | 's' | 'us' | 'ns' | 'rfc3339'

/**
 * `quoted`: integers and times in quotes; `safe`: integers beyond 2^53 too; `csv`: no quotes, no nulls;
 * `line`: of line protocol, for printLines.
 */
export type CellStyle = 'plain' | 'quoted' | 'safe' | 'csv' | 'line'

/** A text, and the cells that follow it: rows [from, to) of a column. */
export interface CellRun {
  readonly prefix: string
  /** null: no cells. */
  readonly values: Vector['values'] | AnswerSeries['time'] | null
  readonly valid: Uint8Array | null
  readonly from: number
  readonly to: number
  /** Of times; null: the values are what their array says. */
  readonly time: TimeText | null
  readonly style: CellStyle
}

/** A text alone. */
export function textRun(prefix: string): CellRun {
  return { prefix, values: null, valid: null, from: 0, to: 0, time: null, style: 'plain' }
}

/** More than any cell takes: an RFC 3339 time with 9 decimals, its quotes and a comma have 33 bytes. */
const CELL_BYTES = 36
/** What is read and written behind the end of a text at most. */
const SLACK_BYTES = 64
/** The same behind the strings of a run, and what aligning takes. */
const RUN_SLACK_BYTES = 40

/** Each run's prefix, then its cells with commas between them, as UTF-8. */
export function printRuns(instance: KernelInstance, runs: readonly CellRun[]): Bytes {
  const cells = runs.reduce((sum, { from, to }) => sum + to - from, 0)
  return new Page(runs, '').print(instance, cells, 1, ({ kernel, columns, target }) =>
    kernel.textRuns(columns, runs.length, target),
  )
}

/**
 * Rows: of each column its prefix and its cell, then `tail`. All columns have rows [from, to) of the same
 * length, or none at all (`rowCount` of 0).
 */
export function printRows(
  instance: KernelInstance,
  columns: readonly CellRun[],
  rowCount: number,
  tail: string,
): Bytes {
  const page = new Page(columns, tail)
  return page.print(instance, rowCount * columns.length, rowCount, (at) =>
    at.kernel.textRows(at.columns, columns.length, rowCount, at.tail, page.tailBytes, at.target),
  )
}

/**
 * Lines of line protocol: the first column's prefix and behind the others its cell, a time; each of the
 * others' prefix and cell where it has a value. Rows without any are left out.
 */
export function printLines(
  instance: KernelInstance,
  columns: readonly CellRun[],
  rowCount: number,
): Bytes {
  // The newline of each row is counted as its tail.
  return new Page(columns, '\n').print(instance, rowCount * columns.length, rowCount, (at) =>
    at.kernel.textLines(at.columns, columns.length, rowCount, at.target),
  )
}

type Bytes = Uint8Array<ArrayBuffer>

/** Where things lie in kernel memory. */
interface Placed {
  readonly kernel: KernelInstance['kernel']
  readonly columns: number
  readonly tail: number
  readonly target: number
}

const encoder = new TextEncoder()

/** What one call prints. */
class Page {
  tailBytes = 0
  private readonly runs: readonly CellRun[]
  /** All prefixes and the tail, in one. */
  private readonly text: string
  private readonly tail: string
  /** JSON of the string columns; '' of others. */
  private readonly strings: string[]

  constructor(runs: readonly CellRun[], tail: string) {
    this.runs = runs
    this.tail = tail
    let text = ''
    for (const { prefix } of runs) text += prefix
    this.text = text + tail
    this.strings = runs.map(({ values, from, to }) =>
      Array.isArray(values) ? stringsJson(values.slice(from, to)) : '',
    )
  }

  /** `repeats`: how often each prefix is printed. */
  print(
    instance: KernelInstance,
    cells: number,
    repeats: number,
    use: (placed: Placed) => number,
  ): Bytes {
    const { kernel, memory } = instance
    const columnSize = kernel.TEXT_COLUMN_SIZE.value
    // A character of UTF-16 has three bytes of UTF-8 at most.
    const stringBytes = this.strings.reduce((sum, text) => sum + 3 * text.length, 0)
    const inBytes = this.runs.length * (columnSize + RUN_SLACK_BYTES) + 9 * cells + stringBytes
    const textBytes = 3 * this.text.length
    const outBytes = cells * CELL_BYTES + stringBytes + textBytes * repeats
    const region = memory.allocate(inBytes + textBytes + outBytes + 3 * SLACK_BYTES)
    try {
      const columns = region.offset
      const texts = columns + this.runs.length * columnSize
      const afterTexts = this.placeTexts(instance, columns, texts)
      const target = this.placeValues(instance, columns, aligned(afterTexts + SLACK_BYTES))
      const tail = afterTexts - this.tailBytes
      return instance.guard(() => {
        const end = use({ kernel, columns, tail, target }) >>> 0
        return memory.u8.slice(target, end)
      })
    } finally {
      memory.release(region)
    }
  }

  /** Prefixes and tail; where they end. */
  private placeTexts({ kernel, memory }: KernelInstance, columns: number, texts: number): number {
    const { u32 } = memory
    const whole = encode(memory, this.text, texts)
    const isAscii = whole === this.text.length
    this.tailBytes = isAscii ? this.tail.length : encoder.encode(this.tail).length
    let at = texts
    let column = columns >>> 2
    for (const { prefix } of this.runs) {
      const size = isAscii ? prefix.length : encoder.encode(prefix).length
      u32[column + 5] = at
      u32[column + 6] = size
      u32[column + 7] = 0
      at += size
      column += kernel.TEXT_COLUMN_SIZE.value >>> 2
    }
    return texts + whole
  }

  /** Values and validity; where they end. */
  private placeValues({ kernel, memory }: KernelInstance, columns: number, start: number): number {
    const { u8, u32 } = memory
    let at = start
    let column = columns >>> 2
    for (const [i, run] of this.runs.entries()) {
      const count = run.to - run.from
      u32[column] = kindOf(kernel, run)
      u32[column + 1] = flagsOf(kernel, run.style)
      u32[column + 2] = Array.isArray(run.values) ? at + 1 : at
      u32[column + 4] = count
      if (Array.isArray(run.values)) at += encode(memory, this.strings[i]!, at) + 16
      else if (count > 0) at += placeCells(memory, run, at)
      at = aligned(at)
      u32[column + 3] = run.valid === null || count === 0 ? 0 : at
      if (run.valid !== null) {
        u8.set(run.valid.subarray(run.from, run.to), at)
        at = aligned(at + count)
      }
      column += kernel.TEXT_COLUMN_SIZE.value >>> 2
    }
    return at + SLACK_BYTES
  }
}

/** A JSON array in which the kernel finds the strings by their quotes. */
export function stringsJson(texts: readonly string[]): string {
  assert(
    texts.every((text) => typeof text === 'string'),
    'a column of strings has something else',
  )
  return JSON.stringify(texts)
}

/** The next multiple of eight; not by a mask, which knows 31 bits. */
function aligned(at: number): number {
  return Math.ceil(at / 8) * 8
}

/** Writes a text at `at`: how many bytes it has. */
function encode(memory: Memory, text: string, at: number): number {
  return encoder.encodeInto(text, memory.u8.subarray(at, at + 3 * text.length)).written
}

/** Copies the values of a run to `at`: how many bytes they have. Single ones without a view on them. */
function placeCells(memory: Memory, { values, from, to }: CellRun, at: number): number {
  const isOne = to - from === 1
  if (values instanceof Float64Array) {
    if (isOne) memory.f64[at >>> 3] = values[from]!
    else memory.f64.set(values.subarray(from, to), at >>> 3)
  } else if (values instanceof BigInt64Array) {
    if (isOne) memory.i64[at >>> 3] = values[from]!
    else memory.i64.set(values.subarray(from, to), at >>> 3)
  } else if (values instanceof BigUint64Array) {
    memory.u64.set(values.subarray(from, to), at >>> 3)
  } else {
    memory.u8.set((values as Uint8Array).subarray(from, to), at)
    return to - from
  }
  return (to - from) * 8
}

function kindOf(kernel: KernelInstance['kernel'], { values, time }: CellRun): number {
  switch (time) {
    case 'ms':
      return kernel.TEXT_MS.value
    case 's':
      return kernel.TEXT_S.value
    case 'us':
      return kernel.TEXT_US.value
    case 'ns':
      return kernel.TEXT_NS.value
    case 'rfc3339':
      return kernel.TEXT_RFC3339.value
    default:
  }
  if (values instanceof BigInt64Array) return kernel.INTEGER.value
  if (values instanceof BigUint64Array) return kernel.UNSIGNED.value
  if (values instanceof Uint8Array) return kernel.BOOLEAN.value
  return Array.isArray(values) ? kernel.STRING.value : kernel.FLOAT.value
}

function flagsOf(kernel: KernelInstance['kernel'], style: CellStyle): number {
  if (style === 'plain') return 0
  if (style === 'quoted') return kernel.TEXT_QUOTED.value
  if (style === 'line') return kernel.TEXT_LINE.value
  return style === 'safe' ? kernel.TEXT_SAFE.value : kernel.TEXT_CSV.value
}
