// Events of a tail as server-sent events (WHATWG HTML, 9.2): pulled as the client reads, a comment where
// nothing happens, which also says how far the tail has come, so that who comes back goes on there.

import type { TailEvent, TailStream } from '../../engine/tail/tail.ts'
import type { OmenError } from '../../engine/error.ts'
import type { EventHolder, EventRoom } from './event-room.ts'
import { describeColumns, encodeSeries, type JsonFormat, type KernelSource } from './json.ts'
import type { Piece } from './stream.ts'

export interface EventOptions {
  readonly format: JsonFormat
  readonly kernel: KernelSource
  /** Milliseconds of silence before a comment. */
  readonly commentMs: number
  /** A problem document, on one line. */
  readonly problem: (error: unknown) => string
  /** Where the events are that clients have not taken yet. */
  readonly room: EventRoom
  /** Ends the stream of a client that does not keep up. */
  readonly drop: () => void
}

/** How long a browser waits before it comes back, in milliseconds. */
const RETRY_MS = 1_000

const NO_PIECES: Iterator<Piece> = { next: () => ({ done: true, value: undefined }) }

export class EventBody implements AsyncIterator<Uint8Array>, EventHolder {
  private readonly tail: TailStream
  private readonly options: EventOptions
  private readonly encoder = new TextEncoder()
  private pieces: Iterator<Piece>
  /** The event that is waited for, across comments. */
  private coming: Promise<IteratorResult<TailEvent>> | null = null
  private isPulled = false
  private pulledAt = performance.now()
  private isInEvent = false
  private isOver = false
  private failure: OmenError | null = null
  /** The columns that the client was told of last. */
  private columns = ''

  constructor(tail: TailStream, options: EventOptions) {
    this.tail = tail
    this.options = options
    this.pieces = [`: omendb\nretry: ${RETRY_MS}\nid: ${tail.id}\n\n`][Symbol.iterator]()
  }

  /** Since when the client has not asked for more, in milliseconds of `performance`; null: it waits. */
  get stalledAt(): number | null {
    return this.isPulled ? null : this.pulledAt
  }

  /** Resolves when there is room for an event of the tail. */
  admit(event: TailEvent): Promise<void> {
    return this.options.room.admit(this, event)
  }

  drop(): void {
    this.options.drop()
  }

  /** Ends with an error event if the client ever reads on; in the middle of an event, by throwing. */
  fail(error: OmenError): void {
    this.failure = error
    this.pieces = NO_PIECES
    this.options.room.leave(this)
    void this.tail.return()
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    this.isPulled = true
    try {
      for (;;) {
        if (this.failure !== null && this.isInEvent) throw this.failure
        const piece = this.pieces.next()
        if (piece.done !== true) return { done: false, value: this.bytesOf(piece.value) }
        this.isInEvent = false
        // A generator that is done still holds what it was called with.
        this.pieces = NO_PIECES
        if (this.isOver) return { done: true, value: undefined }
        await this.prepare()
      }
    } finally {
      this.isPulled = false
      this.pulledAt = performance.now()
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.isOver = true
    this.pieces = NO_PIECES
    this.options.room.leave(this)
    await this.tail.return()
    return { done: true, value: undefined }
  }

  private bytesOf(piece: Piece): Uint8Array {
    return typeof piece === 'string' ? this.encoder.encode(piece) : piece
  }

  /** Gets the pieces of the next event or comment. */
  private async prepare(): Promise<void> {
    try {
      if (this.failure !== null) throw this.failure
      if (this.coming === null) this.options.room.leave(this)
      this.coming ??= this.tail.next()
      const next = await this.within(this.coming)
      if (next === null) {
        this.pieces = [`: alive\nid: ${this.tail.id}\n\n`][Symbol.iterator]()
        return
      }
      this.coming = null
      if (this.failure !== null) throw this.failure
      if (next.done === true) this.isOver = true
      else this.pieces = this.encode(next.value)
    } catch (error) {
      this.isOver = true
      const text = `event: error\ndata: ${this.options.problem(error)}\n\n`
      this.pieces = [text][Symbol.iterator]()
    }
  }

  /** What comes before it is time for a comment, else null. */
  private within<T>(coming: Promise<T>): Promise<T | null> {
    let timer: ReturnType<typeof setTimeout>
    const silence = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), this.options.commentMs)
    })
    return Promise.race([coming, silence]).finally(() => clearTimeout(timer))
  }

  private encode(event: TailEvent): Iterator<Piece> {
    const head = `id: ${this.tail.idOf(event)}\nevent: ${event.kind}\ndata: `
    if (event.kind === 'gap') {
      return [`${head}${JSON.stringify({ reason: event.reason })}\n\n`][Symbol.iterator]()
    }
    this.isInEvent = true
    const { format, kernel } = this.options
    const columns = describeColumns(event, format)
    const news = columns === this.columns ? '' : `"columns":${columns},`
    this.columns = columns
    return encodeSeries(`${head}{${news}`, event, '}\n\n', format, kernel)
  }
}
