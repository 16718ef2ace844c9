// Reads the body of one message, field after field; what does not fit is 08P01.

import { SqlError } from '../../sql/sql-error.ts'
import { decodeText } from './decode.ts'

export class Body {
  private readonly bytes: Buffer
  private offset = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  int8(): number {
    return this.take(1)[0]!
  }

  int16(): number {
    return this.take(2).readUInt16BE()
  }

  int32(): number {
    return this.take(4).readInt32BE()
  }

  oid(): number {
    return this.take(4).readUInt32BE()
  }

  take(count: number): Buffer {
    const end = this.offset + count
    if (count < 0 || end > this.bytes.length) {
      throw new SqlError('08P01', 'insufficient data left in message')
    }
    const taken = this.bytes.subarray(this.offset, end)
    this.offset = end
    return taken
  }

  /** Text up to a zero. Throws 22021 for what is not UTF-8. */
  text(): string {
    const zero = this.bytes.indexOf(0, this.offset)
    if (zero === -1) throw new SqlError('08P01', 'invalid string in message')
    const text = decodeText(this.take(zero - this.offset))
    this.offset++
    return text
  }

  rest(): Buffer {
    return this.take(this.bytes.length - this.offset)
  }

  end(): void {
    if (this.offset !== this.bytes.length) {
      throw new SqlError('08P01', 'invalid message format')
    }
  }
}
