// The storage port on a disk that misbehaves as disks may, all from one seed. Every file has a
// volatile and a durable image; a power cut keeps what was synced and lets chance decide over the
// rest: lost, kept, cut short, or sector by sector old, new, zero or garbage; unsynced creates,
// renames and removes are lost one by one. Any call can be made to fail or to be the last one.
// After SQLite's and TigerBeetle's test harnesses; docs/durability.md, "How it is tested".

import { type StorageAction, storageFailure } from '../engine/storage/failure.ts'
import {
  type ShardStorage,
  checkName,
  closedStorage,
  existingFile,
  failedFile,
  lockedStorage,
  missingFile,
} from '../engine/storage/storage.ts'
import { type Random, randomOf } from './random.ts'

export const SECTOR_SIZE = 512
/** Room that a file gets with its first bytes. */
const FILE_BYTES_MIN = 1_024

/** Thrown by the call at which the machine stops, and by every call after it. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash'
}

/** A file by itself, whatever names it has. */
interface Inode {
  /** Those below `size` never change: whoever takes some away or flips one makes a copy first. */
  bytes: Uint8Array
  size: number
  /** What is on disk for certain; may be a view of `bytes`. */
  durable: Uint8Array
  /** Bytes from here on may differ from `durable`. */
  dirtyFrom: number
  /** The same, of what was written since the last sync began. */
  freshFrom: number
  isTorn: boolean
  isFailed: boolean
}

type DirectoryChange =
  | { kind: 'create'; name: string; inode: Inode }
  | { kind: 'rename'; source: string; target: string; inode: Inode }
  | { kind: 'remove'; name: string; inode: Inode }

/** What happens to `times` of the calls that match, after `skip` of them. */
interface Fault {
  readonly pattern: RegExp
  skip: number
  times: number
  readonly errno: string
}

export class SimulatedDisk {
  readonly seed: number
  /** Calls so far, over all storages opened on this disk. */
  calls = 0
  /** Bytes the files may hold together; beyond it is ENOSPC. */
  capacity = Infinity
  /** Whether the failure or crash that was ordered has happened. */
  hasFired = false
  /** The last calls, for failure messages. */
  readonly trace: string[] = []
  readonly quarantined = new Map<string, Uint8Array>()
  readonly random: Random
  names = new Map<string, Inode>()
  private durableNames = new Map<string, Inode>()
  private changes: DirectoryChange[] = []
  private holder: SimulatedStorage | null = null
  private failure: Fault | null = null
  private crashFault: Fault | null = null

  constructor(seed: number) {
    this.seed = seed
    this.random = randomOf(seed)
  }

  /** Takes the disk or throws `locked`. After a crash the lock is free. */
  open(): ShardStorage {
    if (this.holder !== null) throw lockedStorage(`disk ${this.seed}`, 'another storage')
    this.holder = new SimulatedStorage(this)
    return this.holder
  }

  /** Lets one call (counted as `calls` does, from 1) fail with `EIO`, `ENOSPC`, `EMFILE` … */
  failAt(call: number, errno: string): void {
    this.failure = { pattern: /./, skip: call - this.calls - 1, times: 1, errno }
    this.hasFired = false
  }

  /** Lets `times` calls fail whose trace matches (`sync wal-3`), after `skip` that do not. */
  failMatching(pattern: RegExp, errno: string, skip = 0, times = 1): void {
    this.failure = { pattern, skip, times, errno }
    this.hasFired = false
  }

  /** Stops the machine in one call: it is done in part, and it and all later ones throw. */
  crashAt(call: number): void {
    this.crashMatching(/./, call - this.calls - 1)
  }

  /** Stops the machine in a call whose trace matches, after `skip` of them. */
  crashMatching(pattern: RegExp, skip = 0): void {
    this.crashFault = { pattern, skip, times: 1, errno: 'crash' }
    this.hasFired = false
  }

  /** A power cut, now or at the ordered call; afterwards the disk can be opened again. */
  crash(): void {
    this.stop()
    const names = this.survivingNames()
    const survivors = new Set(names.values())
    for (const inode of survivors) this.cutPower(inode)
    this.names = names
    this.durableNames = new Map(names)
    this.changes = []
  }

  /** kill -9: the process is gone, but all it wrote is there (and still not durable). */
  kill(): void {
    this.stop()
    // A new process has new descriptors: what failed on the old ones it cannot know.
    for (const inode of this.names.values())
      Object.assign(inode, { isTorn: false, isFailed: false })
  }

  /** Flips bits of a file behind everybody's back; the damage is durable. */
  damage(name: string, offset: number, mask = 1): void {
    const inode = this.names.get(name)
    if (inode === undefined) throw missingFile(name)
    inode.bytes = inode.bytes.slice()
    inode.durable = inode.durable.slice()
    for (const image of [inode.bytes, inode.durable]) {
      if (offset < image.length) image[offset]! ^= mask
    }
  }

  /** Copies of all files. */
  contents(): Map<string, Uint8Array> {
    const files = [...this.names].map(([name, { bytes, size }]) => [name, bytes.slice(0, size)])
    return new Map(files as [string, Uint8Array][])
  }

  /** Makes these all files there are, durably. */
  load(files: ReadonlyMap<string, Uint8Array>): void {
    this.names = new Map([...files].map(([name, bytes]) => [name, cleanInode(bytes.slice())]))
    this.durableNames = new Map(this.names)
    this.changes = []
  }

  /** Whether the machine stopped in the ordered call: every error since then means only that. */
  get hasStopped(): boolean {
    return this.holder?.isStopped ?? false
  }

  /** A line that says how to get here again. */
  describe(): string {
    return `seed ${this.seed}, call ${this.calls}: ${this.trace.slice(-6).join(' ')}`
  }

  /** @internal Counts a call; what it returns happens to it: `crash` or an error code. */
  enter(call: string): string | null {
    this.calls++
    this.trace.push(call)
    if (this.trace.length > 64) this.trace.shift()
    return this.suffer(this.crashFault, call) ?? this.suffer(this.failure, call)
  }

  /** Counts a call of what stands beside the disk, as `enter`; the machine may stop in it. */
  enterObject(call: string): string | null {
    const fate = this.enter(call)
    if (fate === 'crash' && this.holder !== null) this.holder.isStopped = true
    return fate
  }

  private suffer(fault: Fault | null, call: string): string | null {
    if (fault === null || fault.times <= 0 || !fault.pattern.test(call)) return null
    if (fault.skip-- > 0) return null
    fault.times--
    this.hasFired = true
    return fault.errno
  }

  /** @internal */
  change(change: DirectoryChange): void {
    this.changes.push(change)
    applyChange(this.names, change)
  }

  /** @internal What a directory sync that begins now makes durable when it ends. */
  beginDirectorySync(): () => void {
    const covered = [...this.changes]
    return () => {
      // Of two syncs the later one may end first, and has then done what this one would.
      for (const change of covered) {
        if (this.changes.includes(change)) applyChange(this.durableNames, change)
      }
      this.changes = this.changes.filter((change) => !covered.includes(change))
    }
  }

  /** Whether the ordered failure or crash, if there was one, lies behind. */
  get isQuiet(): boolean {
    return (this.failure?.times ?? 0) <= 0 && (this.crashFault?.times ?? 0) <= 0
  }

  /** Bytes that the files hold together. */
  get usedBytes(): number {
    let used = 0
    for (const inode of this.names.values()) used += inode.size
    return used
  }

  /** @internal */
  get freeBytes(): number {
    return this.capacity === Infinity ? Infinity : this.capacity - this.usedBytes
  }

  /** @internal */
  release(storage: SimulatedStorage): void {
    if (this.holder === storage) this.holder = null
  }

  private stop(): void {
    if (this.holder !== null) this.holder.isStopped = true
    this.holder = null
    this.crashFault = null
    this.failure = null
  }

  private survivingNames(): Map<string, Inode> {
    const names = new Map(this.durableNames)
    const mode = this.random.int(4)
    const cut = this.random.int(this.changes.length + 1)
    this.changes.forEach((change, i) => {
      const isKept = [false, true, i < cut, this.random.chance(0.5)][mode]
      if (isKept) applyChange(names, change)
    })
    return names
  }

  /** Makes a file what a power cut leaves of it. */
  private cutPower(inode: Inode): void {
    const { random } = this
    const { durable, dirtyFrom } = inode
    const written = inode.bytes.subarray(0, inode.size)
    let bytes = durable
    const mode = random.int(5)
    if (mode === 1) bytes = written
    if (mode === 2) bytes = written.slice(0, this.between(durable.length, written.length))
    if (mode >= 3) bytes = this.tear(durable, written, dirtyFrom, mode === 4)
    Object.assign(inode, cleanInode(bytes.slice()))
  }

  /** Every unsynced sector for itself. Synced bytes in the same sector as unsynced ones survive. */
  private tear(
    durable: Uint8Array,
    written: Uint8Array,
    dirtyFrom: number,
    hasGarbage: boolean,
  ): Uint8Array {
    const { random } = this
    const bytes = new Uint8Array(this.between(durable.length, written.length))
    bytes.set(durable.subarray(0, bytes.length))
    const firstSector = dirtyFrom - (dirtyFrom % SECTOR_SIZE)
    for (let sector = firstSector; sector < bytes.length; sector += SECTOR_SIZE) {
      const start = Math.max(sector, dirtyFrom)
      const end = Math.min(sector + SECTOR_SIZE, bytes.length)
      const fate = random.int(hasGarbage ? 4 : 3)
      if (fate === 0) continue
      if (fate === 1) bytes.set(written.subarray(start, end), start)
      if (fate === 2) bytes.fill(0, start, end)
      if (fate === 3) for (let i = start; i < end; i++) bytes[i] = random.int(256)
    }
    return bytes
  }

  private between(a: number, b: number): number {
    const choice = this.random.int(3)
    if (choice < 2) return choice === 0 ? a : b
    return Math.min(a, b) + this.random.int(Math.abs(a - b) + 1)
  }
}

class SimulatedStorage implements ShardStorage {
  readonly location: string
  isStopped = false
  private readonly disk: SimulatedDisk
  private isClosed = false
  private syncsRunning = 0

  constructor(disk: SimulatedDisk) {
    this.disk = disk
    this.location = `disk ${disk.seed}`
  }

  list(): string[] {
    this.enter('list', this.location, 'list')
    return [...this.disk.names.keys()].sort()
  }

  has(name: string): boolean {
    checkName(name)
    this.enter('has', name, 'open')
    return this.disk.names.has(name)
  }

  size(name: string): number {
    checkName(name)
    this.enter('size', name, 'open')
    return this.inode(name).size
  }

  read(name: string, offset: number, target: Uint8Array): number {
    checkName(name)
    this.enter('read', name, 'read')
    const { bytes, size } = this.inode(name)
    const end = Math.min(size, offset + target.length)
    if (end <= offset) return 0
    target.set(bytes.subarray(offset, end))
    return end - offset
  }

  create(name: string): void {
    checkName(name)
    this.enter('create', name, 'open')
    if (this.disk.names.has(name)) throw existingFile(name)
    if (this.disk.freeBytes <= 0) throw storageFailure({ code: 'ENOSPC' }, name, 'open')
    this.disk.change({ kind: 'create', name, inode: cleanInode(new Uint8Array(0)) })
  }

  append(name: string, parts: readonly Uint8Array[]): void {
    checkName(name)
    let length = 0
    for (const part of parts) length += part.length
    // A failing or crashing append has written some of its bytes.
    this.enter(`append(${length})`, name, 'write', () => {
      const inode = this.writable(name)
      write(inode, parts, this.disk.random.int(length + 1))
      inode.isTorn = true
    })
    const inode = this.writable(name)
    const room = this.disk.freeBytes
    write(inode, parts, Math.max(0, Math.min(room, length)))
    if (room >= length) return
    inode.isTorn = true
    throw storageFailure({ code: 'ENOSPC' }, name, 'write')
  }

  truncate(name: string, size: number): void {
    checkName(name)
    this.enter(`truncate(${size})`, name, 'write')
    const inode = this.inode(name)
    if (inode.isFailed) throw failedFile(name)
    if (size > inode.size) throw new Error(`truncate ${name} of ${inode.size} to ${size}`)
    inode.bytes = inode.bytes.slice(0, size)
    inode.size = size
    touch(inode, size)
    inode.isTorn = false
  }

  async sync(name: string): Promise<void> {
    checkName(name)
    const fail = () => {
      this.inode(name).isFailed = true
    }
    this.enter('sync', name, 'sync', fail)
    const inode = this.inode(name)
    if (inode.isFailed) throw failedFile(name)
    const written = inode.bytes.subarray(0, inode.size)
    inode.freshFrom = Infinity
    await this.inFlight()
    if (inode.isFailed) throw failedFile(name)
    inode.dirtyFrom = Math.min(inode.freshFrom, written.length)
    inode.durable = written
  }

  rename(source: string, target: string): void {
    checkName(source)
    checkName(target)
    this.enter(`rename to ${target}`, source, 'rename')
    const inode = this.inode(source)
    if (this.disk.names.has(target)) throw existingFile(target)
    this.disk.change({ kind: 'rename', source, target, inode })
  }

  remove(name: string): void {
    checkName(name)
    this.enter('remove', name, 'remove')
    this.disk.change({ kind: 'remove', name, inode: this.inode(name) })
  }

  async syncDirectory(): Promise<void> {
    this.enter('sync', 'directory', 'sync')
    const finish = this.disk.beginDirectorySync()
    await this.inFlight()
    finish()
  }

  quarantine(name: string): string {
    checkName(name)
    this.enter('quarantine', name, 'write')
    const { bytes, size } = this.inode(name)
    const copies = this.disk.quarantined
    let copy = name
    for (let i = 1; copies.has(copy) && !isEqual(copies.get(copy)!, bytes.subarray(0, size)); i++) {
      copy = `${name}.${i}`
    }
    copies.set(copy, bytes.slice(0, size))
    return `quarantine/${copy}`
  }

  async close(): Promise<void> {
    while (this.syncsRunning > 0) await Promise.resolve()
    this.isClosed = true
    this.disk.release(this)
  }

  /** A sync takes a few turns, in which others run and the machine may stop. */
  private async inFlight(): Promise<void> {
    this.syncsRunning++
    try {
      for (let turns = 1 + this.disk.random.int(4); turns > 0; turns--) await Promise.resolve()
    } finally {
      this.syncsRunning--
    }
    if (this.isStopped) throw new SimulatedCrash(this.disk.describe())
  }

  private enter(call: string, name: string, action: StorageAction, partly?: () => void): void {
    if (this.isStopped) throw new SimulatedCrash(this.disk.describe())
    if (this.isClosed) throw closedStorage(this.location)
    const fate = this.disk.enter(`${call} ${name}`)
    if (fate === null) return
    partly?.()
    if (fate !== 'crash') throw storageFailure({ code: fate }, name, action)
    this.isStopped = true
    throw new SimulatedCrash(this.disk.describe())
  }

  private inode(name: string): Inode {
    const inode = this.disk.names.get(name)
    if (inode === undefined) throw missingFile(name)
    return inode
  }

  private writable(name: string): Inode {
    const inode = this.inode(name)
    if (inode.isFailed) throw failedFile(name)
    if (inode.isTorn) throw storageFailure({ code: 'torn' }, name, 'write')
    return inode
  }
}

function cleanInode(bytes: Uint8Array): Inode {
  const state = { dirtyFrom: bytes.length, freshFrom: Infinity, isTorn: false, isFailed: false }
  return { bytes, size: bytes.length, durable: bytes, ...state }
}

/** Appends the first `length` bytes of what the parts have together. */
function write(inode: Inode, parts: readonly Uint8Array[], length: number): void {
  const size = inode.size + length
  if (size > inode.bytes.length) {
    const grown = new Uint8Array(Math.max(size, inode.bytes.length * 2, FILE_BYTES_MIN))
    grown.set(inode.bytes.subarray(0, inode.size))
    inode.bytes = grown
  }
  touch(inode, inode.size)
  for (const part of parts) {
    const piece = part.subarray(0, size - inode.size)
    inode.bytes.set(piece, inode.size)
    inode.size += piece.length
  }
}

function touch(inode: Inode, offset: number): void {
  inode.dirtyFrom = Math.min(inode.dirtyFrom, offset)
  inode.freshFrom = Math.min(inode.freshFrom, offset)
}

function applyChange(names: Map<string, Inode>, change: DirectoryChange): void {
  if (change.kind === 'create') names.set(change.name, change.inode)
  if (change.kind === 'remove' && names.get(change.name) === change.inode) names.delete(change.name)
  if (change.kind !== 'rename') return
  if (names.get(change.source) === change.inode) names.delete(change.source)
  names.set(change.target, change.inode)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
