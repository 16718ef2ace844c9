// Thrift's compact protocol, writing, as far as Parquet's metadata needs it: structs whose fields have
// short ids in ascending order, integers as zigzag varints, lists of structs, of texts and of numbers.
// A struct is given as its fields: `[id, value]`, absent ones left out.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

/** Field types of the protocol. */
const TRUE = 1
const FALSE = 2
const BYTE = 3
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

/** A value with its type. */
export type ThriftValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'i8' | 'i32'; readonly value: number }
  | { readonly kind: 'i64'; readonly value: bigint }
  | { readonly kind: 'binary'; readonly value: Uint8Array }
  | { readonly kind: 'struct'; readonly value: ThriftStruct }
  /** Members of one kind; structs also as bytes that encodeStruct made. */
  | { readonly kind: 'list'; readonly value: readonly ThriftValue[] }
  | { readonly kind: 'encoded'; readonly value: readonly Uint8Array[] }

/** Fields by ascending id; null = absent. */
export type ThriftStruct = readonly (readonly [id: number, value: ThriftValue | null])[]

export const i32 = (value: number): ThriftValue => ({ kind: 'i32', value })
export const i64 = (value: number | bigint): ThriftValue => ({ kind: 'i64', value: BigInt(value) })
export const bool = (value: boolean): ThriftValue => ({ kind: 'bool', value })
export const binary = (value: Uint8Array): ThriftValue => ({ kind: 'binary', value })
export const text = (value: string): ThriftValue => binary(encoder.encode(value))
export const struct = (...value: ThriftStruct): ThriftValue => ({ kind: 'struct', value })
export const list = (value: readonly ThriftValue[]): ThriftValue => ({ kind: 'list', value })
/** A list of structs that were encoded before. */
export const encoded = (value: readonly Uint8Array[]): ThriftValue => ({ kind: 'encoded', value })

const encoder = new TextEncoder()

/** The bytes of a struct. */
export function encodeStruct(fields: ThriftStruct): Uint8Array<ArrayBuffer> {
  const target = new Target()
  target.struct(fields)
  return target.take()
}

/** A growing buffer. */
class Target {
  private bytes = new Uint8Array(256)
  private size = 0

  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.size)
  }

  struct(fields: ThriftStruct): void {
    let last = 0
    for (const [id, value] of fields) {
      if (value === null) continue
      const type = typeOf(value)
      const delta = id - last
      if (delta > 0 && delta < 16) this.byte((delta << 4) | type)
      else {
        this.byte(type)
        this.varint(zigzag(BigInt(id)))
      }
      last = id
      if (value.kind !== 'bool') this.value(value)
    }
    this.byte(0)
  }

  private value(given: ThriftValue): void {
    switch (given.kind) {
      case 'i8':
      case 'bool':
        return this.byte(Number(given.value) & 255)
      case 'i32':
        return this.varint(zigzag(BigInt(given.value)))
      case 'i64':
        return this.varint(zigzag(given.value))
      case 'binary':
        this.varint(BigInt(given.value.length))
        return this.append(given.value)
      case 'struct':
        return this.struct(given.value)
      case 'list': {
        const [first] = given.value
        this.listHead(given.value.length, first === undefined ? STRUCT : typeOf(first))
        for (const member of given.value) this.value(member)
        return
      }
      default:
        this.listHead(given.value.length, STRUCT)
        for (const member of given.value) this.append(member)
    }
  }

  private listHead(count: number, type: number): void {
    if (count < 15) return this.byte((count << 4) | type)
    this.byte(0xf0 | type)
    this.varint(BigInt(count))
  }

  private varint(value: bigint): void {
    let rest = value
    for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128)
    this.byte(Number(rest))
  }

  private byte(value: number): void {
    this.reserve(1)
    this.bytes[this.size++] = value
  }

  private append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.size)
    this.size += bytes.length
  }

  private reserve(count: number): void {
    if (this.size + count <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.size + count))
    larger.set(this.bytes)
    this.bytes = larger
  }
}

function zigzag(value: bigint): bigint {
  return value < 0n ? -2n * value - 1n : 2n * value
}

function typeOf(value: ThriftValue): number {
  switch (value.kind) {
    case 'bool':
      return value.value ? TRUE : FALSE
    case 'i8':
      return BYTE
    case 'i32':
      return I32
    case 'i64':
      return I64
    case 'binary':
      return BINARY
    case 'struct':
      return STRUCT
    default:
      return LIST
  }
}
