// Drivers: they run an execution to its end, answering its reads from a storage. Errors of the host
// (a failed read, a cancel or a deadline from `check`) are thrown into the generator, so that its
// `finally` blocks give back what it holds.

import type { Cache } from './segment/cache.ts'
import type { Region } from './memory.ts'
import type { Execution, ReadRange } from './step.ts'
import { type ColdFiles, shortFile } from './storage/storage.ts'

/** Reads at once into a view of kernel memory: bytes read, fewer only at the end of the file. */
export interface SyncSource {
  read(file: string, offset: number, target: Uint8Array): number
  /** Those of its files that have to be waited for, which `runSync` cannot. */
  readonly cold?: Pick<ColdFiles, 'has' | 'read' | 'ahead'> | undefined
}

/** The same over an await; `target` is never kernel memory. */
export interface AsyncSource {
  read(file: string, offset: number, target: Uint8Array): Promise<number>
}

export interface DriveHost<Source> {
  /** Where reads land: its budget makes room for them. */
  readonly cache: Cache
  readonly source: Source
  /** Called before each step; throws to cancel (`cancelled`, `limit_exceeded`). */
  readonly check?: () => void
}

/** A host that can let others run: `pause` resolves in a later macrotask, or returns at once. */
export interface PausingHost<Source> extends DriveHost<Source> {
  readonly pause: () => Promise<void> | void
  /** What to do while a cold read is under way; resolves when that has settled, and not before. */
  readonly meanwhile?: ((reading: Promise<unknown>) => Promise<void>) | undefined
}

/** Runs to the end without ever giving way: pauses do nothing. */
export function runSync<T>(execution: Execution<T>, host: DriveHost<SyncSource>): T {
  let step = begin(execution, host)
  while (!step.done) {
    const { value } = step
    step = advance(execution, () => {
      host.check?.()
      if ('wait' in value) throw new Error('a wait in an execution that cannot wait')
      return 'read' in value ? readNow(host, value.read) : NOTHING
    })
  }
  return step.value
}

/** Runs with real pauses, and synchronous reads of all files but cold ones. */
export async function run<T>(execution: Execution<T>, host: PausingHost<SyncSource>): Promise<T> {
  let step = begin(execution, host)
  while (!step.done) {
    const { value } = step
    let came: Uint8Array | null = null
    try {
      if ('pause' in value) await host.pause()
      else if ('wait' in value) await value.wait
      else if ('ahead' in value) host.source.cold?.ahead(value.ahead)
      else if (host.source.cold?.has(value.read.file) === true) {
        host.check?.()
        came = await readCold(host, host.source.cold, value.read)
      }
    } catch (error) {
      step = execution.throw(error)
      continue
    }
    step = advance(execution, () => {
      host.check?.()
      if (!('read' in value)) return NOTHING
      return came === null ? readNow(host, value.read) : place(host, value.read, came)
    })
  }
  return step.value
}

/** Runs over a storage that has to be awaited. */
export async function runAsync<T>(
  execution: Execution<T>,
  host: PausingHost<AsyncSource>,
): Promise<T> {
  let step = begin(execution, host)
  while (!step.done) {
    const { value } = step
    let answer: () => Region
    try {
      if ('pause' in value) await host.pause()
      else if ('wait' in value) await value.wait
      host.check?.()
      const region = 'read' in value ? await readLater(host, value.read) : NOTHING
      answer = () => region
    } catch (error) {
      answer = () => {
        throw error
      }
    }
    step = advance(execution, answer)
  }
  return step.value
}

const NOTHING: Region = { offset: 0, size: 0 }

/** The first step: what it reads may have been taken away since the execution was made. */
function begin<T>(
  execution: Execution<T>,
  { check }: DriveHost<unknown>,
): ReturnType<Execution<T>['next']> {
  check?.()
  return execution.next()
}

/** Gives the execution its answer, or throws into it what making the answer threw. */
function advance<T>(
  execution: Execution<T>,
  answer: () => Region,
): ReturnType<Execution<T>['next']> {
  let region: Region
  try {
    region = answer()
  } catch (error) {
    return execution.throw(error)
  }
  return execution.next(region)
}

function readNow({ cache, source }: DriveHost<SyncSource>, range: ReadRange): Region {
  const region = cache.allocate(range.size)
  try {
    checkLength(range, source.read(range.file, range.offset, cache.memory.bytes(region)))
  } catch (error) {
    cache.memory.release(region)
    throw error
  }
  return region
}

async function readLater(
  { cache, source }: DriveHost<AsyncSource>,
  range: ReadRange,
): Promise<Region> {
  const bytes = new Uint8Array(range.size)
  const count = await source.read(range.file, range.offset, bytes)
  return place({ cache }, range, bytes.subarray(0, count))
}

async function readCold(
  { meanwhile }: PausingHost<unknown>,
  cold: Pick<ColdFiles, 'read'>,
  { file, offset, size, along }: ReadRange,
): Promise<Uint8Array> {
  const reading = cold.read(file, offset, size, along)
  await meanwhile?.(reading)
  return reading
}

/** Copies bytes that came over an await to where the execution finds them. */
function place(
  { cache }: Pick<DriveHost<unknown>, 'cache'>,
  range: ReadRange,
  bytes: Uint8Array,
): Region {
  checkLength(range, bytes.length)
  const region = cache.allocate(range.size)
  cache.memory.u8.set(bytes, region.offset)
  return region
}

function checkLength({ file, offset, size }: ReadRange, count: number): void {
  if (count !== size) throw shortFile(file, offset, count, size)
}
