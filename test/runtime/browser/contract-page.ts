// The page that starts the worker with the storage contracts, and has what they came to.

import type { Outcome } from './contract-vitest.ts'

const worker = new Worker(new URL('./contract-worker.ts', import.meta.url), { type: 'module' })
const outcomes = new Promise<Outcome[]>((resolve, reject) => {
  worker.addEventListener('message', ({ data }) => resolve(data as Outcome[]))
  worker.addEventListener('error', ({ message }) => reject(new Error(message)))
})
Object.assign(globalThis, { outcomes })
