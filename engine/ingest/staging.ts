// Host side of a request's staging (assembly/staging.ts): owns its regions, feeds text in pieces
// that kernel memory holds, grows what the kernel says is too small, and collects what was refused.

import { OmenError, assert, type LineError } from '../error.ts'
import type { Kernel } from '../kernel.ts'
import { KeyTable } from '../catalog/key-table.ts'
import type { Memory, Region } from '../memory.ts'
import { wordRefusal, type TextForm } from './refusal.ts'

/** A kernel call that takes whole lines of text: how many bytes. */
export type TextParser = (source: number, length: number, isFinal: boolean) => number
/** Where row and column (from 0, null = neither) of a refused point are, as a JSON pointer. */
export type PointLocator = (row: number | null, column: number | null) => string | null

export interface StagingOptions {
  kernel: Kernel
  memory: Memory
  /** Pointer of the catalog's CatalogTables. */
  catalogTables: number
  /** Id of the database, or null if the commit will create it. */
  databaseId: number | null
  /** Time of points that have none. */
  arrival: bigint
  /** From when the retention of tables counts back; 0 = nothing is too old. */
  now: bigint
  /** Most bytes that the request may stage. */
  bytesMax: number
}

/** The database id that stands for one that does not exist yet. */
const NEW_DATABASE = 0x80000000
const NONE = 0xffffffff
/** Text is parsed in pieces of this size; longer lines make the piece grow. */
const SLICE_BYTES = 262_144
/** What the parsers may touch behind the text. */
const SLACK_BYTES = 64
const ERRORS_MAX = 100
const ERROR_BYTES = 32
const ROWS_SHORT = 7
const ARENA_SHORT = 8
const ERRORS_SHORT = 9
/** Bit: of a key table the key bytes are too small, not its entries. */
const BYTES_SHORT = 0x100

// Offsets in the Staging structure.
const SHORT = 60
const FIELD = {
  rows: 32,
  rowsUsed: 40,
  rowCount: 44,
  arena: 48,
  arenaUsed: 56,
  errors: 64,
} as const
const COUNT = { kept: 72, rejected: 88, malformed: 92, lines: 96 } as const

const decoder = new TextDecoder()

export class Staging {
  readonly pointer: number
  readonly kernel: Kernel
  readonly memory: Memory
  /** Points are measured against the retention as of this time, nanoseconds. */
  readonly now: bigint
  /** What was refused, the first 100. */
  readonly errors: LineError[] = []
  private readonly bytesMax: number
  private readonly head: Region
  /** Tables, columns, shapes and series that are new; texts of series; known tables written to. */
  private readonly keyTables: KeyTable[] = []
  private rows: Region
  private arena: Region
  private errorList: Region | null = null
  private errorText: Region | null = null
  private input: Region | null = null
  private inputUsed = 0
  /** Bytes of pending text below which another look at it would find no whole line, likely. */
  private retryAt = 0
  private sawMalformed = false
  private isReleased = false

  constructor(options: StagingOptions) {
    const { kernel, memory, catalogTables, databaseId } = options
    this.kernel = kernel
    this.memory = memory
    this.bytesMax = options.bytesMax
    this.now = options.now
    const held: { release(): void }[] = []
    try {
      this.head = hold(memory, held, kernel.STAGING_SIZE.value)
      this.rows = hold(memory, held, 16_384)
      this.arena = hold(memory, held, 1024)
      for (let i = 0; i < 6; i++) {
        const table = new KeyTable(kernel, memory, 16)
        this.keyTables.push(table)
        held.push(table)
      }
    } catch (error) {
      for (const part of held) part.release()
      throw error
    }
    this.pointer = this.head.offset
    kernel.stagingInit(this.pointer, catalogTables, databaseId ?? NEW_DATABASE)
    this.keyTables.forEach((table, i) => this.setField(8 + 4 * i, table.pointer))
    this.publishRows()
    this.publishArena()
    memory.i64[(this.pointer + 112) / 8] = options.arrival
    memory.i64[(this.pointer + 168) / 8] = options.now
  }

  get rowCount(): number {
    return this.field(FIELD.rowCount)
  }
  get rowBytes(): number {
    return this.field(FIELD.rowsUsed)
  }
  get arenaBytes(): number {
    return this.field(FIELD.arenaUsed)
  }
  /** Lines, rows or points that were refused. */
  get rejected(): number {
    return this.field(COUNT.rejected)
  }
  /** How many of them were malformed. */
  get malformed(): number {
    return this.field(COUNT.malformed)
  }
  get rowRegion(): Region {
    return this.rows
  }
  get arenaRegion(): Region {
    return this.arena
  }

  /** The overlay: tables, columns, shapes, series that are new. */
  get overlay(): readonly KeyTable[] {
    return this.keyTables.slice(0, 4)
  }

  /** Ids of the catalog's tables that rows go to, but for those that are new in the overlay. */
  get touchedTables(): number[] {
    const touched = this.keyTables[5]!
    return Array.from({ length: touched.count }, (_, i) => {
      const key = touched.key(i)
      return new DataView(key.buffer, key.byteOffset).getUint32(0, true)
    })
  }

  /** Bytes staged, pending text included. */
  get byteSize(): number {
    let bytes = this.rowBytes + this.arenaBytes + this.inputUsed
    for (const table of this.overlay) bytes += table.usedBytes
    return bytes
  }

  /** Bytes of kernel memory held, spare room included. */
  get regionBytes(): number {
    const { head, rows, arena, errorList, errorText, input } = this
    let bytes = 0
    for (const region of [head, rows, arena, errorList, errorText, input])
      bytes += region?.size ?? 0
    for (const table of this.keyTables) bytes += table.byteSize
    return bytes
  }

  /** Sets the nanoseconds of one unit of the integer times to come. */
  setTimeUnit(nanoseconds: bigint): void {
    this.memory.i64[(this.pointer + 120) / 8] = nanoseconds
  }

  /** Counts lines that the host has read itself. */
  addLines(count: number): void {
    this.setField(COUNT.lines, this.field(COUNT.lines) + count)
  }

  /** Starts text of another form: line numbers count anew, nothing is predicted. */
  beginText(): void {
    this.setField(COUNT.lines, 0)
    this.kernel.stagingForget(this.pointer)
  }

  /** Parses what is whole of pending text and chunk; the rest waits. Throws `too_large`, `busy`. */
  feed(chunk: Uint8Array, parse: TextParser, form: TextForm): void {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + SLICE_BYTES)
      this.append(piece)
      at += piece.length
      if (this.inputUsed >= this.retryAt) this.parsePending(parse, false, form)
      this.checkSize()
    }
  }

  /** Parses pending text to its end. */
  finish(parse: TextParser, form: TextForm): void {
    if (this.inputUsed > 0) this.parsePending(parse, true, form)
    this.checkSize()
  }

  /** Puts bytes that are rows and their strings already into the empty regions of both. */
  fill(rows: Uint8Array, arena: Uint8Array): void {
    assert(this.rowBytes === 0 && this.arenaBytes === 0, 'staging: filled, but not empty')
    this.rows = this.memory.grow(this.rows, Math.max(this.rows.size, rows.length), 0)
    this.arena = this.memory.grow(this.arena, Math.max(this.arena.size, arena.length), 0)
    this.memory.u8.set(rows, this.rows.offset)
    this.memory.u8.set(arena, this.arena.offset)
    this.publishRows()
    this.publishArena()
    this.setField(FIELD.rowsUsed, rows.length)
    this.setField(FIELD.arenaUsed, arena.length)
  }

  /** Calls a kernel function until it no longer says that a region is short. */
  repeat(call: () => number): number {
    for (;;) {
      this.setField(SHORT, 0)
      const result = call()
      const short = this.field(SHORT)
      if (short === 0) return result
      this.grow(short)
    }
  }

  /** The id that commitValidate's failure is about. */
  get failedId(): number {
    return this.field(SHORT)
  }

  /** The type that the catalog has for the column that a CONFLICT is about. */
  get failedType(): number {
    return this.field(148)
  }

  /** Takes the refusals that came since the last call into `errors`. */
  collect(form: TextForm, locate?: PointLocator): void {
    const count = this.field(COUNT.kept)
    // The first malformed one replaces the last if the list was full.
    if (this.errors.length === ERRORS_MAX && !this.sawMalformed && this.malformed > 0) {
      this.errors.pop()
    }
    while (this.errors.length < count)
      this.errors.push(this.readError(this.errors.length, form, locate))
    this.sawMalformed = this.malformed > 0
  }

  /** Gives all memory back; harmless when done twice. */
  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    for (const table of this.keyTables) table.release()
    const { head, rows, arena, errorList, errorText, input } = this
    for (const region of [head, rows, arena, errorList, errorText, input]) {
      if (region !== null) this.memory.release(region)
    }
  }

  private append(piece: Uint8Array): void {
    const need = this.inputUsed + piece.length + SLACK_BYTES
    if (this.input === null) {
      this.input = this.memory.allocate(Math.max(need, 16_384))
    } else if (need > this.input.size) {
      this.checkSize()
      const size = Math.max(need, 2 * this.input.size)
      this.input = this.memory.grow(this.input, size, this.inputUsed)
    }
    this.memory.u8.set(piece, this.input.offset + this.inputUsed)
    this.inputUsed += piece.length
  }

  private parsePending(parse: TextParser, isFinal: boolean, form: TextForm): void {
    const start = this.input!.offset
    let taken = 0
    for (;;) {
      taken += parse(start + taken, this.inputUsed - taken, isFinal)
      const short = this.field(SHORT)
      if (short === 0) break
      this.grow(short)
    }
    assert(
      !isFinal || taken === this.inputUsed,
      `staging: ${this.inputUsed - taken} bytes left over`,
    )
    this.memory.u8.copyWithin(start, start + taken, start + this.inputUsed)
    this.inputUsed -= taken
    // A long line that comes in small pieces is looked at each time it has grown by half.
    this.retryAt = taken === 0 ? this.inputUsed * 1.5 : 0
    this.collect(form)
  }

  private grow(short: number): void {
    this.checkSize()
    if (short === ROWS_SHORT) {
      this.rows = this.memory.grow(this.rows, this.rows.size * 2, this.rowBytes)
      this.publishRows()
    } else if (short === ARENA_SHORT) {
      this.arena = this.memory.grow(this.arena, this.arena.size * 2, this.arenaBytes)
      this.publishArena()
    } else if (short === ERRORS_SHORT) {
      this.growErrors()
    } else {
      this.keyTables[(short & ~BYTES_SHORT) - 1]!.grow((short & BYTES_SHORT) !== 0)
    }
  }

  private growErrors(): void {
    this.errorList ??= this.memory.allocate(ERRORS_MAX * ERROR_BYTES)
    this.errorText =
      this.errorText === null
        ? this.memory.allocate(8192)
        : this.memory.grow(this.errorText, this.errorText.size * 2, this.field(84))
    this.setField(FIELD.errors, this.errorList.offset)
    this.setField(FIELD.errors + 4, ERRORS_MAX)
    this.setField(76, this.errorText.offset)
    this.setField(80, this.errorText.size)
  }

  /** Throws `too_large` when more is staged than the request may. */
  checkSize(): void {
    if (this.byteSize <= this.bytesMax) return
    const message = `batch: ${this.byteSize} bytes staged, over the limit of ${this.bytesMax}`
    throw new OmenError('too_large', message)
  }

  private publishRows(): void {
    this.setField(FIELD.rows, this.rows.offset)
    this.setField(FIELD.rows + 4, this.rows.size)
  }

  private publishArena(): void {
    this.setField(FIELD.arena, this.arena.offset)
    this.setField(FIELD.arena + 4, this.arena.size)
  }

  private readError(index: number, form: TextForm, locate?: PointLocator): LineError {
    const { u8, u32 } = this.memory
    const at = (this.errorList!.offset + index * ERROR_BYTES) / 4
    const [line, column, kind, text] = [u32[at]!, u32[at + 1]!, u32[at + 2]!, u32[at + 3]!]
    const [inputLength, tokenLength] = [u32[at + 4]!, u32[at + 5]!]
    const start = this.errorText!.offset + text
    const input = decoder.decode(u8.slice(start, start + inputLength))
    const tokenStart = start + inputLength
    const token = decoder.decode(u8.slice(tokenStart, tokenStart + tokenLength))
    const refusal = { kind, token, has: u32[at + 6]!, sent: u32[at + 7]! }
    const { message, code } = wordRefusal(this.kernel, refusal, form)
    if (locate === undefined) return { line, column, pointer: null, message, input, code }
    const pointer = locate(line === NONE ? null : line, column === NONE ? null : column)
    return { line: null, column: null, pointer, message, input: input || null, code }
  }

  private field(offset: number): number {
    return this.memory.u32[(this.pointer + offset) >>> 2]!
  }

  private setField(offset: number, value: number): void {
    this.memory.u32[(this.pointer + offset) >>> 2] = value
  }
}

/** The catalog's four key tables. */
export interface CatalogKeys {
  readonly pointer: number
  readonly tables: KeyTable
  readonly columns: KeyTable
  readonly shapes: KeyTable
  readonly series: KeyTable
}

/** More than any key has. */
const KEY_BYTES_MAX = 66_000

/**
 * Enters catalog entries that were read back into the key tables, making room as needed. Entries
 * that are known already may come again. Throws `corrupt`.
 */
export function replayEntries(
  instance: { kernel: Kernel; memory: Memory },
  catalog: CatalogKeys,
  entries: Uint8Array,
): void {
  const { kernel, memory } = instance
  const region = memory.allocate(entries.length)
  try {
    memory.u8.set(entries, region.offset)
    let at = 0
    while (at < entries.length) {
      const next = kernel.catalogReplay(catalog.pointer, region.offset, entries.length, at)
      if (next < 0) throw new OmenError('corrupt', `catalog: a bad entry after byte ${at}`)
      at = next
      if (at === entries.length) break
      for (const table of [catalog.tables, catalog.columns, catalog.shapes, catalog.series]) {
        table.reserve(1024, KEY_BYTES_MAX)
      }
    }
  } finally {
    memory.release(region)
  }
}

/** Allocates and notes how to give it back. */
function hold(memory: Memory, held: { release(): void }[], size: number): Region {
  const region = memory.allocate(size)
  held.push({ release: () => memory.release(region) })
  return region
}
