// Vectors of an answer: typed arrays outside of kernel memory, read from slots, grown row by chunk,
// cut and reversed.

import type { Memory } from '../memory.ts'
import type { ValueType, Vector } from './query.ts'

/** Where slots lie in kernel memory. */
export interface Slots {
  /** Pointer of u64[count], 8-byte aligned. */
  readonly values: number
  /** Pointer of u8[count]; 0 = all valid. */
  readonly valid: number
  readonly count: number
  /** What string offsets count from; 0 if they are pointers. */
  readonly base: number
}

const decoder = new TextDecoder()

/** Copies slots out of kernel memory. */
export function readVector(memory: Memory, type: ValueType, slots: Slots): Vector {
  const { values, valid, count } = slots
  const at = values >>> 3
  const mask = valid === 0 ? null : memory.u8.slice(valid, valid + count)
  switch (type) {
    case 'float':
      return { values: memory.f64.slice(at, at + count), valid: mask }
    case 'integer':
      return { values: memory.i64.slice(at, at + count), valid: mask }
    case 'unsigned':
      return { values: memory.u64.slice(at, at + count), valid: mask }
    case 'boolean': {
      const booleans = new Uint8Array(count)
      const { u32 } = memory
      for (let i = 0; i < count; i++) booleans[i] = u32[(at + i) * 2]!
      return { values: booleans, valid: mask }
    }
    default:
      return { values: readStrings(memory, slots, mask), valid: mask }
  }
}

/** Strings repeat in a chunk as the same bytes of a dictionary: each place is decoded once. */
function readStrings(memory: Memory, slots: Slots, valid: Uint8Array | null): string[] {
  const { values, count, base } = slots
  const { u32, u8 } = memory
  const known = new Map<number, string>()
  const strings = Array.from({ length: count }, () => '')
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue
    const at = (values >>> 2) + i * 2
    const start = base + u32[at]!
    const length = u32[at + 1]!
    const name = start * 2 ** 21 + length
    let text = length < 2 ** 21 ? known.get(name) : undefined
    if (text === undefined) {
      text = decoder.decode(u8.subarray(start, start + length))
      known.set(name, text)
    }
    strings[i] = text
  }
  return strings
}

/** An empty vector of a type. */
export function emptyVector(type: ValueType, count: number): Vector {
  return { values: emptyValues(type, count), valid: null }
}

/** Values of a type, all zero, false or ''. */
export function emptyValues(type: ValueType, count: number): Vector['values'] {
  switch (type) {
    case 'float':
      return new Float64Array(count)
    case 'integer':
      return new BigInt64Array(count)
    case 'unsigned':
      return new BigUint64Array(count)
    case 'boolean':
      return new Uint8Array(count)
    default:
      return Array.from({ length: count }, () => '')
  }
}

/** Rows [from, to) of a vector, a copy. */
export function sliceVector(vector: Vector, from: number, to: number): Vector {
  const valid = vector.valid === null ? null : vector.valid.slice(from, to)
  return { values: vector.values.slice(from, to), valid }
}

/** The same over the vector's own memory where it has any: not to be changed. */
export function viewVector({ values, valid }: Vector, from: number, to: number): Vector {
  return {
    values: Array.isArray(values) ? values.slice(from, to) : values.subarray(from, to),
    valid: valid?.subarray(from, to) ?? null,
  }
}

/** The vector's rows from last to first, in place. */
export function reverseVector({ values, valid }: Vector): void {
  values.reverse()
  valid?.reverse()
}

/** Vectors of one type, one after the other. */
export function joinVectors(type: ValueType, vectors: readonly Vector[]): Vector {
  if (vectors.length === 1) return vectors[0]!
  const count = vectors.reduce((sum, { values }) => sum + values.length, 0)
  const hasNulls = vectors.some(({ valid }) => valid !== null)
  const joined = emptyValues(type, count)
  const valid = hasNulls ? new Uint8Array(count).fill(1) : null
  let at = 0
  for (const vector of vectors) {
    if (Array.isArray(joined))
      for (const [i, text] of (vector.values as string[]).entries()) joined[at + i] = text
    else (joined as Float64Array).set(vector.values as Float64Array, at)
    if (vector.valid !== null) valid!.set(vector.valid, at)
    at += vector.values.length
  }
  return { values: joined, valid }
}

/** Times one after the other. */
export function joinTimes(parts: readonly BigInt64Array[]): BigInt64Array {
  if (parts.length === 1) return parts[0]!
  const joined = new BigInt64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
