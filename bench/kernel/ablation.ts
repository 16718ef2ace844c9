// The learned time column against what else finds a row by its time, in the same WebAssembly memory:
//   npm run build:kernel && node scripts/run.js bench/kernel/ablation.ts [--rows-max 10000000]
// All rivals answer the same look-ups, of times that are there and of times between, and their answers
// are compared before anything is timed. Medians of 9 turns of CPU time (measure.ts).

import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import { encodeTimes } from './blocks.ts'
import { measure } from './measure.ts'
import { type Rivals, makeRivals } from './rivals.ts'
import { makeTimes, random, timeShapes } from './shapes.ts'

const BLOCK_ROWS = 1_024
const LOOKUPS = 100_000
const NAMES = ['learned', 'binary search', 'B+-tree', 'decode and search'] as const

/** Times to look up: half of them there, the others a little later. */
function soughtIn(times: BigInt64Array): BigInt64Array {
  return BigInt64Array.from({ length: LOOKUPS }, (_, k) => {
    const time = times[Math.floor(random() * times.length)]!
    return k % 2 === 0 ? time : time + BigInt(Math.floor(random() * 1e6))
  })
}

/** Bytes of a directory page of the blocks, as a file has them. */
function pageBytes({ kernel, memory }: KernelInstance, entries: number, count: number): number {
  const bound = kernel.encodePageBound(64)
  const { offset, size } = memory.allocate(bound)
  let bytes = 0
  for (let b = 0; b < count; b += 64) {
    const entry = entries + b * kernel.ENTRY_SIZE.value
    bytes += kernel.encodePage(kernel.TIME.value, entry, Math.min(64, count - b), offset, size)
  }
  memory.release({ offset, size })
  return bytes
}

/** One row of the table: bytes a time, then nanoseconds a look-up of each rival. */
function compare(instance: KernelInstance, rivals: Rivals, name: string, times: BigInt64Array) {
  const { kernel, memory } = instance
  const count = times.length / BLOCK_ROWS
  const encoded = encodeTimes(instance, times)
  const raw = memory.allocate(times.length * 8)
  const layers = memory.allocate(64)
  const treeSize = rivals.treeSize(times.length)
  const tree = memory.allocate(Math.max(128, treeSize))
  const blocks = memory.allocate(count * 4)
  const wanted = memory.allocate(LOOKUPS * 8)
  const found = NAMES.map(() => memory.allocate(LOOKUPS * 4))
  const scratch = memory.allocate(BLOCK_ROWS * 8)
  memory.i64.set(times, raw.offset / 8)
  memory.i64.set(soughtIn(times), wanted.offset / 8)
  for (let b = 0; b < count; b++) memory.u32[blocks.offset / 4 + b] = encoded.block(b)
  rivals.buildTree(raw.offset, times.length, tree.offset, layers.offset)
  const coded = [encoded.entry(0), blocks.offset, count, wanted.offset, LOOKUPS]
  const [a, b, c, d] = found.map(({ offset }) => offset) as [number, number, number, number]
  const uses = [
    () => rivals.learned(...coded, a),
    () => rivals.binary(raw.offset, times.length, wanted.offset, LOOKUPS, b),
    () => rivals.tree(raw.offset, layers.offset, wanted.offset, LOOKUPS, c),
    () => rivals.decoded(...coded, d, scratch.offset),
  ]
  for (const use of uses) use()
  const rowsOf = (at: number) => memory.u8.subarray(at, at + LOOKUPS * 4)
  for (const [k, at] of [b, c, d].entries()) {
    if (Buffer.compare(rowsOf(a), rowsOf(at)) !== 0)
      throw new Error(`${name}: ${NAMES[k + 1]} differs`)
  }
  const directory = pageBytes(instance, encoded.entry(0), count)
  const bytes = [
    (encoded.size + directory) / times.length,
    (encoded.size + count * kernel.ENTRY_SIZE.value) / times.length,
    (times.length * 8 + treeSize) / times.length,
  ].map((value) => value.toFixed(2))
  const nanoseconds = measure(LOOKUPS, uses).map(({ median }) => (1e9 / median).toFixed(0))
  console.log(`| ${[name, times.length, ...bytes, ...nanoseconds].join(' | ')} |`)
  encoded.release()
  for (const region of [raw, layers, tree, blocks, wanted, scratch, ...found])
    memory.release(region)
}

/** Prints the table. */
export async function main(args: string[]): Promise<void> {
  const at = args.indexOf('--rows-max')
  const rowsMax = at === -1 ? 10_000_000 : Number(args[at + 1])
  const built = new URL('../../engine/omendb.wasm', import.meta.url)
  const instance = await instantiateKernel(await WebAssembly.compile(readFileSync(built)))
  const rivals = await makeRivals(instance)
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}\n`)
  const bytes = ['on disk', 'in memory', 'raw and tree']
  console.log(`| | rows | ${[...bytes, ...NAMES].join(' | ')} |\n|${'---|'.repeat(9)}`)
  for (const [name, kind, next] of timeShapes) {
    for (const rows of [10_000, 100_000, 1_000_000, 10_000_000]) {
      if (rows > rowsMax) continue
      const count = Math.ceil(rows / BLOCK_ROWS) * BLOCK_ROWS
      compare(instance, rivals, name, makeTimes(count, kind, next))
    }
  }
}
