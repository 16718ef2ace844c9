// The page of an application as Vite bundles it: the database by its name, and a worker of its own.

import { open } from 'omendb'

/** What the test finds in the global scope. */
export interface Application {
  readonly db: Awaited<ReturnType<typeof open>>
  /** What the engine in a worker of the page's own answered. */
  own(): Promise<unknown>
}

const db = await open('opfs:bundled')

function own(): Promise<unknown> {
  const worker = new Worker(new URL('./engine-worker.ts', import.meta.url), { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }) => resolve(data))
    worker.addEventListener('error', ({ message }) => reject(new Error(message)))
  })
}

Object.assign(globalThis, { application: { db, own } satisfies Application })
