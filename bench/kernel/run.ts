// Rates of the kernel's codecs on this machine, as ratios to a memory copy in the same run:
//   npm run build:kernel && node scripts/run.js bench/kernel/run.ts
// Each rate is the median of 7 runs with its spread; answers are checked before anything is timed.

import { readFileSync } from 'node:fs'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import { FLOAT, type Encoded, encodeFloats, encodeIntegers, encodeTimes } from './blocks.ts'

const RUNS = 7
const BLOCK_ROWS = 1_024
const BLOCKS = 2_048
const VALUES = BLOCKS * BLOCK_ROWS
const LOOKUP_BLOCKS = Math.ceil(10_000_000 / BLOCK_ROWS)
const LOOKUPS = 200_000

interface Rate {
  median: number
  low: number
  high: number
}

/** Things per second of `use`, which does `count` of them. */
function measure(count: number, use: () => void): Rate {
  const rates: number[] = []
  use()
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now()
    use()
    rates.push((count / (performance.now() - start)) * 1000)
  }
  rates.sort((a, b) => a - b)
  return { median: rates[RUNS >> 1]!, low: rates[0]!, high: rates.at(-1)! }
}

/** mulberry32, so that every run codes the same values. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const random = randomOf(1)
const uniform = (): number => random()
const START = 1_790_000_000_000_000_000n
const MS = 1_000_000n

const timeShapes: [string, () => bigint, 'walk' | 'grid'][] = [
  ['regular 10 s', () => 10_000n * MS, 'walk'],
  ['jittered ±20 ms', () => BigInt(Math.floor(uniform() * 40) - 20) * MS, 'grid'],
  ['1 % missing', () => (uniform() < 0.01 ? 2_000n : 1_000n) * MS, 'walk'],
  ['Poisson, 1 s in µs', () => BigInt(Math.ceil(-Math.log(1 - uniform()) * 1e6)) * 1_000n, 'walk'],
]

function makeTimes(count: number, step: () => bigint, kind: 'walk' | 'grid'): BigInt64Array {
  const times = new BigInt64Array(count)
  let at = START
  for (let i = 0; i < count; i++) {
    if (kind === 'grid') times[i] = START + BigInt(i) * 1_000n * MS + step()
    else times[i] = at += step()
  }
  return times
}

let percent = 50
function walk(): number {
  percent = Math.max(0, Math.min(100, percent + Math.floor(uniform() * 3) - 1))
  return percent
}

const valueShapes: [string, () => number][] = [
  ['CPU percent', walk],
  ['2 decimals', () => Math.round(uniform() * 3000) / 100],
  ['float32', () => Math.fround(20 + uniform())],
  ['32-bit fractions', uniform],
]

function print(name: string, rate: Rate, copy: Rate | null, more = ''): void {
  const millions = (value: number): string => (value / 1e6).toFixed(1).padStart(7)
  const ratio = copy === null ? '' : `  ${(rate.median / copy.median).toFixed(2)} of memcpy`
  const spread = `${millions(rate.low)} to${millions(rate.high)}`
  console.log(`${name.padEnd(28)}${millions(rate.median)} M/s  (${spread})${ratio}${more}`)
}

function benchCopy({ memory }: KernelInstance): Rate {
  const source = memory.allocate(VALUES * 8)
  const target = memory.allocate(VALUES * 8)
  memory.u8.fill(1, source.offset, source.offset + VALUES * 8)
  const rate = measure(VALUES, () => {
    memory.u8.copyWithin(target.offset, source.offset, source.offset + VALUES * 8)
  })
  memory.release(source)
  memory.release(target)
  print('memcpy of 64-bit values', rate, null)
  return rate
}

function check(isEqual: boolean, what: string): void {
  if (!isEqual) throw new Error(`${what}: decoded values differ`)
}

function benchValues(instance: KernelInstance, copy: Rate): void {
  const { kernel, memory } = instance
  for (const [name, next] of valueShapes) {
    const values = Float64Array.from({ length: VALUES }, next)
    const encoded = encodeFloats(instance, values)
    const target = memory.allocate(VALUES * 8)
    const decode = (): void => {
      for (let b = 0; b < BLOCKS; b++) {
        const at = target.offset + b * BLOCK_ROWS * 8
        kernel.decodeColumn(FLOAT, encoded.block(b), encoded.entry(b), 0, BLOCK_ROWS, at, 0)
      }
    }
    const rate = measure(VALUES, decode)
    const start = target.offset / 8
    check(
      memory.f64.subarray(start, start + VALUES).every((v, i) => v === values[i]),
      name,
    )
    print(`decode ${name}`, rate, copy, `  ${bitsOf(encoded, VALUES)} bits/value`)
    encoded.release()
    memory.release(target)
  }
}

function benchEncode(instance: KernelInstance): void {
  for (const [name, next] of valueShapes) {
    const values = Float64Array.from({ length: VALUES / 8 }, next)
    print(
      `encode ${name}`,
      measure(values.length, () => encodeFloats(instance, values).release()),
      null,
    )
  }
  const counter = BigInt64Array.from({ length: VALUES / 8 }, (_, i) => BigInt(i) * 1_234n)
  print(
    'encode counter',
    measure(counter.length, () => encodeIntegers(instance, counter).release()),
    null,
  )
}

function benchTimes(instance: KernelInstance, copy: Rate): void {
  const { kernel, memory } = instance
  for (const [name, step, kind] of timeShapes) {
    const times = makeTimes(LOOKUP_BLOCKS * BLOCK_ROWS, step, kind)
    const encoded = encodeTimes(instance, times)
    const target = memory.allocate(BLOCK_ROWS * 8)
    const decoding = measure(times.length, () => {
      for (let b = 0; b < LOOKUP_BLOCKS; b++) {
        kernel.decodeTimes(encoded.block(b), encoded.entry(b), 0, BLOCK_ROWS, target.offset)
      }
    })
    print(`decode times, ${name}`, decoding, copy, `  ${bitsOf(encoded, times.length)} bits/time`)
    const rows = Array.from({ length: LOOKUPS }, () => Math.floor(uniform() * times.length))
    const sought = BigInt64Array.from(rows, (row) => times[row]!)
    let wrong = 0
    const lookup = measure(LOOKUPS, () => {
      wrong = 0
      for (let k = 0; k < LOOKUPS; k++) {
        const b = kernel.blockLowerBound(encoded.entry(0), 0, LOOKUP_BLOCKS, sought[k]!)
        const row = kernel.timeLowerBound(
          encoded.block(b),
          encoded.entry(b),
          0,
          BLOCK_ROWS,
          sought[k]!,
        )
        if (times[b * BLOCK_ROWS + row] !== sought[k]) wrong++
      }
    })
    check(wrong === 0, `lookup ${name}`)
    const nanoseconds = `  ${(1e9 / lookup.median).toFixed(0)} ns each, of ${times.length} rows`
    print(`look up times, ${name}`, lookup, null, nanoseconds)
    encoded.release()
    memory.release(target)
  }
}

function bitsOf(encoded: Encoded, count: number): string {
  return ((encoded.size * 8) / count).toFixed(2)
}

const wasm = readFileSync(new URL('../../engine/omendb.wasm', import.meta.url))
const instance = await instantiateKernel(await WebAssembly.compile(wasm))
const copy = benchCopy(instance)
benchValues(instance, copy)
benchEncode(instance)
benchTimes(instance, copy)
