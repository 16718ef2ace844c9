// Entry of a thread of scan-workers/node-threads.ts: reads the segment files of a directory, which others
// write and remove, and aggregates what it is asked to.

import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadSettings } from './scan-workers/node-threads.ts'
import type { TaskMessage } from './scan-workers/pool.ts'
import { serveTasks } from './scan-workers/serve.ts'

const { module, directory, memoryBytes } = workerData as ThreadSettings
const port = parentPort!
const open = new Map<string, number>()

function descriptorOf(file: string): number {
  let descriptor = open.get(file)
  if (descriptor === undefined) {
    descriptor = openSync(join(directory, file), 'r')
    open.set(file, descriptor)
  }
  return descriptor
}

/** A descriptor that is held keeps the space of a file that was removed. */
function closeAll(): void {
  for (const descriptor of open.values()) closeSync(descriptor)
  open.clear()
}

const serve = serveTasks({
  ...{ module, memoryBytes },
  files: {
    read: (file, offset, target) => readSync(descriptorOf(file), target, 0, target.length, offset),
  },
  now: () => process.hrtime.bigint(),
  reply: (message, transfer) => {
    closeAll()
    port.postMessage(message, transfer)
  },
})

port.on('message', (message: TaskMessage) => void serve(message))
