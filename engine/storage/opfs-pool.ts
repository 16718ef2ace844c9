// Files that are open before anybody asks for one: opening takes an await, and the engine creates files
// in the middle of a turn. The pool is made ahead of need; a file that is asked for while it is empty
// begins in memory and moves as soon as there is one. After the pool of SQLite's OPFS VFS
// (sqlite3-vfs-opfs-sahpool.js).

import { assert } from '../error.ts'
import { type OpfsDirectory, type SyncHandle, exceptionName } from './opfs-handle.ts'

/** One file of the pool, named by its number, with the handle that is held as long as it is open. */
export interface PoolFile {
  readonly number: number
  readonly handle: SyncHandle
}

/** Spare files below which more are made. A flush of the engine creates five before it removes any. */
const SPARES_MIN = 8
/** Files that are made at once. */
const GROWTH = 8
/** Spare files beyond which they are removed. */
const SPARES_MAX = 64
/** Handles that are opened side by side. */
const OPENINGS = 64
/** A worker that was killed lets go of its handles a little later than of its lock: 2.4 s in all. */
const ATTEMPTS = 30
const ATTEMPT_MS_MAX = 100

/** Opens handles of files of these names, which it makes if they are missing: all or none. */
export type OpenHandles = (names: readonly string[]) => Promise<SyncHandle[]>

/** Opens handles in a directory, waiting for a holder that is on its way out. */
export function handleOpener(
  directory: OpfsDirectory,
  host: { sleep(delayMs: number): Promise<void> },
): OpenHandles {
  const open = async (name: string): Promise<SyncHandle> => {
    const file = await directory.getFileHandle(name, { create: true })
    for (let attempt = 1; ; attempt++) {
      try {
        return await file.createSyncAccessHandle()
      } catch (error) {
        const isHeld = exceptionName(error) === 'NoModificationAllowedError'
        if (!isHeld || attempt === ATTEMPTS) throw error
        await host.sleep(Math.min(2 ** attempt, ATTEMPT_MS_MAX))
      }
    }
  }
  return async (names) => {
    const handles: SyncHandle[] = []
    for (let from = 0; from < names.length; from += OPENINGS) {
      const opened = await Promise.allSettled(names.slice(from, from + OPENINGS).map(open))
      for (const one of opened) if (one.status === 'fulfilled') handles.push(one.value)
      const failed = opened.find((one) => one.status === 'rejected')
      if (failed === undefined) continue
      for (const handle of handles) handle.close()
      throw failed.reason
    }
    return handles
  }
}

export class OpfsPool {
  private readonly directory: OpfsDirectory
  private readonly openHandles: OpenHandles
  /** All that are open, whoever has them. */
  private readonly handles = new Set<SyncHandle>()
  private readonly spares: PoolFile[] = []
  private nextNumber = 0
  private growing: Promise<void> | null = null
  private readonly running = new Set<Promise<unknown>>()
  private isClosed = false

  constructor(directory: OpfsDirectory, openHandles: OpenHandles) {
    this.directory = directory
    this.openHandles = openHandles
  }

  /** Opens all files that there are. Those in `used` are the caller's; the others become spares. */
  async open(used: ReadonlySet<number>): Promise<Map<number, PoolFile>> {
    const numbers: number[] = []
    for await (const name of this.directory.keys()) {
      if (/^(0|[1-9]\d{0,8})$/.test(name)) numbers.push(Number(name))
    }
    numbers.sort((a, b) => a - b)
    this.nextNumber = (numbers.at(-1) ?? -1) + 1
    const files = await this.openAll(numbers)
    for (const file of files) if (!used.has(file.number)) this.recycle(file)
    // Without room for more, what is there can be read all the same.
    if (this.spares.length < SPARES_MIN) await this.grow().catch(() => {})
    const given = files.filter(({ number }) => used.has(number))
    return new Map(given.map((file) => [file.number, file]))
  }

  /** A file without bytes, or null if there is none at the moment; more are made behind it. */
  take(): PoolFile | null {
    const file = this.spares.shift() ?? null
    if (this.spares.length < SPARES_MIN) this.follow(this.grow())
    return file
  }

  /** Makes spares; one growth at a time, which all wait for that ask meanwhile. */
  grow(): Promise<void> {
    this.growing ??= this.make().finally(() => (this.growing = null))
    return this.growing
  }

  /**
   * Empties a file that no durable name leads to and keeps it. What a crash leaves of one that could not
   * be emptied is emptied by the next start.
   */
  recycle(file: PoolFile): void {
    if (this.spares.length >= SPARES_MAX) return this.drop(file)
    try {
      if (file.handle.getSize() > 0) file.handle.truncate(0)
      // Whoever has it next must not find old bytes behind a crash, nor no file at all.
      file.handle.flush()
      this.spares.push(file)
    } catch {
      this.release(file)
    }
  }

  /** Waits for what runs and closes all files; later calls make nothing. */
  async close(): Promise<void> {
    this.isClosed = true
    await Promise.allSettled([this.growing, ...this.running])
    for (const handle of this.handles) handle.close()
  }

  private async make(): Promise<void> {
    assert(!this.isClosed, 'a closed pool makes no files')
    const numbers = Array.from({ length: GROWTH }, (_, i) => this.nextNumber + i)
    const files = await this.openAll(numbers)
    this.nextNumber += GROWTH
    for (const file of files) this.recycle(file)
  }

  private async openAll(numbers: readonly number[]): Promise<PoolFile[]> {
    const handles = await this.openHandles(numbers.map(String))
    for (const handle of handles) this.handles.add(handle)
    return numbers.map((number, i) => ({ number, handle: handles[i]! }))
  }

  private drop(file: PoolFile): void {
    this.release(file)
    this.follow(this.directory.removeEntry(String(file.number)))
  }

  private release({ handle }: PoolFile): void {
    handle.close()
    this.handles.delete(handle)
  }

  /** Goes on by itself; what fails is tried again when there is need. */
  private follow(promise: Promise<unknown>): void {
    const settled = promise.catch(() => {}).finally(() => this.running.delete(settled))
    this.running.add(settled)
  }
}
