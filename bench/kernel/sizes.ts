// Bytes of named columns as the kernel codes them: blocks, and directory entries as pages hold them.
//   npm run build:kernel && node scripts/run.js bench/kernel/sizes.ts [--nab DIRECTORY] [OTHER.wasm …]
// Everything is decoded and compared bit by bit.

import { readFileSync } from 'node:fs'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import { type Column, allColumns } from './named-columns.ts'

const BLOCK_ROWS = 1_024
const GROUP_BLOCKS = 64
const TYPES = { float: 0, string: 4, time: 5 } as const
const ENCODING_AT = 16

interface Sizes {
  blocks: number
  entries: number
  readonly count: number
  /** How many blocks have each encoding, by its name. */
  readonly encodings: Map<string, number>
}

/** Encodes columns block by block into the memory of one kernel. */
class Encoder {
  private readonly instance: KernelInstance
  private readonly source: number
  private readonly valid: number
  private readonly starts: number
  private readonly decoded: number
  private readonly entries: number
  private readonly texts: number
  private readonly target: number
  private readonly capacity = 1 << 22

  constructor(instance: KernelInstance) {
    const { memory, kernel } = instance
    this.instance = instance
    this.source = memory.allocate(BLOCK_ROWS * 8).offset
    this.valid = memory.allocate(BLOCK_ROWS).offset
    this.starts = memory.allocate(BLOCK_ROWS * 2).offset
    this.decoded = memory.allocate(BLOCK_ROWS * 9).offset
    this.entries = memory.allocate(GROUP_BLOCKS * kernel.ENTRY_SIZE.value).offset
    this.texts = memory.allocate(1 << 20).offset
    this.target = memory.allocate(this.capacity).offset
  }

  measure(column: Column): Sizes {
    const { kernel, memory } = this.instance
    const count = Math.ceil(column.values.length / BLOCK_ROWS)
    const sizes: Sizes = { blocks: 0, entries: 0, count, encodings: new Map() }
    for (let b = 0; b < count; b++) {
      const entry = this.entries + (b % GROUP_BLOCKS) * kernel.ENTRY_SIZE.value
      const size = this.encode(column, b, entry)
      memory.u32[entry / 4] = 0
      sizes.blocks += size
      const encoding = encodingName(memory.u8[entry + ENCODING_AT]!, memory.u8[entry + 17]!)
      sizes.encodings.set(encoding, (sizes.encodings.get(encoding) ?? 0) + 1)
      if ((b + 1) % GROUP_BLOCKS === 0 || b + 1 === count) {
        const entries = (b % GROUP_BLOCKS) + 1
        const type = TYPES[column.type]
        sizes.entries += kernel.encodePage(type, this.entries, entries, this.target, this.capacity)
      }
    }
    return sizes
  }

  private encode(column: Column, b: number, entry: number): number {
    const { kernel, memory } = this.instance
    const from = b * BLOCK_ROWS
    const rows = Math.min(BLOCK_ROWS, column.values.length - from)
    this.place(column, from, rows)
    if (column.type === 'time') {
      const starts = column.starts.filter((row) => row >= from && row < from + rows)
      for (const [k, row] of starts.entries()) memory.u16[this.starts / 2 + k] = row - from
      const { source, target, capacity } = this
      const { length } = starts
      return kernel.encodeTimes(source, rows, this.starts, length, target, capacity, entry)
    }
    const type = TYPES[column.type]
    const { source, valid, target, capacity } = this
    const size = kernel.encodeColumn(type, source, valid, rows, target, capacity, entry)
    this.check(column, rows, entry)
    return size
  }

  private place({ values, valid }: Column, from: number, rows: number): void {
    const { memory } = this.instance
    if (values instanceof BigInt64Array) {
      memory.i64.set(values.subarray(from, from + rows), this.source / 8)
    } else {
      for (let i = 0, at = this.texts; i < rows; i++) {
        const bytes = Buffer.from(values[from + i]!)
        memory.u8.set(bytes, at)
        memory.u32[this.source / 4 + 2 * i] = at
        memory.u32[this.source / 4 + 2 * i + 1] = bytes.length
        at += bytes.length
      }
    }
    if (valid === null) memory.u8.fill(1, this.valid, this.valid + rows)
    else memory.u8.set(valid.subarray(from, from + rows), this.valid)
  }

  private check({ name, type }: Column, rows: number, entry: number): void {
    const { kernel, memory } = this.instance
    if (kernel.checkBlock(TYPES[type], this.target, entry) !== 0)
      throw new Error(`${name}: damaged`)
    const valid = this.decoded + BLOCK_ROWS * 8
    kernel.decodeColumn(TYPES[type], this.target, entry, 0, rows, this.decoded, valid)
    for (let i = 0; i < rows; i++) {
      const isPresent = memory.u8[this.valid + i]! !== 0
      const isEqual =
        type === 'string' ||
        memory.i64[this.decoded / 8 + i] === memory.i64[this.source / 8 + i] ||
        !isPresent
      if (!isEqual || isPresent !== (memory.u8[valid + i]! !== 0)) {
        throw new Error(`${name}: row ${i} does not come back`)
      }
    }
  }
}

const NAMES = ['none', 'line', 'decimal', 'ordered', 'dictionary', 'plain']

function encodingName(encoding: number, flags: number): string {
  const isSum = (flags & 16) !== 0
  const isRising = (flags & 64) !== 0
  return `${NAMES[encoding] ?? encoding}${isSum ? ', sums' : ''}${isRising ? ', rising' : ''}`
}

/** Prints a Markdown table: bytes a row, of which the directory, and the encodings that were chosen. */
export async function main(args: string[]): Promise<void> {
  const at = args.indexOf('--nab')
  const directory = at === -1 ? undefined : args[at + 1]
  const others = args.filter((_, i) => at === -1 || (i !== at && i !== at + 1))
  const built = new URL('../../engine/omendb.wasm', import.meta.url)
  const encoders: Encoder[] = []
  for (const file of [built, ...others]) {
    const compiled = await WebAssembly.compile(readFileSync(file))
    encoders.push(new Encoder(await instantiateKernel(compiled)))
  }
  console.log('| column | rows | bytes a row | entry | blocks by encoding |\n|---|---|---|---|---|')
  for (const column of allColumns(directory)) {
    const rows = column.values.length
    const all = encoders.map((encoder) => encoder.measure(column))
    const bytes = all.map(({ blocks, entries }) => ((blocks + entries) / rows).toFixed(3))
    const entries = all.map((sizes) => (sizes.entries / sizes.count).toFixed(0))
    const encodings = [...all[0]!.encodings].map(([name, count]) => `${name} ${count}`)
    const cells = [column.name, rows, bytes.join(' / '), entries.join(' / '), encodings.join(', ')]
    console.log(`| ${cells.join(' | ')} |`)
  }
}
