// What a server process holds, asked from outside.

import { vi } from 'vitest'
import type { ServerProcess } from '../../e2e/process.ts'

/** Runs in the server: SIGUSR2 has it collect its garbage and print the bytes that are held. */
const SCRIPT = `
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
process.on('SIGUSR2', () => {
  collect()
  // Buffers go in a turn behind the objects that had them.
  setImmediate(() => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    console.log('held: ' + (heapUsed + arrayBuffers) + ' bytes')
  })
})`

/** For NODE_OPTIONS of a process that heldMib asks. */
export const HELD_PROBE = `--import=data:text/javascript,${encodeURIComponent(SCRIPT)}`

/** MiB that the server's objects and buffers take when its garbage is collected. */
export async function heldMib(server: ServerProcess): Promise<number> {
  const found = (): RegExpMatchArray[] => [...server.output().matchAll(/held: (\d+) bytes\n/g)]
  const count = found().length
  process.kill(server.pid, 'SIGUSR2')
  await vi.waitUntil(() => found().length > count, { timeout: 60_000 })
  return Number(found().at(-1)![1]) / 1024 ** 2
}
