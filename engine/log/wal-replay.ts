// Reading logs back after any end of the process. The records of all logs are one sequence of
// consecutive lsns; where it breaks, the question is whether something acknowledged is lost. Proof
// is a durableLsn, in the manifest or in any intact header: if one at or above the first missing lsn
// is found, it is corruption, else the rest was never acknowledged: a torn tail, which is cut.

import { type Checksum, crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import { FILE_HEADER_SIZE } from './file-header.ts'
import type { LogDescription } from './manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'
import { type FoundHeader, LogReader } from './wal-reader.ts'
import { MARK, type RecordHeader, recordSize } from './wal-record.ts'

export interface ReplayOptions {
  identity: bigint
  /** Oldest first, as the manifest names them. */
  logs: readonly LogDescription[]
  /** Records below it need not be there. */
  lowestLsn: bigint
  /** Of the manifest: records up to it were durable. */
  durableLsn: bigint
  /** Where a payload of `size` bytes goes (exactly so long); default is a buffer of the reader. */
  target?: (size: number) => Uint8Array
  checksum?: Checksum
  /** Goes on behind corruption and lists what is lost (`--accept-data-loss`). */
  skipDamage?: boolean
}

export interface LogRecord {
  lsn: bigint
  type: number
  /** Valid until the next record is asked for, unless it lies in the caller's target. */
  payload: Uint8Array
  file: string
  offset: number
}

/** Bytes that the manifest or a later record vouches for and that cannot be read. */
export interface LogLoss {
  file: string
  offset: number
  size: number
  /** First and last lsn that are known to be lost; none if `lastLsn` is the lower one. */
  firstLsn: bigint
  lastLsn: bigint
  /** Whether no intact record follows: then more may be lost than is known. */
  isOpen: boolean
  reason: string
}

export interface LogEnd {
  kind: 'clean' | 'torn' | 'corrupt'
  /** Last good one; the manifest's durableLsn if the logs hold none. */
  lsn: bigint
  /** Where good bytes end; for `corrupt` where the first damage is. */
  file: string
  offset: number
  /** Bytes of a torn tail. */
  droppedBytes: number
  /** Names file, offset and loss; null unless `corrupt`. */
  error: OmenError | null
  /** One for each damage that was skipped, the first one alone without `skipDamage`. */
  losses: LogLoss[]
}

interface Break {
  log: LogReader
  index: number
  offset: number
  reason: string
}

/**
 * Yields every record of the logs in order, those below `lowestLsn` too, each one checked. Returns
 * how it ended; damage is returned, not thrown. Throws `unsupported` for a newer format.
 */
export function* replayWal(
  storage: ShardStorage,
  options: ReplayOptions,
): Generator<LogRecord, LogEnd> {
  const replay = new Replay(storage, options)
  const losses: LogLoss[] = []
  for (;;) {
    const broken = yield* replay.run()
    const loss = replay.lossAt(broken)
    if (loss === null) return replay.end(broken, losses)
    losses.push(loss)
    if (options.skipDamage !== true || !replay.skip(broken)) return replay.end(null, losses)
  }
}

/** Whether a log that no manifest names holds a record: a newer manifest has been lost. */
export function hasRecords(storage: ShardStorage, identity: bigint, number: number): boolean {
  const log = new LogReader(storage, { number, end: 0 }, identity, crc32c)
  return log.damage === null && log.next(FILE_HEADER_SIZE, 0n) !== null
}

/** Whether a log that no manifest names holds a record behind this one. */
export function hasRecordsBehind(
  storage: ShardStorage,
  identity: bigint,
  { number, lsn }: { readonly number: number; readonly lsn: bigint },
): boolean {
  const log = new LogReader(storage, { number, end: 0 }, identity, crc32c)
  return log.damage === null && log.next(FILE_HEADER_SIZE, lsn + 1n) !== null
}

class Replay {
  private readonly options: ReplayOptions
  private readonly logs: LogReader[]
  private readonly hasEnd: boolean[]
  /** Logs whose header is damaged and whose records are read all the same. */
  private readonly forgiven = new Set<number>()
  private index = 0
  private offset = FILE_HEADER_SIZE
  /** The lsn that must come next, null before the first record. */
  private expected: bigint | null = null
  private proved: bigint

  constructor(storage: ShardStorage, options: ReplayOptions) {
    const checksum = options.checksum ?? crc32c
    this.options = options
    this.proved = options.durableLsn
    this.hasEnd = options.logs.map((log) => log.end > 0)
    this.logs = options.logs.map((log) => new LogReader(storage, log, options.identity, checksum))
  }

  /** Yields records until the sequence breaks (returned) or the logs end (null). */
  *run(): Generator<LogRecord, Break | null> {
    for (; this.index < this.logs.length; this.index++, this.offset = FILE_HEADER_SIZE) {
      const log = this.logs[this.index]!
      if (log.damage !== null && !this.forgiven.has(this.index)) return this.breakAt(0, log.damage)
      while (this.offset < log.size) {
        const header = log.header(this.offset)
        if (header === null) return this.breakAt(this.offset, 'has no valid header')
        this.prove(header)
        const reason = this.misplaced(header)
        if (reason !== null) return this.breakAt(this.offset, reason)
        if (header.type !== MARK) {
          const payload = log.payload(this.offset, header, this.options.target)
          if (payload === null) return this.breakAt(this.offset, 'fails its checksum')
          const { lsn, type } = header
          yield { lsn, type, payload, file: log.name, offset: this.offset }
        }
        this.expected = header.lsn + 1n
        this.offset += recordSize(header)
      }
    }
    return null
  }

  /** What of the acknowledged is lost behind a break (null: behind the end), null for nothing. */
  lossAt(broken: Break | null): LogLoss | null {
    if (broken !== null) this.proveBehind(broken)
    const missing = this.expected ?? this.options.lowestLsn
    const firstLsn = missing > this.options.lowestLsn ? missing : this.options.lowestLsn
    const isNamed = broken !== null && (broken.offset === 0 || this.hasEnd[broken.index]!)
    if (this.proved < firstLsn && !isNamed) return null
    const log = broken?.log ?? this.logs.at(-1)!
    const offset = broken?.offset ?? log.size
    const reason = broken?.reason ?? `does not follow, though lsn ${this.proved} was durable`
    const next = broken === null ? null : this.nextRecord(broken)
    const end = next?.index === broken?.index ? next?.offset : undefined
    return {
      ...{ file: log.name, offset, size: (end ?? log.size) - offset, firstLsn, reason },
      lastLsn: next === null ? this.proved : next.header.lsn - 1n,
      isOpen: next === null,
    }
  }

  /** Goes on with the next intact record behind a break; false if there is none. */
  skip(broken: Break | null): boolean {
    const next = broken === null ? null : this.nextRecord(broken)
    if (broken === null || next === null) return false
    if (broken.offset === 0) this.forgiven.add(broken.index)
    this.index = next.index
    this.offset = next.offset
    this.expected = next.header.lsn
    return true
  }

  private nextRecord(broken: Break): (FoundHeader & { index: number }) | null {
    const least = this.expected ?? 0n
    for (let index = broken.index; index < this.logs.length; index++) {
      const from = index === broken.index ? broken.offset : FILE_HEADER_SIZE
      const found = this.logs[index]!.next(from, least)
      if (found !== null) return { ...found, index }
    }
    return null
  }

  end(broken: Break | null, losses: LogLoss[]): LogEnd {
    const lsn = this.expected === null ? this.options.durableLsn : this.expected - 1n
    const loss = losses[0]
    if (loss !== undefined) {
      const { file, offset } = loss
      const error = new OmenError('corrupt', lossMessage(loss))
      return { kind: 'corrupt', lsn, file, offset, droppedBytes: 0, error, losses }
    }
    const log = broken?.log ?? this.logs.at(-1)
    const offset = broken?.offset ?? log?.size ?? 0
    const droppedBytes = (log?.size ?? 0) - offset
    const kind = broken === null ? 'clean' : 'torn'
    return { kind, lsn, file: log?.name ?? '', offset, droppedBytes, error: null, losses }
  }

  private breakAt(offset: number, reason: string): Break {
    return { log: this.logs[this.index]!, index: this.index, offset, reason }
  }

  private prove(header: RecordHeader): void {
    if (header.durableLsn > this.proved) this.proved = header.durableLsn
  }

  /** Looks at every intact header behind a break. */
  private proveBehind(broken: Break): void {
    for (let index = broken.index; index < this.logs.length; index++) {
      const log = this.logs[index]!
      let offset = index === broken.index ? broken.offset : FILE_HEADER_SIZE
      for (;;) {
        const found = log.nextHeader(offset)
        if (found === null) break
        this.prove(found.header)
        offset = found.offset + recordSize(found.header)
      }
    }
  }

  private misplaced({ lsn, type }: RecordHeader): string | null {
    if (type === MARK) {
      return this.expected === null || lsn + 1n === this.expected ? null : `marks lsn ${lsn}`
    }
    if (this.expected === null) {
      return lsn <= this.options.lowestLsn ? null : `is the first, but has lsn ${lsn}`
    }
    return lsn === this.expected ? null : `has lsn ${lsn} where ${this.expected} belongs`
  }
}

function lossMessage({ file, offset, firstLsn, lastLsn, reason }: LogLoss): string {
  const where = offset === 0 ? reason : `${file}: record at ${offset} ${reason}`
  if (lastLsn < firstLsn) return where
  return `${where}; acknowledged records ${firstLsn} to ${lastLsn} are lost`
}
