// What this machine allows at best, for docs/performance.md to hold a write and a query against:
//   npm run build && node scripts/run.js bench/limits/run.ts
// Memory is read and copied by a WebAssembly module of a few loops, compiled here, so that its limit is
// the kernel's too. Bandwidths are the best of 9 runs and latencies medians with their 99th percentile.

import { once } from 'node:events'
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { HttpClient } from '../http/client.ts'
import { startBenchServer } from '../http/server.ts'

/** AssemblyScript: sums with four accumulators of two lanes, copies, follows a chain of offsets. */
const LOOPS = `
export function empty(): void {}
export function copy(target: usize, source: usize, size: usize): void {
  memory.copy(target, source, size)
}
export function sum(from: usize, to: usize): f64 {
  let a = f64x2.splat(0), b = a, c = a, d = a
  for (let at = from; at < to; at += 64) {
    a = f64x2.add(a, v128.load(at))
    b = f64x2.add(b, v128.load(at, 16))
    c = f64x2.add(c, v128.load(at, 32))
    d = f64x2.add(d, v128.load(at, 48))
  }
  const all = f64x2.add(f64x2.add(a, b), f64x2.add(c, d))
  return f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1)
}
export function follow(start: u32, steps: u32): u32 {
  let at = start
  for (let step: u32 = 0; step < steps; step++) at = load<u32>(at)
  return at
}
`

interface Loops {
  readonly memory: WebAssembly.Memory
  empty(): void
  copy(target: number, source: number, size: number): void
  sum(from: number, to: number): number
  follow(start: number, steps: number): number
}

const RUNS = 9
const MIB = 1 << 20
const LARGE = 256 * MIB
const BASE = MIB
const LINE_BYTES = 64
const CALLS = 10_000_000
const SYNCS = 500
const ANSWERS = 3_000

interface Compiler {
  compileString(
    source: string,
    options: Record<string, unknown>,
  ): Promise<{ error: Error | null; binary: Uint8Array<ArrayBuffer> | null }>
}

async function compileLoops(): Promise<Loops> {
  const name = 'assemblyscript/asc'
  const { compileString } = (await import(/* @vite-ignore */ name)) as Compiler
  const options = { optimizeLevel: 3, runtime: 'stub', enable: ['simd'], noAssert: true }
  const { error, binary } = await compileString(LOOPS, options)
  if (error !== null || binary === null) throw error ?? new Error('no binary')
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), {
    env: { abort: () => undefined },
  })
  const loops = exports as unknown as Loops
  loops.memory.grow((BASE + 2 * LARGE) / 65_536)
  return loops
}

/** The shortest of RUNS, in milliseconds. */
function best(run: () => unknown): number {
  let shortest = Infinity
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now()
    run()
    shortest = Math.min(shortest, performance.now() - start)
  }
  return shortest
}

const print = (what: string, measured: string): void => console.log(`| ${what} | ${measured} |`)
const perSecond = (bytes: number, milliseconds: number): string =>
  `${(bytes / milliseconds / 1e6).toFixed(1)} GB/s`

function benchMemory(loops: Loops): void {
  const slots = new Float64Array(loops.memory.buffer)
  slots.fill(1, BASE / 8, (BASE + LARGE) / 8)
  for (const [name, size] of [
    ['DRAM', LARGE],
    ['L3', 8 * MIB],
    ['L2', MIB / 2],
  ] as const) {
    const rounds = LARGE / size
    const milliseconds = best(() => {
      for (let round = 0; round < rounds; round++) {
        if (loops.sum(BASE, BASE + size) !== size / 8) throw new Error('a wrong sum')
      }
    })
    const rate = `${perSecond(LARGE, milliseconds)}, ${(LARGE / 8 / milliseconds / 1e6).toFixed(2)} G values/s`
    print(`reading doubles from ${name}, 128-bit SIMD`, rate)
  }
  const copied = best(() => loops.copy(BASE + LARGE, BASE, LARGE))
  print(
    'memcpy in DRAM',
    `${perSecond(LARGE, copied)}, ${(LARGE / 8 / copied / 1e6).toFixed(2)} G values/s`,
  )
  print('a DRAM miss', `${missNanoseconds(loops).toFixed(0)} ns`)
}

/** Follows a chain through all cache lines of LARGE bytes, in an order without a pattern. */
function missNanoseconds(loops: Loops): number {
  const words = new Uint32Array(loops.memory.buffer)
  const lines = LARGE / LINE_BYTES
  // A full-period congruential sequence: lines is a power of two, the factor is 1 modulo 4.
  const next = (line: number): number => (Math.imul(line, 1_664_525) + 1_013_904_223) & (lines - 1)
  for (let line = 0; line < lines; line++) {
    words[(BASE + line * LINE_BYTES) / 4] = BASE + next(line) * LINE_BYTES
  }
  const steps = 1_000_000
  return (best(() => loops.follow(BASE, steps)) / steps) * 1e6
}

function benchCalls(loops: Loops): void {
  const { empty } = loops
  const called = best(() => {
    for (let call = 0; call < CALLS; call++) empty()
  })
  print('calling WebAssembly', `${((called / CALLS) * 1e6).toFixed(1)} ns`)
  const { buffer } = loops.memory
  let length = 0
  const viewed = best(() => {
    for (let call = 0; call < CALLS / 100; call++) length += new Uint8Array(buffer, 0, 8).length
  })
  if (length === 0) throw new Error('no views')
  print('a new view of its memory', `${((viewed / CALLS) * 1e8).toFixed(0)} ns`)
}

/** What a start needs before it reads a file. */
function benchKernel(): void {
  const bytes = readFileSync('engine/omendb.wasm')
  const size = `${(bytes.length / 1e3).toFixed(1)} kB, ${(gzipSync(bytes).length / 1e3).toFixed(1)} kB gzipped`
  let module = new WebAssembly.Module(bytes)
  const compiled = best(() => (module = new WebAssembly.Module(bytes)))
  const instantiated = best(() => new WebAssembly.Instance(module))
  print('the kernel', size)
  print(
    'compiling it; instantiating it',
    `${compiled.toFixed(1)} ms; ${instantiated.toFixed(2)} ms`,
  )
}

/** Median and 99th percentile as text. */
function spread(milliseconds: number[]): string {
  milliseconds.sort((a, b) => a - b)
  const at = (share: number): string =>
    milliseconds[Math.floor(share * (milliseconds.length - 1))]!.toFixed(2)
  return `${at(0.5)} ms, ${at(0.99)} at p99`
}

function benchDisk(): void {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-limits-'))
  const file = openSync(join(directory, 'log'), 'w')
  const page = Buffer.alloc(4096, 1)
  const times: number[] = []
  try {
    for (let sync = 0; sync < SYNCS; sync++) {
      const start = performance.now()
      writeSync(file, page)
      fdatasyncSync(file)
      times.push(performance.now() - start)
    }
    print('appending 4 KiB and fdatasync', spread(times))
    const large = Buffer.alloc(64 * MIB, 1)
    const written = best(() => {
      writeSync(file, large, 0, large.length, 0)
      fdatasyncSync(file)
    })
    print('writing 64 MiB over and fdatasync', perSecond(large.length, written))
  } finally {
    closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

/** Answers GET with two bytes from a thread of its own. */
const PLAIN_SERVER = `
const { createServer } = require('node:http')
const server = createServer((_, answer) => answer.end('ok'))
server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port))
`

async function benchHttp(): Promise<void> {
  const worker = new Worker(PLAIN_SERVER, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const omendb = await startBenchServer()
  const contenders = [
    ['node:http, two bytes', new HttpClient(`http://127.0.0.1:${port}`), '/'],
    ['OmenDB, GET /ping', new HttpClient(omendb.url), '/ping'],
    ['OmenDB, GET /health', new HttpClient(omendb.url), '/health'],
  ] as const
  const times = contenders.map((): number[] => [])
  for (let run = -ANSWERS; run < ANSWERS; run++) {
    for (const [i, [, client, path]] of contenders.entries()) {
      const start = performance.now()
      await client.get(path)
      if (run >= 0) times[i]!.push(performance.now() - start)
    }
  }
  for (const [i, [name]] of contenders.entries()) print(`an answer of ${name}`, spread(times[i]!))
  for (const [, client] of contenders) client.close()
  await omendb.stop()
  await worker.terminate()
}

export async function main(): Promise<void> {
  const loops = await compileLoops()
  const load = loadavg()[0]!.toFixed(1)
  console.log(
    `${cpus()[0]!.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${load}`,
  )
  console.log('| limit | measured |\n|---|---|')
  benchMemory(loops)
  benchCalls(loops)
  benchKernel()
  benchDisk()
  await benchHttp()
}
