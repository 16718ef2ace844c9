// Raw doubles in DRAM added up, and their greatest found, by the kernel and by a C loop with SSE2, which
// take turns: node scripts/run.js bench/kernel/raw-scan.ts. The C file beside this one is compiled with
// the machine's gcc or cc; without one there is nothing to compare with, and it says so.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Chunk } from '../../engine/query/chunk.ts'
import { instantiateKernel } from '../../engine/kernel.ts'
import { Aggregator } from '../../engine/query/partial.ts'
import type { PlanSeries } from '../../engine/query/plan.ts'

/** 256 MiB: several times the last cache. */
const COUNT = 1 << 25
const ROUNDS = 15

/** One pass: nanoseconds of processor time, and the result. */
type Pass = (what: 'sum' | 'max') => Promise<{ nanoseconds: number; result: number }>

/** The C loop as a process of its own; null without a compiler. */
function makeNative(directory: string): { pass: Pass; close: () => void } | null {
  const source = fileURLToPath(new URL('scan.c', import.meta.url))
  const program = join(directory, 'scan')
  const compiler = ['gcc', 'cc'].find((name) => {
    return spawnSync(name, ['-O3', '-msse2', '-o', program, source]).status === 0
  })
  if (compiler === undefined) return null
  const child = spawn(program, [String(COUNT)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const pass: Pass = async (what) => {
    child.stdin.write(`${what}\n`)
    const { value } = await lines.next()
    const [nanoseconds, result] = String(value).split(' ').map(Number)
    return { nanoseconds: nanoseconds!, result: result! }
  }
  return { pass, close: () => child.stdin.end() }
}

async function makeKernelPass(): Promise<Pass> {
  const file = new URL('../../engine/omendb.wasm', import.meta.url)
  const instance = await instantiateKernel(await WebAssembly.compile(readFileSync(file)))
  const { memory } = instance
  const values = memory.allocate(COUNT * 8).offset
  for (let i = 0; i < COUNT; i++) memory.f64[values / 8 + i] = (i % 1000) / 8
  const chunk = { count: COUNT, times: 0, values: [values], valid: [0] } as unknown as Chunk
  const series = { group: 0, rank: 0 } as PlanSeries
  return async (what) => {
    const result = what === 'sum' ? 'sum' : 'greatest'
    const outputs = [{ name: what, type: 'float', field: 0, result }] as const
    const fields = [{ id: 0, name: 'x', type: 0 }] as const
    const spec = { fields, outputs, grid: { kind: 'one' }, maxBuckets: 1 } as const
    const aggregator = new Aggregator(instance, spec)
    const start = process.cpuUsage()
    aggregator.chunk(series, chunk, 0, 0n)
    const { user, system } = process.cpuUsage(start)
    const found = Number(aggregator.results().fields[0]!.values[0])
    aggregator.release()
    return { nanoseconds: (user + system) * 1_000, result: found }
  }
}

function gigabytes(nanoseconds: readonly number[]): string {
  const sorted = [...nanoseconds].sort((a, b) => a - b)
  const rate = (time: number): string => ((COUNT * 8) / time).toFixed(1)
  return `${rate(sorted[sorted.length >> 1]!)} (${rate(sorted.at(-1)!)}–${rate(sorted[0]!)})`
}

export async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-scan-'))
  const native = makeNative(directory)
  if (native === null) console.log('no gcc or cc here: the kernel alone')
  try {
    const kernel = await makeKernelPass()
    console.log(
      '\n| 256 MiB of doubles, GB/s | kernel | C, SSE2 | kernel over C |\n|---|---|---|---|',
    )
    for (const what of ['sum', 'max'] as const) {
      const times: [number[], number[]] = [[], []]
      const ratios: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const ours = await kernel(what)
        times[0].push(ours.nanoseconds)
        if (native === null) continue
        const theirs = await native.pass(what)
        times[1].push(theirs.nanoseconds)
        ratios.push(theirs.nanoseconds / ours.nanoseconds)
        if (ours.result !== theirs.result) throw new Error(`${what}: a wrong answer`)
      }
      ratios.sort((a, b) => a - b)
      const cells =
        native === null ? ['–', '–'] : [gigabytes(times[1]), ratios[ROUNDS >> 1]!.toFixed(2)]
      console.log(`| ${[what, gigabytes(times[0]), ...cells].join(' | ')} |`)
    }
  } finally {
    native?.close()
    rmSync(directory, { recursive: true })
  }
}
