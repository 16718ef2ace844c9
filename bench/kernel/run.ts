// Rates of the kernel's codecs on this machine, as ratios to a memory copy in the same run:
//   npm run build:kernel && node scripts/run.js bench/kernel/run.ts [OTHER.wasm …]
// Further kernels (an older build) take turns with this one. Answers are checked before anything is
// timed; each rate is the median of 9 runs with its spread, in millions a second of CPU time.

import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import type { Grid } from '../../engine/query/grid.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import { type Encoded, FLOAT, INTEGER, encodeSlots, encodeTimes, encodeOnce } from './blocks.ts'
import { type LookUp, makeLookUp } from './lookups.ts'
import { measure, printRates, printTimes } from './measure.ts'
import { makePacked, packedShapes, packedValues } from './packed.ts'
import { floatShapes, integerShapes, makeTimes, random, timeShapes } from './shapes.ts'

const BLOCK_ROWS = 1_024
/** Larger than any cache here: what is decoded goes to memory, as what memcpy copies does. */
const BLOCKS = 8_192
const VALUES = BLOCKS * BLOCK_ROWS
const LOOKUP_BLOCKS = Math.ceil(10_000_000 / BLOCK_ROWS)
const LOOKUPS = 200_000

function check(isEqual: boolean, what: string): void {
  if (!isEqual) throw new Error(`${what}: a wrong answer`)
}

function printHead(title: string, names: readonly string[], more: readonly string[]): void {
  const cells = ['', ...names, ...more]
  console.log(`\n${title}\n\n| ${cells.join(' | ')} |\n|${cells.map(() => '---|').join('')}`)
}

/** A copy of 64-bit values in the memory of the first kernel. */
function makeCopy({ memory }: KernelInstance): () => void {
  const source = memory.allocate(VALUES * 8)
  const target = memory.allocate(VALUES * 8)
  memory.u8.fill(1, source.offset, source.offset + VALUES * 8)
  return () => {
    memory.u8.copyWithin(target.offset, source.offset, source.offset + VALUES * 8)
  }
}

/** Decodes all blocks of a column, after a check that they come back. */
function makeDecode(
  { kernel, memory }: KernelInstance,
  type: number,
  encoded: Encoded,
  values: BigInt64Array,
  target: number,
  name: string,
): () => void {
  const isTime = type === kernel.TIME.value
  const decode = (): void => {
    for (let b = 0; b < BLOCKS; b++) {
      const at = target + b * BLOCK_ROWS * 8
      if (isTime) kernel.decodeTimes(encoded.block(b), encoded.entry(b), 0, BLOCK_ROWS, at)
      else kernel.decodeColumn(type, encoded.block(b), encoded.entry(b), 0, BLOCK_ROWS, at, 0)
    }
  }
  decode()
  const decoded = memory.i64.subarray(target / 8, target / 8 + VALUES)
  check(Buffer.compare(bytesOf(decoded), bytesOf(values)) === 0, name)
  return decode
}

function bytesOf(values: BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

function columnShapes(): [string, number, () => BigInt64Array][] {
  const floats = floatShapes.map(([name, next]): [string, number, () => BigInt64Array] => [
    name,
    FLOAT,
    () => new BigInt64Array(Float64Array.from({ length: VALUES }, next).buffer),
  ])
  const integers = integerShapes.map(([name, at]): [string, number, () => BigInt64Array] => [
    name,
    INTEGER,
    () => BigInt64Array.from({ length: VALUES }, (_, i) => at(i)),
  ])
  return [...floats, ...integers]
}

function benchColumns(instances: KernelInstance[], names: string[], copy: () => void): void {
  const targets = instances.map(({ memory }) => memory.allocate(VALUES * 8))
  const encodings: (() => void)[] = []
  printHead('Decoding', ['memcpy', ...names], ['of memcpy', 'bits a value'])
  const time = instances[0]!.kernel.TIME.value
  const times = timeShapes.map(([name, kind, next]): [string, number, () => BigInt64Array] => [
    `times, ${name}`,
    time,
    () => makeTimes(VALUES, kind, next),
  ])
  for (const [name, type, make] of [...columnShapes(), ...times]) {
    const values = make()
    const encoded = instances.map((instance) =>
      type === time ? encodeTimes(instance, values) : encodeSlots(instance, type, values),
    )
    const decodes = instances.map((instance, k) =>
      makeDecode(instance, type, encoded[k]!, values, targets[k]!.offset, name),
    )
    const rates = measure(VALUES, [copy, ...decodes])
    const ratio = (rates[1]!.median / rates[0]!.median).toFixed(2)
    printRates(name, rates, [ratio, ((encoded[0]!.size * 8) / VALUES).toFixed(2)])
    for (const { release } of encoded) release()
    const some = values.slice(0, VALUES / 64)
    encodings.push(() => {
      const encode = instances.map((instance) => encodeOnce(instance, type, some))
      printRates(
        name,
        measure(
          some.length,
          encode.map(({ use }) => use),
        ),
        [],
      )
      for (const { release } of encode) release()
    })
  }
  for (const [k, { memory }] of instances.entries()) memory.release(targets[k]!)
  printHead('Encoding', names, [])
  for (const print of encodings) print()
}

/** Looks all `sought` up, after a check that the rows found are theirs. */
function prepareLookUp(
  { memory }: KernelInstance,
  lookUp: LookUp,
  encoded: Encoded,
  times: BigInt64Array,
  sought: BigInt64Array,
  name: string,
): () => void {
  const blocks = memory.allocate(LOOKUP_BLOCKS * 4)
  const wanted = memory.allocate(LOOKUPS * 8)
  const rows = memory.allocate(LOOKUPS * 4)
  for (let b = 0; b < LOOKUP_BLOCKS; b++) memory.u32[blocks.offset / 4 + b] = encoded.block(b)
  memory.i64.set(sought, wanted.offset / 8)
  const use = (): void => {
    const { offset } = wanted
    lookUp(encoded.entry(0), blocks.offset, LOOKUP_BLOCKS, offset, LOOKUPS, rows.offset)
  }
  use()
  const found = memory.u32.subarray(rows.offset / 4, rows.offset / 4 + LOOKUPS)
  check(
    found.every((row, k) => times[row] === sought[k]),
    name,
  )
  return use
}

async function benchLookUps(instances: KernelInstance[], names: string[]): Promise<void> {
  const lookUps = await Promise.all(instances.map(makeLookUp))
  printHead('Time to row among 10 million, ns', names, [])
  for (const [name, kind, next] of timeShapes) {
    const times = makeTimes(LOOKUP_BLOCKS * BLOCK_ROWS, kind, next)
    const sought = BigInt64Array.from(
      { length: LOOKUPS },
      () => times[Math.floor(random() * times.length)]!,
    )
    const encoded = instances.map((instance) => encodeTimes(instance, times))
    const uses = instances.map((instance, k) =>
      prepareLookUp(instance, lookUps[k]!, encoded[k]!, times, sought, name),
    )
    printTimes(name, measure(LOOKUPS, uses), [])
    for (const { release } of encoded) release()
  }
}

const CHUNKS = 4_000

/** Aggregates one decoded chunk again and again, as a scan of one series would. */
function makeAggregation(
  instance: KernelInstance,
  type: number,
  results: readonly ('sum' | 'least' | 'greatest')[],
  width: number,
): () => void {
  const { memory } = instance
  const grid: Grid = { kind: 'fixed', origin: 0n, width: BigInt(width) }
  const field = { id: 0, name: 'x', type: type as 0 | 1 }
  const valueType = type === FLOAT ? ('float' as const) : ('integer' as const)
  const outputs = results.map((result) => ({ name: result, type: valueType, field: 0, result }))
  const region = memory.allocate(BLOCK_ROWS * 16)
  const times = region.offset / 8
  for (let i = 0; i < BLOCK_ROWS; i++) {
    memory.i64[times + i] = BigInt(i)
    if (type === FLOAT) memory.f64[times + BLOCK_ROWS + i] = i % 100
    else memory.i64[times + BLOCK_ROWS + i] = BigInt(i % 100)
  }
  const values = [region.offset + BLOCK_ROWS * 8]
  const chunk = { count: BLOCK_ROWS, times: region.offset, values, valid: [0] }
  const plan = { fields: [field], outputs, grid, maxBuckets: 1_000_000 }
  const add = (aggregator: Aggregator): void => {
    const series = { group: 0, rank: 0 } as Parameters<Aggregator['chunk']>[0]
    aggregator.chunk(series, chunk as unknown as Parameters<Aggregator['chunk']>[1], 0, null)
  }
  checkSum(new Aggregator(instance, plan), add)
  const aggregator = new Aggregator(instance, plan)
  return () => {
    for (let i = 0; i < CHUNKS; i++) add(aggregator)
  }
}

/** The sums of the buckets of one chunk are that of its values, i % 100 each. */
function checkSum(aggregator: Aggregator, add: (aggregator: Aggregator) => void): void {
  add(aggregator)
  let sum = 0
  for (const value of aggregator.results().fields[0]!.values) sum += Number(value)
  let expected = 0
  for (let i = 0; i < BLOCK_ROWS; i++) expected += i % 100
  check(sum === expected, 'aggregation')
  aggregator.release()
}

function benchAggregation(instances: KernelInstance[], names: string[]): void {
  printHead('Aggregating a decoded chunk', names, [])
  for (const [kind, type] of [
    ['floats', FLOAT],
    ['integers', INTEGER],
  ] as const) {
    for (const results of [['sum'], ['sum', 'least', 'greatest']] as const) {
      for (const width of [30, 360, BLOCK_ROWS]) {
        const uses = instances.map((one) => makeAggregation(one, type, results, width))
        const name = `${results.join(', ')} of ${kind}, ${width} rows a bucket`
        printRates(name, measure(CHUNKS * BLOCK_ROWS, uses), [])
      }
    }
  }
}

function benchPacked(instances: KernelInstance[], names: string[], copy: () => void): void {
  printHead('Aggregating encoded blocks', ['memcpy', ...names], ['of memcpy'])
  for (const [shape, type, next] of packedShapes) {
    const values = packedValues(next)
    for (const results of [['mean'], ['mean', 'least', 'greatest']] as const) {
      for (const width of [30, 360, 1_000]) {
        const uses = instances.map((one) => makePacked(one, type, values, results, width))
        const { count, total } = uses[0]!
        for (const other of uses) check(Math.abs(other.total - total) <= 1e-9 * total, shape)
        const copies = (): void => {
          for (let copied = 0; copied < count; copied += VALUES) copy()
        }
        const rates = measure(count, [copies, ...uses.map(({ use }) => use)])
        rates[0]!.median *= Math.ceil(count / VALUES) * (VALUES / count)
        const ratio = (rates[1]!.median / rates[0]!.median).toFixed(2)
        printRates(`${results.join(', ')} of ${shape}, ${width} rows a bucket`, rates, [ratio])
      }
    }
  }
}

/** Compares the built kernel and the kernels in `files`. */
export async function main(files: string[]): Promise<void> {
  const built = new URL('../../engine/omendb.wasm', import.meta.url)
  const instances: KernelInstance[] = []
  for (const file of [built, ...files]) {
    instances.push(await instantiateKernel(await WebAssembly.compile(readFileSync(file))))
  }
  const names = ['this kernel', ...files.map((_, i) => `kernel ${i + 2}`)]
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`)
  const copy = makeCopy(instances[0]!)
  benchColumns(instances, names, copy)
  await benchLookUps(instances, names)
  benchAggregation(instances, names)
  benchPacked(instances, names, copy)
}
