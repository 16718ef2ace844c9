// A stream of chunks read by counts of bytes. It keeps one chunk at a time, so what is read here costs
// no more memory than the largest piece that is asked for at once.

import { OmenError } from '../error.ts'

const GROWTH = 1 << 20

export class ByteReader {
  /** Bytes read so far. */
  offset = 0
  private readonly chunks: AsyncIterator<Uint8Array>
  private chunk: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.chunks = source[Symbol.asyncIterator]()
  }

  /** Whether the stream has ended. */
  async isAtEnd(): Promise<boolean> {
    return !(await this.fill())
  }

  /** The next bytes that are at hand, at least one, without taking them. */
  async peek(): Promise<Uint8Array> {
    if (!(await this.fill())) throw this.endsEarly()
    return this.chunk
  }

  /** Some of the next bytes, 1 to `most`; valid for as long as the source leaves its chunk alone. */
  async some(most: number): Promise<Uint8Array> {
    if (!(await this.fill())) throw this.endsEarly()
    const bytes = this.chunk.subarray(0, most)
    this.chunk = this.chunk.subarray(bytes.length)
    this.offset += bytes.length
    return bytes
  }

  /** Exactly `size` bytes, of the caller's own. Throws `bad_request` if the stream ends before. */
  async exactly(size: number): Promise<Uint8Array> {
    // A size that somebody made up costs no more memory than the bytes that really come.
    let bytes = new Uint8Array(Math.min(size, GROWTH))
    for (let at = 0; at < size;) {
      if (at === bytes.length) bytes = grown(bytes, Math.min(size, 2 * at))
      const piece = await this.some(bytes.length - at)
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }

  /** Ends the source, read or not. */
  async close(): Promise<void> {
    await this.chunks.return?.()
  }

  private async fill(): Promise<boolean> {
    while (this.chunk.length === 0) {
      const next = await this.chunks.next()
      if (next.done === true) return false
      this.chunk = next.value
    }
    return true
  }

  private endsEarly(): OmenError {
    return new OmenError('bad_request', `backup: ends at ${this.offset}, before it is whole`)
  }
}

function grown(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size)
  larger.set(bytes)
  return larger
}
