// Sorting late data: offsets of rows by the times of their rows, as a memtable is sorted before it is read
// or flushed, in millions of rows a second of processor time; beside it JavaScript's own sort of the same
// times as doubles, which moves the times alone: node scripts/run.js bench/kernel/sorts.ts

import { readFileSync } from 'node:fs'
import { instantiateKernel } from '../../engine/kernel.ts'
import { measure, printRates } from './measure.ts'
import { random } from './shapes.ts'

const ROW_BYTES = 24
const BUDGET = 1 << 20

/** Arrival of rows whose times are 0 to n − 1: by how many rows some of them are late. */
const arrivals: readonly [string, (n: number) => Float64Array][] = [
  ['in order', (n) => Float64Array.from({ length: n }, (_, i) => i)],
  ['5 % late by up to 360 rows', (n) => late(n, () => 360)],
  ['5 % late by anything', (n) => late(n, (i) => i)],
  [
    'two halves, one after the other',
    (n) => Float64Array.from({ length: n }, (_, i) => (i + n / 2) % n),
  ],
  ['newest first', (n) => Float64Array.from({ length: n }, (_, i) => n - i)],
  ['at random', (n) => Float64Array.from({ length: n }, () => Math.floor(random() * n))],
]

function late(n: number, most: (row: number) => number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) =>
    random() < 0.05 ? i - Math.floor(random() * most(i)) : i,
  )
}

export async function main(): Promise<void> {
  const file = new URL('../../engine/omendb.wasm', import.meta.url)
  const { kernel, memory } = await instantiateKernel(await WebAssembly.compile(readFileSync(file)))
  const most = 1 << 20
  const rows = memory.allocate(most * ROW_BYTES).offset
  const index = memory.allocate(most * 8).offset
  const sort = memory.allocate(kernel.SORT_SIZE.value).offset
  for (const n of [8_192, most]) {
    console.log(
      `\n| ${n} rows, millions a second | kernel | Float64Array.sort, times alone |\n|---|---|---|`,
    )
    for (const [name, make] of arrivals) {
      const times = make(n)
      for (let i = 0; i < n; i++) memory.i64[(rows + i * ROW_BYTES + 16) / 8] = BigInt(times[i]!)
      const offsets = Uint32Array.from({ length: n }, (_, i) => i * ROW_BYTES)
      const ours = (): void => {
        memory.u32.set(offsets, index / 4)
        kernel.sortInit(sort, rows, index, index + n * 4, n)
        while (kernel.sortStep(sort, BUDGET) === 0);
      }
      const copy = times.slice()
      const theirs = (): void => {
        copy.set(times)
        copy.sort()
      }
      ours()
      theirs()
      copy.forEach((time, i) => {
        const offset = memory.u32[index / 4 + i]!
        if (times[offset / ROW_BYTES] !== time)
          throw new Error(`${name}: row ${i} is not in its place`)
      })
      const repeats = Math.max(1, Math.floor(most / n / 2))
      const repeat = (use: () => void) => (): void => {
        for (let i = 0; i < repeats; i++) use()
      }
      printRates(name, measure(n * repeats, [repeat(ours), repeat(theirs)]), [])
    }
  }
}
