// Bytes of a client → messages: a type, a length, a body. Lengths are looked at before anything is kept
// for them; beyond a read-ahead the socket is paused, so that a fast sender waits for its answers.
// Source: PostgreSQL 18, chapter "Frontend/Backend Protocol", section "Message Formats".

import type { Socket } from 'node:net'
import { SqlError } from '../../sql/sql-error.ts'
import { MESSAGE_BYTES_MAX, READ_AHEAD_BYTES, STARTUP_BYTES_MAX } from './limits.ts'

/** A message; `type` is its letter, of those of the startup ''. */
export interface Frame {
  readonly type: string
  readonly body: Buffer
}

/** What a client may send once it is known. */
const TYPES = new Set('BCDEFHPQSXcdfp')

export class FrameReader {
  private socket: Socket
  private chunks: Buffer[] = []
  private size = 0
  private isOver = false
  private wake: (() => void) | null = null
  /** Messages of the startup have no type, and are small. */
  private isTyped = false
  private sizeMax = STARTUP_BYTES_MAX

  constructor(socket: Socket) {
    this.socket = socket
    this.listen()
  }

  /** Bytes that have come and were not asked for yet. */
  get pending(): number {
    return this.size
  }

  /** From now on messages have types; they are small until the client is known. */
  expectTypes(): void {
    this.isTyped = true
  }

  /** The client is known: its messages may be large. */
  trust(): void {
    this.sizeMax = MESSAGE_BYTES_MAX
  }

  /** Goes on with another socket, the one inside of TLS. */
  attach(socket: Socket): void {
    this.socket = socket
    this.listen()
  }

  /** Lets go of the socket, which TLS takes. */
  detach(): void {
    this.socket.removeListener('data', this.take)
  }

  /** The next message; null: the client has gone. Throws 08P01 for a length or a type that cannot be. */
  async next(): Promise<Frame | null> {
    const head = this.isTyped ? 5 : 4
    while (this.size < head) if (!(await this.more())) return null
    const first = this.joined(head)
    const type = this.isTyped ? String.fromCharCode(first[0]!) : ''
    const length = first.readInt32BE(head - 4)
    if (this.isTyped && !TYPES.has(type)) {
      throw new SqlError('08P01', `invalid frontend message type ${first[0]}`)
    }
    if (length < 4 || length > this.sizeMax) throw new SqlError('08P01', 'invalid message length')
    const total = length + head - 4
    while (this.size < total) if (!(await this.more())) return null
    return { type, body: this.shift(total).subarray(head) }
  }

  private listen(): void {
    this.socket.on('data', this.take)
    this.socket.once('end', this.end)
    this.socket.once('close', this.end)
  }

  private readonly take = (chunk: Buffer): void => {
    this.chunks.push(chunk)
    this.size += chunk.length
    if (this.size > READ_AHEAD_BYTES) this.socket.pause()
    this.wake?.()
  }

  private readonly end = (): void => {
    this.isOver = true
    this.wake?.()
  }

  /** Waits for bytes; false if none will come. */
  private async more(): Promise<boolean> {
    if (this.isOver) return false
    const { size } = this
    this.socket.resume()
    await new Promise<void>((resolve) => {
      this.wake = resolve
    })
    this.wake = null
    return this.size > size
  }

  /** At least so many bytes in one piece. */
  private joined(count: number): Buffer {
    if (this.chunks[0]!.length < count) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0]!
  }

  private shift(count: number): Buffer {
    const whole = this.joined(count)
    const rest = whole.subarray(count)
    if (rest.length === 0) this.chunks.shift()
    else this.chunks[0] = rest
    this.size -= count
    return whole.subarray(0, count)
  }
}
