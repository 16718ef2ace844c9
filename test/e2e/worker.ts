// The deployed Worker in real workerd, for tests that talk HTTP to it and stop and kill it: the bundle that
// `wrangler deploy` would upload, with the bindings of its wrangler.jsonc, its objects' storage in a
// directory.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Miniflare, type MiniflareOptions } from 'miniflare'
import { unstable_getMiniflareWorkerOptions as workerOptions } from 'wrangler'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const CONFIG = join(ROOT, 'deploy/cloudflare/wrangler.jsonc')

/** What of wrangler's reading of the configuration a run needs. */
interface Bindings {
  readonly bindings?: Record<string, unknown>
  readonly durableObjects?: object
  readonly r2Buckets?: object
  readonly compatibilityDate?: string
}

export interface WorkerProcess {
  readonly url: string
  /** Ends workerd, as a machine that is switched off if `signal` is SIGKILL, and starts it on the same storage. */
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  stop(): Promise<void>
}

/** What would be uploaded, into `directory`, with esbuild's list of it: what wrangler says of it. */
export async function bundleWorker(directory: string, config = CONFIG): Promise<string> {
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
  const args = [wrangler, 'deploy', '--dry-run', '--outdir', directory, '--metafile', '-c', config]
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env })
  return stdout
}

/** Runs the bundle in `directory` on a free port; its objects keep what they have in `storage`. */
export async function startWorker(
  directory: string,
  storage: string,
  variables: Record<string, string> = {},
  config = CONFIG,
): Promise<WorkerProcess> {
  const options = (port: number): MiniflareOptions => {
    const { workerOptions: given } = workerOptions(config)
    const { bindings, durableObjects, r2Buckets, compatibilityDate } = given as Bindings
    return {
      ...{ durableObjects, r2Buckets, compatibilityDate },
      bindings: { ...bindings, ...variables },
      modules: modulesOf(directory),
      modulesRoot: directory,
      defaultPersistRoot: storage,
      ...{ host: '127.0.0.1', port, cf: false },
    } as MiniflareOptions
  }
  let running = new Miniflare(options(0))
  const url = (await running.ready).origin
  return {
    url,
    async restart(signal) {
      if (signal === 'SIGKILL') for (const pid of ownWorkerds()) process.kill(pid, signal)
      await running.dispose().catch(() => {})
      running = new Miniflare(options(Number(new URL(url).port)))
      await running.ready
    },
    stop: () => running.dispose(),
  }
}

function modulesOf(directory: string) {
  const types: Record<string, 'ESModule' | 'CompiledWasm'> = {
    js: 'ESModule',
    wasm: 'CompiledWasm',
  }
  return readdirSync(directory)
    .filter((name) => types[name.split('.').at(-1)!] !== undefined)
    .sort((a, b) => Number(b.endsWith('.js')) - Number(a.endsWith('.js')))
    .map((name) => {
      const path = join(directory, name)
      return { type: types[name.split('.').at(-1)!]!, path, contents: readFileSync(path) }
    })
}

/** The workerd processes that this process has started. */
function ownWorkerds(): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [, name, , parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat) ?? []
      return name === 'workerd' && Number(parent) === process.pid
    } catch {
      return false // it has ended
    }
  })
}
