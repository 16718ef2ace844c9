// Messages of the server, collected in one buffer and written at once when it is full or when the
// client waits. A buffer belongs to the socket once it is written, so there is a new one then; whoever
// writes much awaits `flush`, which waits for a slow reader.
// Source: PostgreSQL 18, chapter "Frontend/Backend Protocol", section "Message Formats".

import type { Socket } from 'node:net'
import { SqlError } from '../../sql/sql-error.ts'
import { WRITE_BYTES } from './limits.ts'

/** Room behind a full buffer, so that most last messages fit. */
const SLACK_BYTES = 4096

const allocate = (size: number): Buffer => Buffer.allocUnsafeSlow(size)

export class MessageWriter {
  bytes = allocate(WRITE_BYTES + SLACK_BYTES)
  /** Where the next byte goes. */
  offset = 0
  private socket: Socket
  private start = 0
  private isOpen = false

  constructor(socket: Socket) {
    this.socket = socket
  }

  attach(socket: Socket): void {
    this.socket = socket
  }

  /** Whether it is time to flush. */
  get isFull(): boolean {
    return this.offset >= WRITE_BYTES
  }

  /** Begins a message; one that was not ended, as its value threw, is taken back. */
  begin(type: string): this {
    if (this.isOpen) this.offset = this.start
    this.isOpen = true
    this.reserve(5)
    this.start = this.offset
    this.bytes[this.offset] = type.charCodeAt(0)
    this.offset += 5
    return this
  }

  end(): void {
    this.isOpen = false
    this.bytes.writeInt32BE(this.offset - this.start - 1, this.start + 1)
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.offset + count
    if (needed <= this.bytes.length) return
    if (needed > 0x4000_0000) throw new SqlError('54000', 'a row is larger than 1 GB')
    const larger = allocate(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.offset)
    this.bytes = larger
  }

  int8(value: number): this {
    this.reserve(1)
    this.bytes[this.offset++] = value
    return this
  }

  int16(value: number): this {
    this.reserve(2)
    this.offset = this.bytes.writeUInt16BE(value & 0xffff, this.offset)
    return this
  }

  int32(value: number): this {
    this.reserve(4)
    this.offset = this.bytes.writeInt32BE(value | 0, this.offset)
    return this
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.offset)
    this.offset += bytes.length
    return this
  }

  /** UTF-8 without an end. */
  text(text: string): this {
    this.reserve(text.length * 3)
    this.offset += this.bytes.write(text, this.offset, 'utf8')
    return this
  }

  /** UTF-8 and a zero; a zero inside ends it early. */
  zeroEnded(text: string): this {
    const end = text.indexOf('\0')
    return this.text(end === -1 ? text : text.slice(0, end)).int8(0)
  }

  /** A value: its length, then its bytes. */
  sizedText(text: string): void {
    const at = this.offset
    this.int32(0).text(text)
    this.bytes.writeInt32BE(this.offset - at - 4, at)
  }

  /** Sends what there is; resolves when the socket takes more, or has gone. */
  async flush(): Promise<void> {
    if (this.offset === 0) return
    const { socket } = this
    const part = this.bytes.subarray(0, this.offset)
    this.bytes = allocate(WRITE_BYTES + SLACK_BYTES)
    this.offset = 0
    if (socket.destroyed || socket.write(part)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }
}
