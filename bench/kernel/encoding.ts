// Rates at which the kernel chooses codecs and writes blocks, by named column, beside the bytes that it
// takes; further kernels (an older build) take turns with this one.
//   npm run build:kernel && node scripts/run.js bench/kernel/encoding.ts [--only TEXT] [--profile] [OTHER.wasm …]
// Millions of values a second of processor time, median of 9 and spread; sizes.ts checks that they come
// back. With --profile the functions where this kernel's time goes, by samples.

import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { parseArgs } from 'node:util'
import { kernelNames, timesOf } from '../engine/kernel-names.ts'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import { measure, printRates } from './measure.ts'
import { type Column, allColumns } from './named-columns.ts'

const BLOCK_ROWS = 1_024
const BLOCKS_MAX = 192
const REPEATS = 6
const TYPES = { float: 0, string: 4, time: 5 } as const
const CAPACITY = 1 << 16

interface Block {
  readonly values: number
  readonly valid: number
  readonly rows: number
  readonly starts: number
  readonly startCount: number
}

/** Blocks of one column in the memory of one kernel, encoded again and again. */
class Encoder {
  bytes = 0
  private readonly instance: KernelInstance
  private readonly blocks: readonly Block[]
  private readonly type: number
  private readonly target: number
  private readonly entry: number

  constructor(instance: KernelInstance, column: Column) {
    const { memory, kernel } = instance
    this.instance = instance
    this.type = TYPES[column.type]
    this.target = memory.allocate(CAPACITY).offset
    this.entry = memory.allocate(kernel.ENTRY_SIZE.value).offset
    const count = Math.min(BLOCKS_MAX, Math.floor(column.values.length / BLOCK_ROWS))
    this.blocks = Array.from({ length: count }, (_, b) => this.place(column, b * BLOCK_ROWS))
  }

  get rows(): number {
    return this.blocks.length * BLOCK_ROWS
  }

  encodeAll(): void {
    const { kernel } = this.instance
    const { target, entry, type } = this
    this.bytes = 0
    for (const { values, valid, rows, starts, startCount } of this.blocks) {
      this.bytes +=
        type === TYPES.time
          ? kernel.encodeTimes(values, rows, starts, startCount, target, CAPACITY, entry)
          : kernel.encodeColumn(type, values, valid, rows, target, CAPACITY, entry)
    }
  }

  private place({ values, valid, starts }: Column, from: number): Block {
    const { memory } = this.instance
    const region = memory.allocate(BLOCK_ROWS * 11).offset
    const rows = BLOCK_ROWS
    memory.i64.set((values as BigInt64Array).subarray(from, from + rows), region / 8)
    const mask = region + rows * 8
    if (valid === null) memory.u8.fill(1, mask, mask + rows)
    else memory.u8.set(valid.subarray(from, from + rows), mask)
    const firsts = starts.filter((row) => row >= from && row < from + rows)
    const place = mask + rows
    for (const [k, row] of firsts.entries()) memory.u16[place / 2 + k] = row - from
    return { values: region, valid: mask, rows, starts: place, startCount: firsts.length }
  }
}

async function profile(encoder: Encoder): Promise<void> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  const end = performance.now() + 1_500
  while (performance.now() < end) encoder.encodeAll()
  const { profile: found } = await session.post('Profiler.stop')
  session.disconnect()
  const times = [...timesOf(found, kernelNames())].sort((a, b) => b[1] - a[1])
  const total = times.reduce((sum, [, time]) => sum + time, 0)
  for (const [name, time] of times.slice(0, 14)) {
    console.log(`${((100 * time) / total).toFixed(1).padStart(8)} %  ${name}`)
  }
}

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { only: { type: 'string', default: '' }, profile: { type: 'boolean' } },
  })
  const built = new URL('../../engine/omendb.wasm', import.meta.url)
  const kernels = [built, ...positionals].map((file) => WebAssembly.compile(readFileSync(file)))
  const compiled = await Promise.all(kernels)
  for (const column of allColumns(undefined)) {
    if (column.type === 'string' || !column.name.includes(values.only)) continue
    const instances = await Promise.all(compiled.map((module) => instantiateKernel(module)))
    const encoders = instances.map((instance) => new Encoder(instance, column))
    const uses = encoders.map((encoder) => () => {
      for (let i = 0; i < REPEATS; i++) encoder.encodeAll()
    })
    const rates = measure(encoders[0]!.rows * REPEATS, uses)
    const sizes = encoders.map(({ bytes, rows }) => (bytes / rows).toFixed(4)).join(' / ')
    printRates(column.name, rates, [sizes])
    if (values.profile) await profile(encoders[0]!)
  }
}
