// Protocol Buffers, as far as a reader of messages needs them: one field after another, with its key
// (number << 3 | wire type) and either its bits or where its bytes are. Every length is checked against
// the end of the message. Source: protobuf.dev/programming-guides/encoding. Groups, which proto3 lacks,
// are refused.

import { readVarint, varintValue } from './varint'

/** Wire types, the low bits of a key. */
export const VARINT: u32 = 0
export const FIXED_64: u32 = 1
export const BYTES: u32 = 2
const FIXED_32: u32 = 5

/**
 * Fields that one call of the kernel reads at most before its message is refused: whoever walks a message
 * pauses long before, so that only a single thing of absurdly many fields comes to it.
 */
const FIELDS_MAX: u32 = 1 << 20

/** Of the field that was read last: key, bits of a number, place of bytes. */
export let fieldKey: u32 = 0
export let fieldValue: u64 = 0
export let fieldStart: usize = 0
export let fieldEnd: usize = 0

/** Fields that this call has read, or work that counts as much. */
export let fieldsRead: u32 = 0

/** A call begins. */
export function beginFields(): void {
  fieldsRead = 0
}

/** Counts work that is not reading. */
export function countFields(count: u32): void {
  fieldsRead += count
}

/**
 * Reads the field at p of a message that goes to `end`: the address behind it, 0 if these bytes are no
 * message.
 */
export function nextField(p: usize, end: usize): usize {
  if (++fieldsRead > FIELDS_MAX) return 0
  p = readVarint(p, end)
  if (p === 0 || varintValue < 8 || varintValue > 0xffffffff) return 0
  fieldKey = u32(varintValue)
  const type = fieldKey & 7
  if (type === FIXED_64) {
    if (end - p < 8) return 0
    fieldValue = load<u64>(p)
    return p + 8
  }
  if (type === FIXED_32) {
    if (end - p < 4) return 0
    fieldValue = u64(load<u32>(p))
    return p + 4
  }
  if (type !== VARINT && type !== BYTES) return 0
  p = readVarint(p, end)
  if (p === 0) return 0
  fieldValue = varintValue
  if (type === VARINT) return p
  if (varintValue > u64(end - p)) return 0
  fieldStart = p
  fieldEnd = p + usize(varintValue)
  return fieldEnd
}
