// Scan workers as threads of Node. Their entry is scan-worker.js beside the bundle of engine/node.ts.

import { Worker } from 'node:worker_threads'
import { type ResultMessage, WorkerPool, type WorkerThread } from './pool.ts'
import type { ScanWorkers } from './task.ts'

/** What the entry of a thread gets as its workerData. */
export interface ThreadSettings {
  readonly module: WebAssembly.Module
  readonly directory: string
  readonly memoryBytes: number
}

export interface ThreadOptions {
  /** What a thread runs: engine/scan-worker.ts, built. */
  readonly entry: URL
  /** As WorkerPool has it, unless given. */
  readonly valuesMin?: number
}

/** Starts `count` threads that read the files of a directory. They do not keep the process alive. */
export function startThreads(
  { entry, valuesMin }: ThreadOptions,
  count: number,
  settings: ThreadSettings,
): ScanWorkers {
  const threads = Array.from({ length: count }, () => threadOf(entry, settings))
  return new WorkerPool(threads, valuesMin)
}

function threadOf(entry: URL, settings: ThreadSettings): WorkerThread {
  const worker = new Worker(entry, { workerData: settings, name: 'omendb-scan' })
  worker.unref()
  return {
    post: (message) => worker.postMessage(message, []),
    listen: (onResult, onEnd) => {
      worker.on('message', (message: ResultMessage) => onResult(message))
      // An error ends it, too.
      worker.on('error', () => {})
      worker.on('exit', onEnd)
    },
    end: async () => void (await worker.terminate()),
  }
}
