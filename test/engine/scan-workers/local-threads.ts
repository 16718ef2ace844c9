// Scan workers without threads: each has a kernel of its own, and messages are cloned as between threads,
// but all run in this process, so that runs are equal for equal seeds.

import { readFileSync } from 'node:fs'
import type { SyncSource } from '../../../engine/drive.ts'
import { WorkerPool, type WorkerThread } from '../../../engine/scan-workers/pool.ts'
import { serveTasks } from '../../../engine/scan-workers/serve.ts'

const bytes = readFileSync(new URL('../../../engine/omendb.wasm', import.meta.url))
const compiled = WebAssembly.compile(bytes)

/** What happens to the n-th task (from 0) of a thread: it is done, fails, or ends the thread. */
export type Fate = (task: number) => 'done' | 'failed' | 'ended'

/** A pool that takes every aggregate that can be split. */
export async function localWorkers(
  files: SyncSource,
  count: number,
  fateOf: Fate = () => 'done',
): Promise<WorkerPool> {
  const module = await compiled
  return new WorkerPool(
    Array.from({ length: count }, () => localThread(module, files, fateOf)),
    0,
  )
}

function localThread(module: WebAssembly.Module, files: SyncSource, fateOf: Fate): WorkerThread {
  let count = 0
  let replied: ((message: never) => void) | null = null
  let ended: (() => void) | null = null
  const serve = serveTasks({
    ...{ module, memoryBytes: 32 << 20, files, now: () => process.hrtime.bigint() },
    reply: (message, transfer) => replied?.(structuredClone(message, { transfer }) as never),
  })
  return {
    post: ({ id, task, flag }) => {
      const fate = fateOf(count++)
      const copy = structuredClone(task)
      if (fate === 'done') setImmediate(() => void serve({ id, task: copy, flag }))
      else if (fate === 'failed') setImmediate(() => replied?.({ id, result: null } as never))
      else setImmediate(() => ended?.())
    },
    listen: (onResult, onEnd) => {
      replied = onResult as (message: never) => void
      ended = onEnd
    },
    end: async () => ended?.(),
  }
}
