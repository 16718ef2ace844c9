// The write-ahead log: records with consecutive lsns, appended in one gather-write and made durable
// in groups. Each record says what was durable when it was written, and a mark says it once the log
// rests; so a later reader can tell a torn tail from the loss of something acknowledged
// (docs/durability.md).

import { type Checksum, crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import { encodeFileHeader, fileSeed } from './file-header.ts'
import { fileName } from './file-name.ts'
import type { Execution } from '../step.ts'
import type { ShardStorage } from '../storage/storage.ts'
import {
  MARK,
  PAYLOAD_SIZE_MAX,
  RECORD_HEADER_SIZE,
  encodeRecordHeader,
  gapAfter,
  setRecordChecksum,
} from './wal-record.ts'

// The other half of the log, so that users of it import one file.
export { type LogEnd, type LogRecord, replayWal } from './wal-replay.ts'

export interface WalOptions {
  /** Of the data directory. */
  identity: bigint
  number: number
  /** The last lsn given so far: it and all before it are durable elsewhere. */
  lsn: bigint
  /** For parts of payloads, which may be kernel memory. Default: crc32c of engine/crc.ts. */
  checksum?: Checksum
}

/**
 * Makes a new log, durable with its name, holding nothing. Name it in the manifest before the first
 * append. Throws `conflict` if the file exists.
 */
export async function createWal(storage: ShardStorage, options: WalOptions): Promise<WalWriter> {
  const name = fileName('wal', options.number)
  const header = encodeFileHeader('wal', options.number, options.identity)
  storage.create(name)
  storage.append(name, [header])
  await storage.sync(name)
  await storage.syncDirectory()
  return new WalWriter(storage, name, options, header)
}

const GAP = new Uint8Array(8)
const PAUSE = { pause: true } as const

export class WalWriter {
  readonly name: string
  readonly number: number
  private readonly storage: ShardStorage
  private readonly checksum: Checksum
  private readonly seed: number
  private readonly header = new Uint8Array(RECORD_HEADER_SIZE)
  private lastLsn: bigint
  private lastDurableLsn: bigint
  /** Bytes of the file, and of those the ones up to the last record: a mark may follow it. */
  private bytes: number
  private recordBytes: number
  private durableBytes: number
  private isSyncing = false
  /** A record is being written in steps: nothing may come between them. */
  private isAppending = false
  private failed: OmenError | null = null
  private lacking: OmenError | null = null

  constructor(storage: ShardStorage, name: string, options: WalOptions, header: Uint8Array) {
    this.storage = storage
    this.name = name
    this.number = options.number
    this.checksum = options.checksum ?? crc32c
    this.seed = fileSeed(header)
    this.lastLsn = options.lsn
    this.lastDurableLsn = options.lsn
    this.bytes = header.length
    this.recordBytes = header.length
    this.durableBytes = header.length
  }

  /** The last lsn given. */
  get lsn(): bigint {
    return this.lastLsn
  }

  /** Every record up to this lsn is on disk. */
  get durableLsn(): bigint {
    return this.lastDurableLsn
  }

  /** Bytes of the file up to its last record. */
  get size(): number {
    return this.recordBytes
  }

  /** Bytes of the file up to the last record that is on disk. */
  get durableSize(): number {
    return this.durableBytes
  }

  /** Why this log takes no more records, null while it does. */
  get failure(): OmenError | null {
    return this.failed
  }

  /** Why the last append found no space, null once there is some: it may be tried again. */
  get shortage(): OmenError | null {
    return this.lacking
  }

  /**
   * Adds one record (type 1 to 255) whose payload is the parts in order, and returns its lsn. The
   * parts are read before it returns. After `storage_full` nothing was added and it may be tried
   * again; any other error ends this log.
   */
  append(type: number, parts: readonly Uint8Array[]): bigint {
    this.checkType(type)
    try {
      this.write(type, this.lsn + 1n, parts)
    } catch (error) {
      this.noteShortage(error)
      throw error
    }
    return this.take()
  }

  /**
   * The same in steps of `sliceBytes`, with pauses between in which a sync may run and nothing is
   * appended. `parts` is asked anew after each. What throws into it, but for `storage_full` of the disk,
   * ends this log.
   */
  *appendInSteps(
    type: number,
    parts: () => readonly Uint8Array[],
    sliceBytes: number,
  ): Execution<bigint> {
    this.checkType(type)
    this.checkUsable()
    const lsn = this.lsn + 1n
    const length = sizeOf(parts())
    this.isAppending = true
    try {
      let checksum = this.encodeHeader(type, lsn, length)
      for (const slice of slicesOf(parts, sliceBytes)) {
        checksum = this.checksum(slice, checksum)
        yield PAUSE
        this.checkUsable()
      }
      setRecordChecksum(this.header, checksum)
      this.storage.append(this.name, [this.header])
      for (const slice of slicesOf(parts, sliceBytes)) {
        this.storage.append(this.name, [slice])
        yield PAUSE
        this.checkUsable()
      }
      this.storage.append(this.name, [GAP.subarray(0, gapAfter(length))])
    } catch (error) {
      const thrown = this.takeBack(error)
      this.noteShortage(thrown)
      throw thrown
    } finally {
      this.isAppending = false
    }
    this.bytes += RECORD_HEADER_SIZE + length + gapAfter(length)
    return this.take()
  }

  private checkType(type: number): void {
    assert(type > MARK && type <= 255, `record type ${type}`)
    assert(!this.isAppending, `${this.name} is appended to by one caller at a time`)
  }

  /** Gives the record that was written its lsn. */
  private take(): bigint {
    this.lacking = null
    this.lastLsn++
    this.recordBytes = this.bytes
    return this.lastLsn
  }

  private noteShortage(error: unknown): void {
    if (this.failed === null && error instanceof OmenError) this.lacking = error
  }

  /**
   * Makes everything appended before the call durable and returns the lsn of the last such record.
   * One at a time; appends may go on meanwhile. A failure ends this log: it is never synced again.
   */
  async sync(): Promise<bigint> {
    const { lsn, recordBytes } = this
    this.checkUsable()
    assert(!this.isSyncing, `${this.name} is synced by one caller at a time`)
    if (lsn === this.lastDurableLsn) return lsn
    this.isSyncing = true
    try {
      await this.storage.sync(this.name)
    } catch (error) {
      throw this.fail(error)
    } finally {
      this.isSyncing = false
    }
    this.lastDurableLsn = lsn
    this.durableBytes = recordBytes
    if (this.lsn === lsn && !this.isAppending) this.mark()
    return lsn
  }

  /** Tries, after an append found the disk full, whether there is space again. */
  probe(): void {
    if (this.lacking === null || this.isAppending || this.lsn !== this.lastDurableLsn) return
    if (this.mark()) this.lacking = null
  }

  /** Says that all is durable. Not synced itself: it is there after kill -9 and most power cuts. */
  private mark(): boolean {
    try {
      this.write(MARK, this.lsn, [])
      return true
    } catch {
      // A full disk: the mark is a courtesy. Anything worse has ended the log by now.
      return false
    }
  }

  private write(type: number, lsn: bigint, parts: readonly Uint8Array[]): void {
    this.checkUsable()
    const length = sizeOf(parts)
    let checksum = this.encodeHeader(type, lsn, length)
    for (const part of parts) checksum = this.checksum(part, checksum)
    setRecordChecksum(this.header, checksum)
    const gap = gapAfter(length)
    try {
      this.storage.append(this.name, [this.header, ...parts, GAP.subarray(0, gap)])
    } catch (error) {
      throw this.takeBack(error)
    }
    this.bytes += RECORD_HEADER_SIZE + length + gap
  }

  /** Everything of the header but the payload's checksum, which continues from the result. */
  private encodeHeader(type: number, lsn: bigint, length: number): number {
    assert(length <= PAYLOAD_SIZE_MAX, `record of ${length} bytes`)
    const record = { length, lsn, durableLsn: this.lastDurableLsn, type }
    return encodeRecordHeader(this.header, record, this.seed)
  }

  /** After a failed append the tail is undefined: cut it, or end the log. */
  private takeBack(error: unknown): unknown {
    if (!(error instanceof OmenError) || error.code !== 'storage_full') return this.fail(error)
    try {
      this.storage.truncate(this.name, this.bytes)
      return error
    } catch (truncateError) {
      return this.fail(truncateError)
    }
  }

  /** Ends the log; returns the error for throwing. */
  private fail(error: unknown): unknown {
    this.failed ??=
      error instanceof OmenError
        ? error
        : new OmenError('internal', `${this.name}: ${String(error)}`, { cause: error })
    return error
  }

  private checkUsable(): void {
    if (this.failed === null) return
    throw new OmenError('unavailable', `${this.name}: ended, ${this.failed.message}`, {
      cause: this.failed,
    })
  }
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

/** The parts in pieces of at most `size`, each looked up when it is its turn. */
function* slicesOf(parts: () => readonly Uint8Array[], size: number): Generator<Uint8Array> {
  for (let index = 0; index < parts().length; index++) {
    for (let from = 0; from < parts()[index]!.length; from += size) {
      yield parts()[index]!.subarray(from, from + size)
    }
  }
}
