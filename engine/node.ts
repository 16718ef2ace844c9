// Entry for Node: opens a database in a directory or in memory, with the kernel that lies beside
// this file. Everything that differs between runs (clock, randomness, timers) enters here.

import { getRandomValues } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setImmediate as nextMacrotask } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Repair, type RepairOptions, repairDirectory } from './backup/repair.ts'
import { type VerifyOptions, describeVerification, verifyDirectory } from './backup/verify.ts'
import { type Database, type OpenOptions, openDatabase } from './database.ts'
import { OmenError } from './error.ts'
import type { Host } from './host.ts'
import { MEMORY_BYTES, shareWithWorkers } from './memory-share.ts'
import { type ThreadOptions, startThreads } from './scan-workers/node-threads.ts'
import type { ScanWorkers } from './scan-workers/task.ts'
import { openMemoryStorage } from './storage/memory.ts'
import { openNodeStorage } from './storage/node.ts'
import type { ShardStorage } from './storage/storage.ts'

export * from './public.ts'

let compiled: Promise<WebAssembly.Module> | null = null

/**
 * Opens `memory:`, a directory (`./data`) or a `file:` URL or path (`file:./data`). The directory is
 * made if it is missing and held until `close`: a second opener gets `locked`. Throws `corrupt`
 * naming file and offset if the data fails its checks.
 */
export async function open(location: string, options: NodeOptions = {}): Promise<Database> {
  return openWith(location, options, { entry: new URL('./scan-worker.js', import.meta.url) })
}

/** `open` with another entry of the scan workers' threads, where none is built yet, or another threshold. */
export async function openWith(
  location: string,
  { scanWorkers = 0, memoryBytes = MEMORY_BYTES, ...options }: NodeOptions,
  threads: ThreadOptions,
): Promise<Database> {
  const module = await compileKernel()
  const storage = await openStorage(location)
  try {
    const host = nodeHost(module, storage)
    const directory = directoryOf(location)
    if (scanWorkers === 0 || directory === null) {
      return await openDatabase(host, { ...options, memoryBytes })
    }
    const memory = shareWithWorkers(memoryBytes, scanWorkers)
    const settings = { module, directory, memoryBytes: memory.worker }
    const workers = startThreads(threads, scanWorkers, settings)
    closeWith(storage, workers)
    const own = { ...options, memoryBytes: memory.own }
    return await openDatabase({ ...host, scanWorkers: workers }, own)
  } catch (error) {
    await storage.close()
    throw error
  }
}

export interface NodeOptions extends OpenOptions {
  /**
   * Threads that aggregate large ranges beside the one that asks, 0 unless given. Each takes an eighth
   * of memoryBytes. In `memory:` there are none.
   */
  readonly scanWorkers?: number
}

export interface VerifyResult {
  /** A line for each damage, unknown file and note. */
  readonly lines: readonly string[]
  readonly damages: number
  readonly files: number
  readonly bytes: number
}

/** Checks a data directory that nobody has open, to the last byte. Changes nothing. */
export function verify(location: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  return offline(location, async (host) => {
    const found = await verifyDirectory(host, options)
    const { checkedFiles: files, checkedBytes: bytes, damages } = found
    return { lines: describeVerification(found), damages: damages.length, files, bytes }
  })
}

/** Repairs a data directory that nobody has open, or with `isDryRun` says how it would. */
export function repair(location: string, options: RepairOptions = {}): Promise<Repair> {
  return offline(location, (host) => repairDirectory(host, options))
}

async function offline<T>(location: string, use: (host: Host) => Promise<T>): Promise<T> {
  const module = await compileKernel()
  const storage = await openStorage(location)
  try {
    return await use(nodeHost(module, storage))
  } finally {
    await storage.close()
  }
}

function openStorage(location: string): Promise<ShardStorage> | ShardStorage {
  const directory = directoryOf(location)
  return directory === null ? openMemoryStorage() : openNodeStorage(directory)
}

/** Null: in memory. Throws `unsupported` for a scheme of others; one letter is a drive of Windows. */
function directoryOf(location: string): string | null {
  if (location === 'memory:') return null
  const scheme = /^[a-z][a-z0-9+.-]+:/i.exec(location)?.[0]
  if (scheme !== undefined && scheme !== 'file:') {
    const offered = `here are 'memory:', a directory and 'file:' with one (or './' before it)`
    throw new OmenError('unsupported', `location '${location}': ${offered}`)
  }
  if (location.startsWith('file://')) return fileURLToPath(location)
  return location.startsWith('file:') ? location.slice(5) : location
}

/** Ends the workers before the storage that they read. */
function closeWith(storage: ShardStorage, workers: ScanWorkers): void {
  const close = storage.close.bind(storage)
  storage.close = async () => {
    await workers.close()
    await close()
  }
}

/** Compiles the kernel once a process. */
function compileKernel(): Promise<WebAssembly.Module> {
  compiled ??= readFile(new URL('./omendb.wasm', import.meta.url)).then((bytes) =>
    WebAssembly.compile(bytes),
  )
  return compiled
}

function nodeHost(module: WebAssembly.Module, storage: ShardStorage): Host {
  return {
    module,
    storage,
    now: wallClock(),
    random: (target) => void getRandomValues(target),
    timer: {
      set: (delayMs, run) => setTimeout(run, delayMs).unref(),
      clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
    },
    pause: () => nextMacrotask(),
  }
}

/**
 * Wall clock with the steps of the monotonic clock between its milliseconds, so that points which
 * arrive in one millisecond keep apart. Follows the wall clock when that is set.
 */
function wallClock(): () => bigint {
  const tolerance = 5_000_000n
  let wall = BigInt(Date.now()) * 1_000_000n
  let monotonic = process.hrtime.bigint()
  return () => {
    const steps = process.hrtime.bigint()
    const now = wall + (steps - monotonic)
    const coarse = BigInt(Date.now()) * 1_000_000n
    if (now - coarse < tolerance && coarse - now < tolerance) return now
    wall = coarse
    monotonic = steps
    return wall
  }
}
