// The origin private file system of a browser that misbehaves as one may, all from one seed: it is
// killed, or the power is cut, in any call; calls fail; room runs out. What a power cut leaves of a
// file is what was flushed, and of what was not each sector old, new, zero or garbage; a file that was
// never flushed may be gone. In the manner of simulated-storage.ts, one level below it.

import type { OpfsDirectory, OpfsFile, SyncHandle } from '../engine/storage/opfs-handle.ts'
import { type OpfsHost, openOpfsStorage } from '../engine/storage/opfs.ts'
import type { ShardStorage } from '../engine/storage/storage.ts'
import { type Random, randomOf } from './random.ts'
import { SECTOR_SIZE, SimulatedCrash } from './simulated-storage.ts'

const NAME = 'test'

/** What is thrown for the error codes that a test orders. */
const EXCEPTIONS = new Map([
  ['ENOSPC', 'QuotaExceededError'],
  ['EIO', 'InvalidStateError'],
])

interface Inode {
  bytes: Uint8Array
  size: number
  durable: Uint8Array
  /** Bytes that may differ from `durable`: from, to. */
  dirty: [number, number]
  wasFlushed: boolean
  holder: Worker | null
}

/** Who has handles and locks; they go with it. */
interface Worker {
  isStopped: boolean
}

interface Fault {
  readonly pattern: RegExp
  skip: number
  times: number
  readonly exception: string
}

export class SimulatedOrigin {
  readonly seed: number
  calls = 0
  /** Bytes that all files may have together. */
  capacity = Infinity
  /** Whether the failure or crash that was ordered has happened. */
  hasFired = false
  readonly random: Random
  files = new Map<string, Inode>()
  /** Calls that are worth failing. */
  readonly patterns = [/^flush/, /^write/, /^(flush|write) map/, /^(make|open)/, /^truncate/, /./]
  private readonly locks = new Map<string, Worker>()
  private worker: Worker = { isStopped: false }
  private failure: Fault | null = null
  private crashFault: Fault | null = null
  private readonly trace: string[] = []

  constructor(seed: number) {
    this.seed = seed
    this.random = randomOf(seed)
  }

  /** Opens the one database of this origin, in the worker that lives. */
  open(): Promise<ShardStorage> {
    return openOpfsStorage(NAME, this.host())
  }

  host(): OpfsHost {
    const worker = this.worker
    return {
      root: new SimulatedDirectory(this, worker, ''),
      pause: () => this.turns(worker),
      sleep: () => this.turns(worker),
      locks: {
        request: async (name, _options, hold) => {
          await this.turns(worker)
          if (this.locks.has(name)) return hold(null)
          this.locks.set(name, worker)
          try {
            return await hold({ name })
          } finally {
            if (this.locks.get(name) === worker) this.locks.delete(name)
          }
        },
      },
    }
  }

  failAt(call: number, errno: string): void {
    this.failMatching(/./, errno, call - this.calls - 1)
  }

  /** Lets `times` calls fail whose trace matches, after `skip` that do not. */
  failMatching(pattern: RegExp, errno: string, skip = 0, times = 1): void {
    this.failure = { pattern, skip, times, exception: EXCEPTIONS.get(errno) ?? errno }
    this.hasFired = false
  }

  crashAt(call: number): void {
    this.crashMatching(/./, call - this.calls - 1)
  }

  /** Stops the worker in a call that matches. */
  crashMatching(pattern: RegExp, skip = 0): void {
    this.crashFault = { pattern, skip, times: 1, exception: 'crash' }
    this.hasFired = false
  }

  /** A power cut, now or at the ordered call. */
  crash(): void {
    this.kill()
    for (const [path, inode] of this.files) {
      if (!inode.wasFlushed && this.random.chance(0.5)) this.files.delete(path)
      else this.cutPower(inode)
    }
  }

  /** The worker is killed: what it wrote is there, and its locks and handles are free. */
  kill(): void {
    this.worker.isStopped = true
    this.worker = { isStopped: false }
    this.locks.clear()
    for (const inode of this.files.values()) inode.holder = null
    this.failure = null
    this.crashFault = null
  }

  get hasStopped(): boolean {
    return this.worker.isStopped
  }

  describe(): string {
    return `seed ${this.seed}, call ${this.calls}: ${this.trace.slice(-6).join(', ')}`
  }

  /** Whether the ordered failure or crash, if there was one, lies behind. */
  get isQuiet(): boolean {
    return (this.failure?.times ?? 0) <= 0 && (this.crashFault?.times ?? 0) <= 0
  }

  get usedBytes(): number {
    let used = 0
    for (const { size } of this.files.values()) used += size
    return used
  }

  /** @internal A call of a worker: counted; it may fail, or be the last one. */
  enter(worker: Worker, call: string, partly?: () => void): void {
    if (worker.isStopped) throw new SimulatedCrash(this.describe())
    this.calls++
    this.trace.push(call)
    if (this.trace.length > 64) this.trace.shift()
    const exception = this.suffer(this.crashFault, call) ?? this.suffer(this.failure, call)
    if (exception === null) return
    partly?.()
    if (exception !== 'crash') throw new DOMException(call, exception)
    worker.isStopped = true
    throw new SimulatedCrash(this.describe())
  }

  /** @internal A few turns, in which others run and the worker may be killed. */
  async turns(worker: Worker): Promise<void> {
    for (let turns = 1 + this.random.int(3); turns > 0; turns--) await Promise.resolve()
    if (worker.isStopped) throw new SimulatedCrash(this.describe())
  }

  private suffer(fault: Fault | null, call: string): string | null {
    if (fault === null || fault.times <= 0 || !fault.pattern.test(call)) return null
    if (fault.skip-- > 0) return null
    fault.times--
    this.hasFired = true
    return fault.exception
  }

  private cutPower(inode: Inode): void {
    const written = inode.bytes.slice(0, inode.size)
    const mode = this.random.int(4)
    let bytes = inode.durable
    if (mode === 1) bytes = written
    if (mode >= 2) bytes = this.tear(inode.durable, written, inode.dirty, mode === 3)
    Object.assign(inode, { bytes, size: bytes.length, durable: bytes.slice(), dirty: [0, 0] })
    inode.wasFlushed = true
  }

  private tear(
    durable: Uint8Array,
    written: Uint8Array,
    [from, to]: [number, number],
    hasGarbage: boolean,
  ): Uint8Array {
    const { random } = this
    const size = random.pick([durable.length, written.length])
    const bytes = new Uint8Array(size)
    bytes.set(durable.subarray(0, size))
    for (let at = from - (from % SECTOR_SIZE); at < Math.min(to, size); at += SECTOR_SIZE) {
      const end = Math.min(at + SECTOR_SIZE, to, size)
      const start = Math.max(at, from)
      const fate = random.int(hasGarbage ? 4 : 3)
      if (fate === 1) bytes.set(written.subarray(start, end), start)
      if (fate === 2) bytes.fill(0, start, end)
      if (fate === 3) for (let i = start; i < end; i++) bytes[i] = random.int(256)
    }
    return bytes
  }
}

class SimulatedDirectory implements OpfsDirectory {
  private readonly origin: SimulatedOrigin
  private readonly worker: Worker
  private readonly path: string

  constructor(origin: SimulatedOrigin, worker: Worker, path: string) {
    this.origin = origin
    this.worker = worker
    this.path = path
  }

  async *keys(): AsyncGenerator<string> {
    await this.origin.turns(this.worker)
    for (const path of this.origin.files.keys()) {
      if (path.startsWith(this.path)) yield path.slice(this.path.length)
    }
  }

  async getDirectoryHandle(name: string): Promise<OpfsDirectory> {
    await this.origin.turns(this.worker)
    return new SimulatedDirectory(this.origin, this.worker, `${this.path}${name}/`)
  }

  async getFileHandle(name: string, options?: { create?: boolean }): Promise<OpfsFile> {
    const { origin, worker } = this
    await origin.turns(worker)
    const path = this.path + name
    if (options?.create !== true && !origin.files.has(path)) {
      throw new DOMException(`no ${path}`, 'NotFoundError')
    }
    origin.enter(worker, `make ${name}`)
    const inode = origin.files.get(path) ?? emptyInode()
    origin.files.set(path, inode)
    return {
      async createSyncAccessHandle() {
        await origin.turns(worker)
        origin.enter(worker, `open ${name}`)
        if (inode.holder !== null) {
          throw new DOMException('an access handle is open', 'NoModificationAllowedError')
        }
        inode.holder = worker
        return new SimulatedHandle({ origin, worker, inode, name })
      },
    }
  }

  async removeEntry(name: string): Promise<void> {
    await this.origin.turns(this.worker)
    this.origin.enter(this.worker, `unlink ${name}`)
    this.origin.files.delete(this.path + name)
  }
}

interface Held {
  origin: SimulatedOrigin
  worker: Worker
  inode: Inode
  name: string
}

class SimulatedHandle implements SyncHandle {
  private readonly held: Held
  private isClosed = false

  constructor(held: Held) {
    this.held = held
  }

  read(target: Uint8Array, { at }: { at: number }): number {
    const { inode, name } = this.held
    this.enter(`read ${name}`)
    const source = inode.bytes.subarray(at, Math.min(inode.size, at + target.length))
    target.set(source)
    return source.length
  }

  write(source: Uint8Array, { at }: { at: number }): number {
    const { origin, inode, name } = this.held
    const put = (length: number): void => writeTo(inode, source.subarray(0, length), at)
    this.enter(`write ${name}`, () => put(origin.random.int(source.length + 1)))
    // A handle may take less than it is given.
    const count =
      source.length > 1 && origin.random.chance(0.1) ? source.length >> 1 : source.length
    const grown = at + count - inode.size
    if (grown > 0 && origin.usedBytes + grown > origin.capacity) {
      throw new DOMException('no capacity', 'QuotaExceededError')
    }
    put(count)
    return count
  }

  truncate(size: number): void {
    const { inode, name } = this.held
    this.enter(`truncate ${name}`)
    if (size > inode.size) throw new Error(`${name}: truncate beyond its end`)
    inode.size = size
    inode.bytes = inode.bytes.slice(0, size)
    touch(inode, size, Math.max(size, inode.durable.length))
  }

  getSize(): number {
    this.enter(`getSize ${this.held.name}`)
    return this.held.inode.size
  }

  flush(): void {
    const { inode, name } = this.held
    this.enter(`flush ${name}`)
    const { bytes, size, dirty } = inode
    const [from, to] = dirty
    const durable = new Uint8Array(size)
    durable.set(inode.durable.subarray(0, size))
    durable.set(bytes.subarray(from, Math.min(to, size)), Math.min(from, size))
    Object.assign(inode, { durable, dirty: [0, 0], wasFlushed: true })
  }

  close(): void {
    const { inode, worker } = this.held
    this.isClosed = true
    if (inode.holder === worker) inode.holder = null
  }

  private enter(call: string, partly?: () => void): void {
    if (this.isClosed) throw new DOMException('the handle is closed', 'InvalidStateError')
    this.held.origin.enter(this.held.worker, call, partly)
  }
}

function emptyInode(): Inode {
  const bytes = new Uint8Array(0)
  return { bytes, size: 0, durable: bytes, dirty: [0, 0], wasFlushed: false, holder: null }
}

function writeTo(inode: Inode, source: Uint8Array, at: number): void {
  if (source.length === 0) return
  const size = Math.max(inode.size, at + source.length)
  if (size > inode.bytes.length) {
    const grown = new Uint8Array(Math.max(size, 2 * inode.bytes.length))
    grown.set(inode.bytes.subarray(0, inode.size))
    inode.bytes = grown
  }
  // What is beyond the end is unknown; a gap reads as zeros.
  if (at > inode.size) inode.bytes.fill(0, inode.size, at)
  touch(inode, Math.min(at, inode.size), at + source.length)
  inode.bytes.set(source, at)
  inode.size = size
}

function touch(inode: Inode, from: number, to: number): void {
  const [a, b] = inode.dirty
  inode.dirty = a === b ? [from, to] : [Math.min(a, from), Math.max(b, to)]
}
