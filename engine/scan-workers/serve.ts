// What runs in a worker's thread: tasks one after the other, until it is ended. A task that fails, for
// whatever reason, is left to whoever asked, who meets the same trouble where it can be told.

import type { SyncSource } from '../drive.ts'
import { OmenError } from '../error.ts'
import { TaskRunner } from './answer.ts'
import type { ResultMessage, TaskMessage } from './pool.ts'
import type { ScanResult } from './task.ts'

export interface ServeOptions {
  readonly module: WebAssembly.Module
  /** Bytes that the thread's kernel may grow to. */
  readonly memoryBytes: number
  readonly files: SyncSource
  /** Nanoseconds; for pauses and statistics alone. */
  readonly now: () => bigint
  readonly reply: (message: ResultMessage, transfer: ArrayBuffer[]) => void
}

/** A function that does what a message asks; those that come before the kernel is there wait for it. */
export function serveTasks(options: ServeOptions): (message: TaskMessage) => Promise<void> {
  const { module, memoryBytes, files, now, reply } = options
  const opened = TaskRunner.open(module, memoryBytes, files, now)
  return async ({ id, task, flag }) => {
    const runner = await opened
    const result = answerOf(runner, { id, task, flag }, now)
    const { records, arena } = result?.partial ?? {}
    reply({ id, result }, records && arena ? [records.buffer, arena.buffer] : [])
    // A kernel that trapped is good for nothing any more: the thread ends with it.
    runner.checkKernel()
  }
}

function answerOf(
  runner: TaskRunner,
  { task, flag }: TaskMessage,
  now: () => bigint,
): ScanResult | null {
  const isCancelled = new Int32Array(flag)
  const end = now() + BigInt(Math.ceil(task.plan.query.limits.timeoutMs)) * 1_000_000n
  const check = (): void => {
    if (Atomics.load(isCancelled, 0) === 1)
      throw new OmenError('cancelled', 'scan worker: not wanted')
    if (now() > end) throw new OmenError('cancelled', 'scan worker: too late')
  }
  try {
    check()
    return runner.answer(task, check)
  } catch {
    return null
  }
}
