// The cold files of a shard. A file moves in steps: a stub with the key of its object, which never was
// and never will be another's, is made durable; the object is stored; the stub gets the name that counts,
// durably; the hot file goes. Whatever ends in between leaves the file readable: while both are there the
// hot one counts. An object goes after the last stub that counted, and the stub that knows of it then
// goes last, so that a start finds whatever a crash left without asking the object store.

import { crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import {
  type Claim,
  GOING,
  GONE,
  KEPT,
  STUB_HEAD,
  type Stub,
  UNFINISHED,
  claimEpoch,
  claimName,
  decodeClaim,
  decodeStub,
  encodeClaim,
  encodeStub,
  isTierName,
} from './cold-stub.ts'
import { ReadAhead } from './read-ahead.ts'
import {
  type ByteRange,
  COLD,
  type ColdCounts,
  type ColdFiles,
  type SegmentStorage,
  type ShardStorage,
  checkName,
  missingFile,
  readExactly,
} from './storage.ts'
import type { TierOptions } from './tiered.ts'

/** Bytes of a hot file that are read between two pauses. */
const CHUNK_SIZE = 1 << 20
/** Objects that are removed at a time. */
const REMOVALS = 6

/** Those of one directory; the stubs and claims are read from `hot` when it is made. */
export class ColdStore implements ColdFiles {
  readonly counts: ColdCounts = {
    ...{ files: 0, bytes: 0, reads: 0, readBytes: 0 },
    ...{ puts: 0, putBytes: 0, removes: 0, lists: 0 },
  }
  private readonly options: TierOptions
  private readonly hot: ShardStorage
  private readonly objects: SegmentStorage
  private readonly kept: ReadAhead
  /** By the names of their files. */
  private readonly stubs = new Map<string, Stub>()
  /** Keys that files of the directory name, by the names of those, whether they count or not. */
  private readonly named = new Map<string, string>()
  /** Keys of objects that are to go, with the file that remembers it, if there is one. */
  private readonly doomed = new Map<string, string | null>()
  /** Keys of objects that are being stored. */
  private readonly storing = new Set<string>()
  private claimed: Claim | null = null
  /** Whether the claim is durable, or will be. */
  private claiming: Promise<Claim> | null = null

  constructor(options: TierOptions) {
    const { hot, cold, readAheadBytes = 8 << 20 } = options
    this.options = options
    this.hot = hot
    this.objects = cold
    this.kept = new ReadAhead(readAheadBytes)
    for (const name of hot.list()) this.find(name)
  }

  names(): Iterable<string> {
    return this.stubs.keys()
  }

  get(name: string): Stub | undefined {
    return this.stubs.get(name)
  }

  has(name: string): boolean {
    return this.stubs.has(name)
  }

  async read(
    name: string,
    offset: number,
    size: number,
    along: ByteRange = { start: offset, end: offset },
  ): Promise<Uint8Array> {
    const stub = this.stubs.get(name)
    if (stub === undefined) throw missingFile(name)
    const { key } = stub
    const start = Math.min(offset, stub.size)
    const range = { start, end: Math.min(stub.size, offset + size) }
    if (range.start === range.end) return new Uint8Array(0)
    const found = this.kept.find(key, range)
    if (found !== null) return found
    const wide = {
      start: Math.max(0, Math.min(along.start, range.start)),
      end: Math.min(stub.size, Math.max(along.end, range.end)),
    }
    const fetch = (asked: ByteRange): Promise<Uint8Array> => this.fetch(name, key, asked)
    const isExact = wide.start === range.start && wide.end === range.end
    if (isExact) return fetch(range)
    const bytes = await this.kept.take(key, wide, fetch)
    return bytes.subarray(range.start - wide.start, range.end - wide.start)
  }

  ahead(ranges: readonly (ByteRange & { readonly file: string })[]): void {
    for (const { file, start, end } of ranges) {
      const stub = this.stubs.get(file)
      if (stub === undefined) continue
      const range = { start, end: Math.min(end, stub.size) }
      if (range.start >= range.end || this.kept.has(stub.key, range)) continue
      this.kept.begin(stub.key, range, (asked) => this.fetch(file, stub.key, asked))
    }
  }

  async store(name: string, checksum: number, pause: () => Promise<void>): Promise<boolean> {
    if (this.has(name)) return false
    const { owner, epoch } = await this.claim()
    const bytes = await this.readHot(name, pause)
    if (bytes === null) return false
    if (crc32c(bytes) !== checksum) {
      throw new OmenError('corrupt', `${name}: fails the manifest's checksum, so it stays hot`)
    }
    const path = `${epoch}/${name}-${hex(checksum, 8)}-${this.randomText()}`
    const key = `${this.prefixOf(owner)}${path}`
    this.storing.add(key)
    try {
      const stub = { key, size: bytes.length, checksum, head: bytes.slice(0, STUB_HEAD) }
      await this.write(name + GOING, encodeStub(stub))
      await this.hot.syncDirectory()
      this.counts.puts++
      this.counts.putBytes += bytes.length
      if (!(await this.objects.put(key, bytes))) {
        throw new OmenError('conflict', `${key}: there is an object already`)
      }
      return await this.swap(name, stub)
    } finally {
      this.storing.delete(key)
      if (this.stubs.get(name)?.key !== key) this.giveUp(name + GOING, key)
    }
  }

  /** Removes a file, hot or cold; its object goes later. */
  remove(name: string): void {
    checkName(name)
    const stub = this.stubs.get(name)
    if (stub === undefined) this.hot.remove(name)
    this.unname(name + COLD)
    if (stub === undefined) return
    this.stubs.delete(name)
    this.counts.files--
    this.counts.bytes -= stub.size
    this.kept.drop(stub.key)
  }

  /** Keeps the object of a file that is about to go, for a person: where its stub is. */
  keep(name: string): string {
    const kept = name + KEPT
    const stub = this.stubs.get(name)!
    if (this.named.get(kept) === stub.key) return kept
    if (this.hot.has(kept)) this.hot.remove(kept)
    this.hot.create(kept)
    this.hot.append(kept, [encodeStub(stub)])
    this.named.set(kept, stub.key)
    return kept
  }

  async clean(): Promise<void> {
    if (this.doomed.size === 0) return
    for (const [file, key] of [...this.named]) if (this.doomed.has(key)) this.unname(file)
    // A stub that a power cut brings back must find its object.
    await this.hot.syncDirectory()
    await this.removeAll([...this.doomed.keys()])
  }

  async sweep(): Promise<string[]> {
    // Who never stored anything has no objects.
    if (this.claimed === null) return []
    const before = new Map(this.stubs)
    const { owner, epoch } = await this.claim()
    await this.hot.syncDirectory()
    const prefix = this.prefixOf(owner)
    this.counts.lists++
    const keys = await this.objects.list(prefix)
    // Those of a later epoch are somebody's who has taken over.
    await this.removeAll(keys.filter((key) => epochOf(key, prefix) <= epoch))
    const found = new Set(keys)
    return [...before].flatMap(([name, { key }]) => {
      const isMissing = key.startsWith(prefix) && !found.has(key)
      return isMissing && this.stubs.get(name)?.key === key ? [name] : []
    })
  }

  private async removeAll(keys: readonly string[]): Promise<void> {
    let next = 0
    let failure: unknown = null
    const work = async (): Promise<void> => {
      while (next < keys.length && failure === null) {
        const key = keys[next++]!
        if (this.storing.has(key) || this.isNamed(key)) continue
        try {
          this.counts.removes++
          await this.objects.remove(key)
          this.forget(key)
        } catch (error) {
          failure = error
        }
      }
    }
    await Promise.all(Array.from({ length: REMOVALS }, work))
    if (failure !== null) throw failure
  }

  private isNamed(key: string): boolean {
    for (const one of this.named.values()) if (one === key) return true
    return false
  }

  /** Removes a stub that counts, or did. */
  private unname(file: string): void {
    const key = this.named.get(file)
    if (key === undefined) return
    this.doom(file, key)
    this.named.delete(file)
  }

  /** Lets an object go, and the stub `file`, which remembers it until then. */
  private doom(file: string, key: string): void {
    const { hot } = this
    const gone = file.replace(/\.cold(\.tmp)?$/, GONE)
    const isNamed = [...this.named].some(([other, one]) => one === key && other !== file)
    if (!hot.has(file)) this.doomed.set(key, this.doomed.get(key) ?? null)
    else if (isNamed) hot.remove(file)
    else if (hot.has(gone)) {
      // A number that was used again: what crashes leave of this one is the sweep's.
      hot.remove(file)
      this.doomed.set(key, null)
    } else {
      hot.rename(file, gone)
      this.doomed.set(key, gone)
    }
  }

  /** The same after a failure: what cannot be remembered now is the sweep's. */
  private giveUp(file: string, key: string): void {
    try {
      this.doom(file, key)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      this.doomed.set(key, null)
    }
  }

  /** An object is gone. */
  private forget(key: string): void {
    const file = this.doomed.get(key)
    if (file !== null && file !== undefined && this.hot.has(file)) this.hot.remove(file)
    this.doomed.delete(key)
  }

  /** What a name of the directory says of cold files. */
  private find(name: string): void {
    const { hot } = this
    if (!isTierName(name)) return
    if (name.endsWith(GOING)) this.findGoing(name)
    else if (name.endsWith(UNFINISHED)) hot.remove(name)
    else if (name.endsWith(GONE)) this.doomed.set(this.stubOf(name).key, name)
    else if (name.endsWith(KEPT)) this.named.set(name, this.stubOf(name).key)
    else if (name.endsWith(COLD)) this.findStub(name.slice(0, -COLD.length), name)
    else if ((claimEpoch(name) ?? 0) > (this.claimed?.epoch ?? 0)) {
      const bytes = new Uint8Array(hot.size(name))
      readExactly(hot, name, 0, bytes)
      this.claimed = decodeClaim(bytes, name)
    }
  }

  private findStub(file: string, name: string): void {
    const stub = this.stubOf(name)
    this.named.set(name, stub.key)
    if (this.hot.has(file)) this.unname(name)
    else this.enter(file, stub)
  }

  /** One that was never whole has no object. */
  private findGoing(name: string): void {
    let key: string
    try {
      ;({ key } = this.stubOf(name))
    } catch (error) {
      if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
      this.hot.remove(name)
      return
    }
    this.doom(name, key)
  }

  private stubOf(name: string): Stub {
    const bytes = new Uint8Array(this.hot.size(name))
    readExactly(this.hot, name, 0, bytes)
    return decodeStub(bytes, name)
  }

  private enter(name: string, stub: Stub): void {
    this.stubs.set(name, stub)
    this.counts.files++
    this.counts.bytes += stub.size
  }

  private async fetch(name: string, key: string, { start, end }: ByteRange): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start)
    this.counts.reads++
    const count = await this.objects.read(key, start, bytes).catch((error: unknown) => {
      if (!(error instanceof OmenError)) throw error
      throw new OmenError(error.code, `${name}: ${error.message}`, error.details)
    })
    this.counts.readBytes += count
    if (count === bytes.length) return bytes
    const message = `${name}: its object ${key} ends at ${start + count}, before ${end}`
    throw new OmenError('corrupt', message)
  }

  /** All bytes of a hot file; null if it went meanwhile. */
  private async readHot(name: string, pause: () => Promise<void>): Promise<Uint8Array | null> {
    if (!this.hot.has(name)) return null
    const bytes = new Uint8Array(this.hot.size(name))
    for (let at = 0; at < bytes.length; at += CHUNK_SIZE) {
      if (at > 0) await pause()
      if (!this.hot.has(name)) return null
      readExactly(this.hot, name, at, bytes.subarray(at, at + CHUNK_SIZE))
    }
    return bytes
  }

  /** Makes a stub that is durable count, in the place of a hot file; false if that went meanwhile. */
  private async swap(name: string, stub: Stub): Promise<boolean> {
    const { hot } = this
    const file = name + COLD
    this.unname(file)
    if (!hot.has(name)) return false
    hot.rename(name + GOING, file)
    this.named.set(file, stub.key)
    try {
      await hot.syncDirectory()
      if (!hot.has(name)) return false
      hot.remove(name)
      this.enter(name, stub)
      return true
    } finally {
      if (!this.has(name)) this.undo(file)
    }
  }

  /** Takes back that a stub counts, or leaves it to `clean` and the next start. */
  private undo(file: string): void {
    try {
      this.unname(file)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
    }
  }

  private async write(name: string, bytes: Uint8Array): Promise<void> {
    const { hot } = this
    if (hot.has(name)) hot.remove(name)
    hot.create(name)
    hot.append(name, [bytes])
    await hot.sync(name)
  }

  /** The claim of this opener, durable before the first object that it stores or removes. */
  private claim(): Promise<Claim> {
    this.claiming ??= this.writeClaim().catch((error: unknown) => {
      this.claiming = null
      throw error
    })
    return this.claiming
  }

  private async writeClaim(): Promise<Claim> {
    const { hot, claimed } = this
    const epoch = (claimed?.epoch ?? 0) + 1
    const claim = { owner: claimed?.owner ?? this.randomText(), epoch }
    const name = claimName(epoch)
    await this.write(name + UNFINISHED, encodeClaim(claim))
    hot.rename(name + UNFINISHED, name)
    this.claimed = claim
    await hot.syncDirectory()
    for (const other of hot.list()) {
      if ((claimEpoch(other) ?? epoch) < epoch) hot.remove(other)
    }
    return claim
  }

  private prefixOf(owner: string): string {
    const { prefix } = this.options
    return prefix === '' ? `${owner}/` : `${prefix}/${owner}/`
  }

  /** 16 hexadecimal digits. */
  private randomText(): string {
    const bytes = new Uint8Array(8)
    this.options.random(bytes)
    return [...bytes].map((byte) => hex(byte, 2)).join('')
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** The epoch that an object was stored in; of no object of ours a number above all. */
function epochOf(key: string, prefix: string): number {
  const match = /^([1-9]\d{0,8})\/segment-/.exec(key.slice(prefix.length))
  return match === null ? Infinity : Number(match[1])
}
