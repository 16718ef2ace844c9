// Entry `omendb` for browsers: as on Node, with `opfs:name`, `memory:` or a server. The database is in a
// worker that `open` starts, off the page's thread and where the browser allows durable files; the page
// has the client, whose calls go there.

import { createClient, OmenDBError } from '../../client/index.ts'
import { compileKernel } from '../../engine/browser-kernel.ts'
import type { OpenOptions as EngineOptions } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import {
  type LocalClient,
  type LocalOptions,
  HERE,
  NO_TIMEOUT,
  holding,
  isRemote,
  remoteClient,
} from './local-client.ts'
import { type FromWorker, type ToWorker, WorkerCalls } from './worker-call.ts'

export { OmenDBError } from '../../client/index.ts'
export type * from '../../client/index.ts'
export { OmenError } from '../../engine/error.ts'
export type { Database } from '../../engine/database.ts'
export type { LocalClient, LocalOptions } from './local-client.ts'

/** `engine`: how a database of this origin is opened. */
export interface OpenOptions extends LocalOptions {
  readonly engine?: EngineOptions
}

/**
 * Opens `opfs:name`, a database of this origin that is on disk, which it makes if it is missing and
 * holds until `close` or the end of the page; `memory:`, which ends with the page; or the server at a
 * URL. Throws OmenDBError: `locked` if another tab has it, `unsupported` where there is no such
 * storage, `corrupt` naming file and offset if the data fails its checks.
 */
export async function open(
  location: string,
  { engine = {}, ...options }: OpenOptions = {},
): Promise<LocalClient> {
  if (isRemote(location)) return remoteClient(location, options)
  if (typeof Worker === 'undefined') {
    throw refusal('unsupported', `${location}: workers cannot be started here; a page can`)
  }
  const worker = new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module' })
  try {
    const module = await compileKernel()
    const calls = await start(worker, { kind: 'open', location, options: engine, module })
    const own = { retry: false, timeoutMs: NO_TIMEOUT } as const
    const client = createClient({ ...own, ...options, url: HERE, fetch: calls.fetch })
    const absent = (): never => {
      const advice = `in a worker of your own, 'omendb/engine' opens it there`
      throw new OmenError('unsupported', `engine: ${location} is in another thread; ${advice}`)
    }
    let closing: Promise<void> | null = null
    return holding(client, absent, () => (closing ??= stop(worker, calls, location)))
  } catch (error) {
    worker.terminate()
    throw error
  }
}

/**
 * Asks the browser to keep the data of this origin even when it runs short of room; resolves to whether
 * it will. Some browsers ask the user, so a page calls it when that makes sense to one.
 */
export async function persist(): Promise<boolean> {
  return (await navigator.storage?.persist?.()) ?? false
}

function refusal(code: string, detail: string, cause?: unknown): OmenDBError {
  return new OmenDBError(0, { code, detail }, { cause })
}

/** Resolves when the worker has opened the database. */
function start(worker: Worker, message: ToWorker & { kind: 'open' }): Promise<WorkerCalls> {
  const calls = new WorkerCalls(worker)
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    if ('id' in data) calls.receive(data)
  })
  return ask(worker, message, 'opened').then(() => calls)
}

/** Closes the database in the worker, then ends that. */
async function stop(worker: Worker, calls: WorkerCalls, location: string): Promise<void> {
  try {
    await ask(worker, { kind: 'close' }, 'closed')
  } finally {
    calls.fail(new Error(`${location} is closed`))
    worker.terminate()
  }
}

/** Resolves with the worker's answer to a message that is about no call. */
function ask(worker: Worker, message: ToWorker, answer: 'opened' | 'closed'): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === answer) resolve()
      else if (data.kind === 'refused') reject(refusal(data.code, data.message))
    })
    worker.addEventListener('error', (event) => {
      const reason = event.message || 'its script does not load'
      reject(refusal('unavailable', `the worker of the database fails: ${reason}`))
    })
    worker.postMessage(message, [])
  })
}
