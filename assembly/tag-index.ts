// Tag index: for every (table, tag key) one u32 column with the value id + 1 of each series of the
// table, by ordinal (0 = the series lacks the key). Equality on a tag is then a scan of 4 bytes a
// series, without a string. Two key tables name keys and values:
//   keys:   table id u32, tag key       → key id;   a = table id, b = column pointer, c = its capacity
//   values: key id u32, value           → value id
// The canonical series key it reads is: table id u32, then per tag varint length, key, varint
// length, value (docs/format.md).

import { keyTableEntry, keyTableHasRoom, keyTableInsert } from './key-table'
import { FULL } from './layout'

// The varint reader's cursor: where the next byte is.
let cursor: usize = 0

function readLength(): u32 {
  let result: u32 = 0
  let shift: u32 = 0
  while (true) {
    const byte = u32(load<u8>(cursor++))
    result |= (byte & 127) << shift
    if (byte < 128) return result
    shift += 7
  }
}

/** Id of the key (prefix u32, bytes), added if absent, or FULL. The arena's free end is its scratch. */
function internPair(table: usize, prefix: u32, bytes: usize, length: u32): i32 {
  if (!keyTableHasRoom(table, length + 4)) return FULL
  const scratch = usize(load<u32>(table, 20)) + usize(load<u32>(table, 28))
  store<u32>(scratch, prefix)
  memory.copy(scratch + 4, bytes, usize(length))
  return keyTableInsert(table, scratch, length + 4)
}

/**
 * Enters the series with this canonical key into the tag columns at row `ordinal`. FULL when `keys`,
 * `values` or a column lacks room: make room (a column: at least ordinal + 1 zeroed entries) and
 * call again; entering a series twice is harmless.
 */
export function tagIndexAdd(
  keys: usize,
  values: usize,
  key: usize,
  length: u32,
  ordinal: u32,
): i32 {
  const end = key + usize(length)
  const table = load<u32>(key)
  cursor = key + 4
  while (cursor < end) {
    const keyLength = readLength()
    const keyId = internPair(keys, table, cursor, keyLength)
    if (keyId < 0) return FULL
    cursor += usize(keyLength)
    const entry = keyTableEntry(keys, u32(keyId))
    store<u32>(entry, table, 16)
    if (load<u32>(entry, 24) <= ordinal) return FULL
    const valueLength = readLength()
    const valueId = internPair(values, u32(keyId), cursor, valueLength)
    if (valueId < 0) return FULL
    cursor += usize(valueLength)
    store<u32>(usize(load<u32>(entry, 20)) + (usize(ordinal) << 2), u32(valueId) + 1)
  }
  return 0
}
