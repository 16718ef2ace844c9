// V8's profiles with the names that the kernel's functions have in assembly/: the built kernel has none,
// so it is compiled once more to text, whose functions come in the same order.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Profiler } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Names of the kernel's functions by their numbers, from a compilation of the same sources. */
export function kernelNames(): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-names-'))
  try {
    const text = join(directory, 'kernel.wat')
    const outputs = ['--outFile', join(directory, 'kernel.wasm'), '--textFile', text]
    const compiler = 'node_modules/assemblyscript/bin/asc.js'
    const { status } = spawnSync(process.execPath, [compiler, ...outputs], { stdio: 'inherit' })
    if (status !== 0) throw new Error(`asc exited with ${status}`)
    const found = readFileSync(text, 'utf8').matchAll(/^ \(func \$([^ )]+)/gm)
    return [...found].map(([, name]) => name!)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Nobody's: waiting, and the profiler's own message. */
const FOREIGN = ['(idle)', 'dispatch']

/** Microseconds by function. */
export function timesOf(
  { nodes, samples, timeDeltas }: Profiler.Profile,
  names: readonly string[],
): Map<string, number> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  for (const [i, id] of samples!.entries()) {
    const { functionName, url } = frames.get(id)!
    if (url === '' && FOREIGN.includes(functionName)) continue
    const number = /^wasm-function\[(\d+)\]$/.exec(functionName)?.[1]
    const name = number === undefined ? functionName || '(anonymous)' : names[Number(number)]!
    times.set(name, (times.get(name) ?? 0) + timeDeltas![i]!)
  }
  return times
}
