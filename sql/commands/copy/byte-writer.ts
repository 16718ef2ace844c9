// Bytes that grow at their end and are taken away in chunks.

const encoder = new TextEncoder()

export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #size = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get size(): number {
    return this.#size
  }

  /** What was written; the writer is empty then. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#size)
    this.#size = 0
    return taken
  }

  int8(value: number): void {
    this.#view.setUint8(this.#reserve(1), value)
  }

  int16(value: number): void {
    this.#view.setInt16(this.#reserve(2), value)
  }

  int32(value: number): void {
    this.#view.setInt32(this.#reserve(4), value)
  }

  int64(value: bigint): void {
    this.#view.setBigInt64(this.#reserve(8), value)
  }

  float32(value: number): void {
    this.#view.setFloat32(this.#reserve(4), value)
  }

  float64(value: number): void {
    this.#view.setFloat64(this.#reserve(8), value)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** In UTF-8. */
  text(text: string): void {
    const at = this.#reserve(3 * text.length)
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at))
    this.#size = at + written
  }

  /** What `write` writes, behind the number of its bytes. */
  sized(write: () => void): void {
    const at = this.#reserve(4)
    write()
    this.#view.setInt32(at, this.#size - at - 4)
  }

  /** Where the next bytes go, of which there is room for so many. */
  #reserve(count: number): number {
    const at = this.#size
    this.#size += count
    if (this.#size <= this.#bytes.length) return at
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#size))
    grown.set(this.#bytes.subarray(0, at))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
    return at
  }
}
