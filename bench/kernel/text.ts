// Answers as text: rows of a time and a double printed by the kernel, as a ratio to JSON.stringify of the
// same rows and to a memory copy of the text, in turns in one process, after a check that the bytes are equal:
//   npm run build:kernel && node scripts/run.js bench/kernel/text.ts
// Copying the columns into the kernel and the text out of it is part of what is timed.

import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { type CellRun, printRows, printRuns } from '../../engine/cell-text.ts'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import type { AnswerSeries } from '../../engine/query/query.ts'
import { encodeArrow } from '../../server/encode/arrow.ts'
import { encodeCsv, encodeNdjson } from '../../server/encode/rows.ts'
import { randomOf } from '../engine/random.ts'
import { measure } from './measure.ts'

const ROWS = 65_536
/** Rows of one call, as servers print them. */
const PIECE_ROWS = 2_048
const REPEATS = 4
const START = 1_790_000_000_000_000_000n

const random = randomOf(1)
const SHAPES: Readonly<Record<string, () => number>> = {
  'any doubles from 0 to 100': () => random() * 100,
  'any bits': () =>
    new Float64Array(BigUint64Array.of(BigInt(Math.floor(random() * 2 ** 62))).buffer)[0]!,
  'two decimals': () => Math.floor(random() * 10_000) / 100,
  'six decimals': () => Math.floor(random() * 1e9) / 1e6,
  'integers from 0 to 100': () => Math.floor(random() * 101),
}

interface Data {
  readonly time: BigInt64Array
  readonly values: Float64Array
  readonly rows: readonly (readonly [number, number])[]
}

function makeData(make: () => number): Data {
  const time = BigInt64Array.from({ length: ROWS }, (_, i) => START + BigInt(i) * 1_000_000_000n)
  const values = Float64Array.from({ length: ROWS }, make)
  const rows = Array.from(values, (v, i) => [Number(time[i]! / 1_000_000n), v] as const)
  return { time, values, rows }
}

/** `[time,value],` of every row. */
function printJsonRows(instance: KernelInstance, { time, values }: Data): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let from = 0; from < ROWS; from += PIECE_ROWS) {
    const range = { valid: null, from, to: from + PIECE_ROWS, style: 'plain' } as const
    const columns: CellRun[] = [
      { prefix: '[', values: time, time: 'ms', ...range },
      { prefix: ',', values, time: null, ...range },
    ]
    pieces.push(printRows(instance, columns, PIECE_ROWS, '],'))
  }
  return pieces
}

function printColumn(instance: KernelInstance, { values }: Data): Uint8Array {
  const run = { prefix: '', values, valid: null, from: 0, to: ROWS, time: null }
  return printRuns(instance, [{ ...run, style: 'plain' }])
}

function check(found: string, expected: string, what: string): void {
  if (found !== expected) throw new Error(`${what}: the bytes differ`)
}

async function* once(series: AnswerSeries): AsyncGenerator<AnswerSeries> {
  yield series
}

/** Rows a second of the streamed formats, which are asynchronous: all of a chunk's pieces. */
async function benchExports(instance: KernelInstance, name: string, data: Data): Promise<void> {
  const columns = [
    { name: 'time', type: 'timestamp' as const },
    { name: 'u', type: 'float' as const },
  ]
  const series = {
    tags: new Map([['host', 'host_1']]),
    time: data.time,
    fields: [{ values: data.values, valid: null }],
  }
  const cells: string[] = []
  for (const encode of [encodeNdjson, encodeCsv, encodeArrow]) {
    const times: number[] = []
    for (let run = 0; run < 15; run++) {
      const start = process.cpuUsage()
      for (let i = 0; i < REPEATS; i++) {
        const head = { columns, tags: ['host'] }
        const format = { time: 'ns', integers: 'auto' } as const
        const pieces = encode(head, once(series), format, () => instance)
        while ((await pieces.next()).done !== true) continue
      }
      const { user, system } = process.cpuUsage(start)
      times.push(user + system)
    }
    times.sort((a, b) => a - b)
    cells.push(((ROWS * REPEATS) / times[times.length >> 1]!).toFixed(1))
  }
  console.log(`| ${[name, ...cells].join(' | ')} |`)
}

/** Entry called by scripts/run.js. */
export async function main(): Promise<void> {
  const module = await WebAssembly.compile(readFileSync('engine/omendb.wasm'))
  const instance = await instantiateKernel(module)
  console.log(`${cpus()[0]!.model.trim()}, Node ${process.version}; M rows/s of processor time\n`)
  console.log(
    '| | rows as JSON | JSON.stringify | ratio | one column | JSON.stringify | memcpy of the rows |',
  )
  console.log('|---|---|---|---|---|---|---|')
  const all = Object.entries(SHAPES).map(([name, make]) => [name, makeData(make)] as const)
  for (const [name, data] of all) {
    const array = Array.from(data.values)
    const text = Buffer.concat(printJsonRows(instance, data))
    check(`[${text.toString().slice(0, -1)}]`, JSON.stringify(data.rows), name)
    check(`[${Buffer.from(printColumn(instance, data)).toString()}]`, JSON.stringify(array), name)
    const repeat = (use: () => unknown) => (): void => {
      for (let i = 0; i < REPEATS; i++) use()
    }
    const rates = measure(ROWS * REPEATS, [
      repeat(() => printJsonRows(instance, data)),
      repeat(() => JSON.stringify(data.rows)),
      repeat(() => printColumn(instance, data)),
      repeat(() => JSON.stringify(array)),
      repeat(() => Uint8Array.prototype.slice.call(text)),
    ]).map(({ median }) => median / 1e6)
    const [rows, plain, column, plainColumn, copy] = rates as [
      number,
      number,
      number,
      number,
      number,
    ]
    const cells = [rows, plain, rows / plain, column, plainColumn, copy]
    console.log(`| ${[name, ...cells.map((cell) => cell.toFixed(1))].join(' | ')} |`)
  }
  console.log('\n| exports | NDJSON | CSV | Arrow |\n|---|---|---|---|')
  for (const [name, data] of all) await benchExports(instance, name, data)
}
