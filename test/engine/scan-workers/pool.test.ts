// Which worker gets a task, and what becomes of it when the worker fails, ends, or nobody wants it.

import { expect, test } from 'vitest'
import { openDatabase } from '../../../engine/database.ts'
import {
  type ResultMessage,
  type TaskMessage,
  WorkerPool,
  type WorkerThread,
} from '../../../engine/scan-workers/pool.ts'
import { serveTasks } from '../../../engine/scan-workers/serve.ts'
import type { ScanResult, ScanTask } from '../../../engine/scan-workers/task.ts'
import { openMemoryStorage } from '../../../engine/storage/memory.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'

const TASK = {} as ScanTask

interface FakeThread extends WorkerThread {
  readonly posted: TaskMessage[]
  answer(message: ResultMessage): void
  stop(): void
}

function fakeThread(): FakeThread {
  const posted: TaskMessage[] = []
  let onResult: (message: ResultMessage) => void
  let onEnd: () => void
  return {
    posted,
    post: (message) => void posted.push(message),
    listen: (result, end) => {
      onResult = result
      onEnd = end
    },
    end: async () => onEnd(),
    answer: (message) => onResult(message),
    stop: () => onEnd(),
  }
}

const wanted = ({ flag }: TaskMessage): boolean => new Int32Array(flag)[0] === 0

test('tasks go to whoever has the least to do, two each at most', () => {
  const threads = [fakeThread(), fakeThread()]
  const pool = new WorkerPool(threads)
  const started = Array.from({ length: 5 }, () => pool.start(TASK))
  expect(threads.map(({ posted }) => posted.length)).toEqual([2, 2])
  expect(started[4]).toBeNull()
  threads[1]!.answer({ id: threads[1]!.posted[0]!.id, result: null })
  expect(pool.start(TASK)).not.toBeNull()
  expect(threads.map(({ posted }) => posted.length)).toEqual([2, 3])
})

test('results find their task in any order, and a worker that ends fails its own alone', async () => {
  const threads = [fakeThread(), fakeThread()]
  const pool = new WorkerPool(threads)
  const [a, b, c] = Array.from({ length: 3 }, () => pool.start(TASK)!)
  const found = { points: 7 } as ScanResult
  threads[0]!.answer({ id: threads[0]!.posted[1]!.id, result: found })
  expect(await c!.result).toBe(found)
  threads[0]!.stop()
  expect(await a!.result).toBeNull()
  expect(pool.count).toBe(1)
  threads[1]!.answer({ id: threads[1]!.posted[0]!.id, result: found })
  expect(await b!.result).toBe(found)
})

test('a task that nobody wants is not done', async () => {
  const messages: ResultMessage[] = []
  let reads = 0
  const host = await simulatedHost(openMemoryStorage())
  const serve = serveTasks({
    ...{ module: host.module, memoryBytes: 16 << 20, now: () => 0n },
    files: { read: () => reads++ },
    reply: (message) => void messages.push(message),
  })
  const thread = fakeThread()
  const pool = new WorkerPool([thread])
  const task = pool.start({ ...TASK, plan: { query: { limits: { timeoutMs: 1 } } } } as ScanTask)!
  task.cancel()
  expect(wanted(thread.posted[0]!)).toBe(false)
  await serve(thread.posted[0]!)
  expect([messages, reads]).toEqual([[{ id: 0, result: null }], 0])
})

test('a query that is given up lets go of its tasks, and of what it holds', async () => {
  const thread = fakeThread()
  const host = await simulatedHost(openMemoryStorage())
  const db = await openDatabase(
    { ...host, scanWorkers: new WorkerPool([thread], 0) },
    SMALL_OPTIONS,
  )
  const lines = ['a', 'b', 'c', 'd'].map((h) => `t,h=${h} v=1 1\nt,h=${h} v=2 2`)
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
  await batch.commit()
  await db.flush()
  const controller = new AbortController()
  const answer = db.query({ table: 't', select: ['sum(v)'] }, { signal: controller.signal })
  while (thread.posted.length === 0) await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  thread.answer({ id: thread.posted[0]!.id, result: null })
  await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
  expect(thread.posted.length).toBeGreaterThan(1)
  expect(thread.posted.slice(1).some(wanted)).toBe(false)
  await db.close()
})
