// A batch: the points of one write. Text and columns are staged in kernel memory, privately; commit
// hands the staged rows to the shard's write queue, which has them validated against the catalog as
// it is by then and given their ids. Nothing is stored or visible before.

import type { Catalog } from '../catalog/catalog.ts'
import type { CatalogLease } from '../catalog/leases.ts'
import { type CsvSpec, planColumns, readHeader } from './csv-header.ts'
import { ColumnBlock, type ColumnPoints } from './column-block.ts'
import { CsvPlan } from './csv-plan.ts'
import { type LineError, OmenError, assert } from '../error.ts'
import type { WriteFence } from '../host.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Precision } from '../query/query.ts'
import { Message, type MessageKind } from './message.ts'
import type { TextForm } from './refusal.ts'
import { type StagedBatch, StagedRows } from './staged-batch.ts'
import type { StagingPlace, StagingPool } from './staging-pool.ts'
import { Staging, type TextParser } from './staging.ts'
import { PRECISION_NS } from '../time.ts'

export type { ColumnPoints } from './column-block.ts'
export type { CsvSpec } from './csv-header.ts'
export type { MessageKind } from './message.ts'
export type { StagedBatch } from './staged-batch.ts'

/** `fsync`: durable when answered. `memory`: written and synced soon after. */
export type Ack = 'fsync' | 'memory'

/** Units of times in text: minutes and hours too, and `auto`, each by its size (s, ms, us or ns). */
export type TextPrecision = Precision | 'm' | 'h' | 'auto'

const UNIT_NS: Readonly<Record<TextPrecision, bigint>> = {
  ...PRECISION_NS,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  auto: 0n,
}

export interface BatchOptions {
  /** `default` unless given; created by the commit if it does not exist. */
  database?: string | undefined
  /** Unit of integer times: `ns` for line protocol and `ms` for CSV unless given. */
  precision?: TextPrecision | undefined
  /**
   * `false`: one bad line refuses all. `true`: good lines are stored, bad ones listed. `'types'`: a
   * malformed line refuses all, lines that the tables do not take are only left out (InfluxDB 2).
   */
  partial?: boolean | 'types' | undefined
  /** Nanoseconds: the time of points without one. Now, unless given. */
  arrival?: bigint | undefined
  /** Most bytes that may be staged; 64 MiB unless given. */
  bytesMax?: number | undefined
}

export interface WriteResult {
  /** Points stored. */
  written: number
  /** Lines, rows or points refused. */
  rejected: number
  ack: Ack
  /** The first 100 refusals. */
  errors: LineError[]
}

export interface Batch {
  /**
   * Stages line protocol; any split of the text into chunks will do. Throws `too_large`, `busy`.
   */
  lineProtocol(chunk: Uint8Array): void
  /**
   * Stages CSV whose first line is a header; any split. Also throws what is wrong with the header.
   */
  csv(chunk: Uint8Array, spec: CsvSpec): void
  /** Stages columns of one table and tag set. */
  points(points: ColumnPoints): void
  /**
   * Stages a whole message of Prometheus' remote write or of OTLP in steps; run them to their end.
   * With `snappyBytesMax` it is a block of Snappy of so many bytes at most. Throws `bad_request` for
   * bytes that are no such message, `too_large`, `busy`; then the batch can only be discarded.
   */
  message(kind: MessageKind, body: Uint8Array, snappyBytesMax?: number): Generator<undefined, void>
  /** Points staged so far. */
  readonly rowCount: number
  /** Bytes staged so far. */
  readonly byteSize: number
  /** Whether `room` would resolve at once. */
  readonly hasRoom: boolean
  /**
   * Resolves when there is room to stage more: await it before reading on. `heldBytes` is what the
   * caller holds for this batch beside what is staged (a body that has to be read whole). Rejects with
   * `busy` when other uploads leave no room for 5 s, with `cancelled` when the signal says so.
   */
  room(heldBytes?: number, signal?: AbortSignal): Promise<void>
  /** The first 100 refusals so far; a last line without a newline is looked at by `commit`. */
  readonly errors: readonly LineError[]
  /**
   * Stores what was staged. Rejects with the first refusal unless `partial` allows it, with
   * `type_conflict` or `conflict` if another write came first, or with what the shard throws; then
   * nothing is stored. The batch is finished either way.
   */
  commit(ack?: Ack): Promise<WriteResult>
  /** Gives the batch's memory back; harmless twice, and from the call of `commit` on. */
  discard(): void
}

/** What a batch needs of its shard. */
export interface BatchHost {
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly staging: StagingPool
  readonly host: { now(): bigint; readonly fence?: WriteFence | undefined }
  readonly queue: { submit(staged: StagedBatch, ack: Ack): Promise<WriteResult> }
  /** Id of the rollup whose buckets these rows are; all others may not go to tables of rollups. */
  readonly rollup?: number
}

/** Bytes that one batch may stage, unless its options say otherwise. */
export const BATCH_BYTES_MAX = 64 << 20
const ROWS_PER_CALL = 65_536

/** Begins a batch. */
export function createBatch(host: BatchHost, options: BatchOptions = {}): Batch {
  return new StagingBatch(host, options)
}

/** Text of one form that is under way. */
interface OpenText {
  readonly form: TextForm
  readonly parse: TextParser
  /** Of CSV: which spec, and its plan once the header is read. */
  readonly spec: string
  readonly plan: CsvPlan | null
}

class StagingBatch implements Batch {
  private readonly host: BatchHost
  private readonly options: BatchOptions
  private readonly database: string
  private readonly staging: Staging
  private readonly place: StagingPlace
  private heldBytes = 0
  private readonly lease: CatalogLease
  /** Of the shard's part of the map when the batch began. */
  private readonly epoch: number
  private text: OpenText | null = null
  /** A message that is not staged to its end. */
  private underWay: Message | null = null
  /** CSV that has not come to the end of its header. */
  private header: { bytes: Uint8Array; spec: CsvSpec } | null = null
  /** After an error that left the text in the middle, the batch can only be discarded. */
  private failure: unknown = null
  private isFinished = false
  /** The write queue has its memory; `commit` gives it back. */
  private isSubmitted = false

  constructor(host: BatchHost, options: BatchOptions) {
    this.host = host
    this.options = options
    this.database = options.database ?? 'default'
    host.catalog.texts.makeRoom()
    this.staging = new Staging({
      kernel: host.instance.kernel,
      memory: host.instance.memory,
      catalogTables: host.catalog.pointer,
      databaseId: host.catalog.databases.get(this.database)?.id ?? null,
      arrival: options.arrival ?? host.host.now(),
      now: host.catalog.clock.now(),
      bytesMax: options.bytesMax ?? BATCH_BYTES_MAX,
    })
    this.place = host.staging.open()
    this.place.hold(this.staging.regionBytes)
    this.lease = host.catalog.lease()
    this.epoch = host.host.fence?.epoch ?? 0
  }

  get rowCount(): number {
    return this.isFinished ? 0 : this.staging.rowCount
  }

  get byteSize(): number {
    return this.isFinished ? 0 : this.staging.byteSize
  }

  get errors(): readonly LineError[] {
    return this.staging.errors
  }

  get hasRoom(): boolean {
    return this.place.hasRoom
  }

  async room(heldBytes = 0, signal?: AbortSignal): Promise<void> {
    this.heldBytes = heldBytes
    this.place.hold(this.staging.regionBytes + heldBytes)
    await this.place.room(signal)
  }

  lineProtocol(chunk: Uint8Array): void {
    this.guarded(() => {
      if (this.header !== null || this.text?.form !== 'lines') {
        this.endText()
        this.beginText('ns')
        const { kernel } = this.host.instance
        const { pointer } = this.staging
        const parse: TextParser = (source, length, isFinal) =>
          kernel.lineProtocol(pointer, source, length, isFinal ? 1 : 0)
        this.text = { form: 'lines', parse, spec: '', plan: null }
      }
      this.staging.feed(chunk, this.text!.parse, 'lines')
    })
  }

  csv(chunk: Uint8Array, spec: CsvSpec): void {
    this.guarded(() => {
      const key = specKey(spec)
      if (this.text?.spec === key) return this.staging.feed(chunk, this.text.parse, 'csv')
      if (this.header === null || specKey(this.header.spec) !== key) this.endText()
      const before = this.header?.bytes ?? new Uint8Array()
      const bytes = new Uint8Array(before.length + chunk.length)
      bytes.set(before)
      bytes.set(chunk, before.length)
      this.header = { bytes, spec }
      this.openCsv(false)
    })
  }

  points(points: ColumnPoints): void {
    this.guarded(() => {
      this.endText()
      const { staging } = this
      const { kernel } = staging
      const block = new ColumnBlock(staging.memory, points)
      try {
        const begun = staging.repeat(() => block.begin(kernel, staging.pointer))
        if (begun === 0) {
          for (let row = 0; row < block.rowCount;) {
            const to = Math.min(block.rowCount, row + ROWS_PER_CALL)
            staging.repeat(() => (row = block.stage(kernel, staging.pointer, row, to)))
          }
          kernel.pointsEnd(staging.pointer)
        }
        staging.collect('points', (row, column) => block.locate(row, column))
      } finally {
        block.release()
      }
    })
  }

  *message(
    kind: MessageKind,
    body: Uint8Array,
    snappyBytesMax?: number,
  ): Generator<undefined, void> {
    const steps = this.messageSteps(kind, body, snappyBytesMax)
    while (!this.guarded(() => steps.next().done)) yield
  }

  private *messageSteps(
    kind: MessageKind,
    body: Uint8Array,
    snappyBytesMax: number | undefined,
  ): Generator<undefined, void> {
    this.endText()
    this.staging.beginText()
    const message = new Message(this.staging, kind)
    this.underWay = message
    if (snappyBytesMax === undefined) message.setPlain(body)
    else yield* message.inflate(body, snappyBytesMax)
    yield* message.stage()
    this.underWay = null
    message.release()
  }

  async commit(ack: Ack = 'fsync'): Promise<WriteResult> {
    assert(!this.isSubmitted, 'batch: committed twice')
    try {
      assert(this.underWay === null, 'batch: committed before its message had come to its end')
      this.guarded(() => this.endText())
      this.refuseIfBad()
      const { staging } = this
      const refused = { rejected: staging.rejected, errors: [...staging.errors] }
      if (staging.rowCount === 0) return { written: 0, ack, ...refused }
      const { catalog, rollup = null, host } = this.host
      const { database, lease, epoch } = this
      const options = { database, lease, refused, rollup, epoch, host }
      const rows = new StagedRows(staging, catalog, options)
      this.isSubmitted = true
      return await this.host.queue.submit(rows, ack)
    } finally {
      this.isSubmitted = false
      this.discard()
    }
  }

  discard(): void {
    if (this.isSubmitted) return
    this.isFinished = true
    this.text?.plan?.release()
    this.text = null
    this.header = null
    this.underWay?.release()
    this.staging.release()
    this.place.close()
    this.lease.end()
  }

  /** Runs one call; an error that leaves text half read finishes the batch. */
  private guarded<T>(call: () => T): T {
    assert(!this.isFinished && !this.isSubmitted, 'batch: used after commit or discard')
    if (this.failure !== null) throw this.failure
    try {
      return this.host.instance.guard(call)
    } catch (error) {
      this.failure = error
      throw error
    } finally {
      const messageBytes = this.underWay?.byteSize ?? 0
      this.place.hold(this.staging.regionBytes + this.heldBytes + messageBytes)
    }
  }

  private beginText(precision: Precision): void {
    this.staging.beginText()
    this.staging.setTimeUnit(UNIT_NS[this.options.precision ?? precision])
  }

  /** Ends the text that is under way: what is pending is its last line. */
  private endText(): void {
    if (this.header !== null) this.openCsv(true)
    if (this.text === null) return
    const { parse, form, plan } = this.text
    this.staging.finish(parse, form)
    this.text = null
    plan?.release()
  }

  /** Reads the header if it is whole, and stages what follows it. */
  private openCsv(isFinal: boolean): void {
    const { bytes, spec } = this.header!
    const header = readHeader(bytes, isFinal)
    if (header === null) return
    const { kernel, memory } = this.host.instance
    const columnsMax = kernel.CSV_COLUMNS_MAX.value
    const tagKeys = new Set(this.knownTags(spec.table))
    const columns = planColumns(header.names, spec, (name) => tagKeys.has(name), columnsMax)
    this.header = null
    this.beginText('ms')
    this.staging.addLines(header.lineCount)
    const plan = new CsvPlan(kernel, memory, spec.table, columns)
    const parse: TextParser = (source, length, isLast) =>
      kernel.csvRows(this.staging.pointer, plan.pointer, source, length, isLast ? 1 : 0)
    this.text = { form: 'csv', parse, spec: specKey(spec), plan }
    this.staging.feed(bytes.subarray(header.size), parse, 'csv')
  }

  private knownTags(table: string): string[] {
    const { catalog } = this.host
    const known = catalog.databases.get(this.database)?.tables.get(table)
    return known === undefined ? [] : catalog.tagKeys(known)
  }

  private refuseIfBad(): void {
    const { errors, rejected, malformed } = this.staging
    const { partial = false } = this.options
    if (rejected === 0 || partial === true) return
    if (partial === 'types' && malformed === 0) return
    const decisive =
      partial === 'types' ? errors.find(({ code }) => isMalformed(code))! : errors[0]!
    throw new OmenError(decisive.code, describe(decisive), { errors: [...errors] })
  }
}

/** Equal for specs that mean the same: callers may make a new one for each chunk. */
function specKey({ table, time, tags, types }: CsvSpec): string {
  return JSON.stringify([table, time, tags, types])
}

function isMalformed(code: string): boolean {
  return code === 'line_protocol' || code === 'bad_request' || code === 'unsafe_integer'
}

function describe({ line, column, pointer, message }: LineError): string {
  if (line !== null) return `line ${line}, column ${column}: ${message}`
  return pointer === null || pointer === '' ? message : `${pointer}: ${message}`
}
