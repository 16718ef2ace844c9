// Protocol Buffers, written: what the OTLP route answers, and the messages it makes of JSON. A message
// inside another gets its length when it ends, in five bytes, so that nothing is copied.

const encoder = new TextEncoder()
const LENGTH_BYTES = 5

export class MessageWriter {
  private bytes = new Uint8Array(1024)
  private view = new DataView(this.bytes.buffer)
  private size = 0

  /** What was written; the writer keeps it. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.size)
  }

  /** A field of wire type 0; up to 64 bits. */
  varint(field: number, value: bigint): void {
    this.key(field, 0)
    this.number(BigInt.asUintN(64, value))
  }

  /** A field of wire type 1. */
  fixed(field: number, value: bigint): void {
    this.key(field, 1)
    this.reserve(8)
    this.view.setBigUint64(this.size, BigInt.asUintN(64, value), true)
    this.size += 8
  }

  double(field: number, value: number): void {
    this.key(field, 1)
    this.reserve(8)
    this.view.setFloat64(this.size, value, true)
    this.size += 8
  }

  blob(field: number, value: Uint8Array): void {
    this.key(field, 2)
    this.number(BigInt(value.length))
    this.reserve(value.length)
    this.bytes.set(value, this.size)
    this.size += value.length
  }

  text(field: number, value: string): void {
    this.blob(field, encoder.encode(value))
  }

  /** Begins a message inside this one: what to give to `end`. */
  begin(field: number): number {
    this.key(field, 2)
    this.reserve(LENGTH_BYTES)
    this.size += LENGTH_BYTES
    return this.size
  }

  end(start: number): void {
    let length = this.size - start
    for (let i = LENGTH_BYTES; i > 0; i--) {
      this.bytes[start - i] = (length & 127) | (i > 1 ? 128 : 0)
      length >>>= 7
    }
  }

  private key(field: number, type: number): void {
    this.number(BigInt((field << 3) | type))
  }

  private number(value: bigint): void {
    this.reserve(10)
    for (; value > 127n; value >>= 7n) this.bytes[this.size++] = Number(value & 127n) | 128
    this.bytes[this.size++] = Number(value)
  }

  private reserve(count: number): void {
    if (this.size + count <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.size + count))
    larger.set(this.bytes.subarray(0, this.size))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }
}
