// FlatBuffers, written: tables, strings and vectors nested as values, laid out front to back, each table
// behind its vtable and before what it refers to (flatbuffers.dev, "FlatBuffer internals"). What an Arrow
// schema or batch needs and no more.

/** A scalar of so many bytes, a reference to something behind, or null for the default. */
export type FlatField = FlatScalar | FlatNode | null

export interface FlatScalar {
  readonly kind: 'scalar'
  readonly bytes: 1 | 2 | 4 | 8
  readonly value: number
}

export type FlatNode =
  | { readonly kind: 'table'; readonly fields: readonly FlatField[] }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'tables'; readonly items: readonly FlatNode[] }
  /** Structs of 64-bit numbers, one after the other; `width` numbers each. */
  | { readonly kind: 'longs'; readonly width: number; readonly values: readonly number[] }

export const scalar = (bytes: FlatScalar['bytes'], value: number): FlatScalar => {
  return { kind: 'scalar', bytes, value }
}
export const table = (...fields: FlatField[]): FlatNode => ({ kind: 'table', fields })
export const text = (value: string): FlatNode => ({ kind: 'string', text: value })
export const tables = (items: readonly FlatNode[]): FlatNode => ({ kind: 'tables', items })
export const longs = (width: number, values: readonly number[]): FlatNode => {
  return { kind: 'longs', width, values }
}

/** The buffer whose root is a table, a multiple of eight bytes long. Numbers are safe integers. */
export function writeFlatBuffer(root: FlatNode): Uint8Array {
  const writer = new Writer()
  writer.reserve(4)
  writer.refer(0, writer.node(root))
  writer.align(8, 0)
  return writer.bytes.slice(0, writer.size)
}

const encoder = new TextEncoder()

class Writer {
  bytes = new Uint8Array(1024)
  size = 0
  private view = new DataView(this.bytes.buffer)

  /** Room for so many bytes, all zero: where it begins. */
  reserve(count: number): number {
    const at = this.size
    this.size += count
    if (this.size > this.bytes.length) {
      const larger = new Uint8Array(2 * this.size)
      larger.set(this.bytes)
      this.bytes = larger
      this.view = new DataView(larger.buffer)
    }
    return at
  }

  /** Pads until what lies `ahead` bytes from here is at a multiple of `width`. */
  align(width: number, ahead: number): void {
    const over = (this.size + ahead) % width
    if (over > 0) this.reserve(width - over)
  }

  refer(at: number, target: number): void {
    this.view.setUint32(at, target - at, true)
  }

  /** Writes something and what it refers to: where it begins. */
  node(node: FlatNode): number {
    if (node.kind === 'table') return this.table(node.fields)
    if (node.kind === 'string') return this.string(encoder.encode(node.text))
    if (node.kind === 'longs') return this.longs(node.values, node.width)
    return this.tables(node.items)
  }

  private string(bytes: Uint8Array): number {
    this.align(4, 0)
    const at = this.reserve(4 + bytes.length + 1)
    this.view.setUint32(at, bytes.length, true)
    this.bytes.set(bytes, at + 4)
    return at
  }

  private longs(values: readonly number[], width: number): number {
    this.align(8, 4)
    const at = this.reserve(4 + 8 * values.length)
    this.view.setUint32(at, values.length / width, true)
    for (const [i, value] of values.entries()) {
      this.view.setBigInt64(at + 4 + 8 * i, BigInt(value), true)
    }
    return at
  }

  private tables(items: readonly FlatNode[]): number {
    this.align(4, 0)
    const at = this.reserve(4 + 4 * items.length)
    this.view.setUint32(at, items.length, true)
    for (const [i, item] of items.entries()) this.refer(at + 4 + 4 * i, this.node(item))
    return at
  }

  private table(fields: readonly FlatField[]): number {
    this.align(2, 0)
    const vtable = this.reserve(4 + 2 * fields.length)
    this.align(8, 4)
    const at = this.reserve(4)
    const places = this.place(fields)
    this.view.setUint16(vtable, 4 + 2 * fields.length, true)
    this.view.setUint16(vtable + 2, this.size - at, true)
    this.view.setInt32(at, at - vtable, true)
    for (const [i, place] of places.entries()) {
      this.view.setUint16(vtable + 4 + 2 * i, place === 0 ? 0 : place - at, true)
    }
    for (const [i, field] of fields.entries()) {
      if (field !== null && field.kind !== 'scalar') this.refer(places[i]!, this.node(field))
    }
    return at
  }

  /** Lays a table's fields out, the widest first, and writes its scalars: where each is, 0 = nowhere. */
  private place(fields: readonly FlatField[]): number[] {
    const places = fields.map(() => 0)
    for (const width of [8, 4, 2, 1]) {
      for (const [i, field] of fields.entries()) {
        if (field === null || widthOf(field) !== width) continue
        places[i] = this.reserve(width)
        if (field.kind === 'scalar') this.scalar(places[i], field)
      }
    }
    return places
  }

  private scalar(at: number, { bytes, value }: FlatScalar): void {
    if (bytes === 8) this.view.setBigInt64(at, BigInt(value), true)
    else if (bytes === 4) this.view.setInt32(at, value, true)
    else if (bytes === 2) this.view.setInt16(at, value, true)
    else this.view.setInt8(at, value)
  }
}

function widthOf(field: FlatScalar | FlatNode): number {
  return field.kind === 'scalar' ? field.bytes : 4
}
