// The host's side of scan workers, whatever its threads are: which worker has how much to do, and what
// becomes of its tasks when it fails or ends.

import type { RunningTask, ScanResult, ScanTask, ScanWorkers } from './task.ts'

/** Tasks that a worker has: one it does, and one to go on with. */
const TASKS_MAX = 2
/** Some ten milliseconds of work: with less, handing over and waiting for the last share takes what it saves. */
const VALUES_MIN = 4_000_000

/** To a worker. `flag`: an Int32 that is 1 once nobody wants the result. */
export interface TaskMessage {
  readonly id: number
  readonly task: ScanTask
  readonly flag: SharedArrayBuffer
}

/** From a worker, in the order of tasks; null: it failed. */
export interface ResultMessage {
  readonly id: number
  readonly result: ScanResult | null
}

/** A thread that runs serveTasks (serve.ts). */
export interface WorkerThread {
  post(message: TaskMessage): void
  /** Called once each. */
  listen(onResult: (message: ResultMessage) => void, onEnd: () => void): void
  end(): Promise<void>
}

/** One thread and its tasks. */
class Member {
  readonly thread: WorkerThread
  readonly tasks = new Map<number, (result: ScanResult | null) => void>()
  hasEnded = false

  constructor(thread: WorkerThread) {
    this.thread = thread
    thread.listen(
      ({ id, result }) => this.settle(id, result),
      () => {
        this.hasEnded = true
        for (const id of this.tasks.keys()) this.settle(id, null)
      },
    )
  }

  private settle(id: number, result: ScanResult | null): void {
    const resolve = this.tasks.get(id)
    this.tasks.delete(id)
    resolve?.(result)
  }
}

export class WorkerPool implements ScanWorkers {
  readonly valuesMin: number
  private members: Member[]
  started = 0

  constructor(threads: readonly WorkerThread[], valuesMin = VALUES_MIN) {
    this.members = threads.map((thread) => new Member(thread))
    this.valuesMin = valuesMin
  }

  /** Threads that are alive: one that ends is not replaced. */
  get count(): number {
    return this.members.filter(({ hasEnded }) => !hasEnded).length
  }

  start(task: ScanTask): RunningTask | null {
    const free = this.members.filter((one) => !one.hasEnded && one.tasks.size < TASKS_MAX)
    if (free.length === 0) return null
    const member = free.reduce((a, b) => (b.tasks.size < a.tasks.size ? b : a))
    const id = this.started++
    const flag = new SharedArrayBuffer(4)
    const result = new Promise<ScanResult | null>((resolve) => member.tasks.set(id, resolve))
    member.thread.post({ id, task, flag })
    return { result, cancel: () => void Atomics.store(new Int32Array(flag), 0, 1) }
  }

  async close(): Promise<void> {
    const { members } = this
    this.members = []
    await Promise.all(members.map(({ thread }) => thread.end()))
  }
}
