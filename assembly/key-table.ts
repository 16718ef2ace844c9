// Key table: byte string → dense u32 id (0, 1, 2 …), open addressing with linear probing over the
// stored hash. One structure for tables, columns, shapes, series, tag values and the private
// overlay of a request. The host owns the three regions (slots, entries, arena) and moves them when
// they fill.
//
// KeyTable (u32 each): 0 slots  4 slotCapacity  8 entries  12 entryCapacity  16 count  20 arena
//                      24 arenaCapacity  28 arenaUsed  32..64 reserved 0
// Entry: 0 keyOffset  4 keyLength (REMOVED = gone)  8 hash u64  16 a  20 b  24 c  28 d (else u32)
// Slot: u32 id + 1, 0 = empty. A removed key keeps its slot until the next move, so probes go on.

import { hashKey } from './hash'
import { FULL, KEY_ENTRY_SIZE, KEY_TABLE_SIZE, NOT_FOUND } from './layout'

/** The key length of a removed entry. */
export const REMOVED: u32 = 0xffffffff

/**
 * Makes an empty table of the 64 bytes at `table`. `slotCapacity` is a power of two and larger than
 * `entryCapacity`; the slots are zeroed here, the other regions need not be.
 */
export function keyTableInit(
  table: usize,
  slots: usize,
  slotCapacity: u32,
  entries: usize,
  entryCapacity: u32,
  arena: usize,
  arenaCapacity: u32,
): void {
  memory.fill(table, 0, KEY_TABLE_SIZE)
  memory.fill(slots, 0, usize(slotCapacity) << 2)
  store<u32>(table, u32(slots))
  store<u32>(table, slotCapacity, 4)
  store<u32>(table, u32(entries), 8)
  store<u32>(table, entryCapacity, 12)
  store<u32>(table, u32(arena), 20)
  store<u32>(table, arenaCapacity, 24)
}

/** How many ids the table has given out, removed ones included. */
export function keyTableCount(table: usize): u32 {
  return load<u32>(table, 16)
}

/** Pointer of the 32-byte entry of `id`, valid until the next move. */
export function keyTableEntry(table: usize, id: u32): usize {
  return usize(load<u32>(table, 8)) + usize(id) * KEY_ENTRY_SIZE
}

/** Pointer of the key bytes of an entry of this table, valid until the next move. */
export function keyTableKey(table: usize, entry: usize): usize {
  return usize(load<u32>(table, 20)) + usize(load<u32>(entry))
}

/** Are the `length` bytes at `a` and `b` equal? Compares 16 bytes a step, the last ones overlapping. */
export function bytesEqual(a: usize, b: usize, length: u32): bool {
  if (length >= 16) {
    const last = usize(length) - 16
    for (let i: usize = 0; i < last; i += 16) {
      if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false
    }
    return !v128.any_true(v128.xor(v128.load(a + last), v128.load(b + last)))
  }
  if (length >= 8) {
    const last = usize(length) - 8
    const isFirst = load<u64>(a) === load<u64>(b)
    return isFirst && load<u64>(a + last) === load<u64>(b + last)
  }
  if (length >= 4) {
    const last = usize(length) - 4
    const isFirst = load<u32>(a) === load<u32>(b)
    return isFirst && load<u32>(a + last) === load<u32>(b + last)
  }
  for (let i: usize = 0; i < usize(length); i++) {
    if (load<u8>(a + i) !== load<u8>(b + i)) return false
  }
  return true
}

/** Id of a key whose hash is known, or NOT_FOUND. */
export function keyTableFindHashed(table: usize, key: usize, length: u32, hash: u64): i32 {
  const slots = usize(load<u32>(table))
  const mask = load<u32>(table, 4) - 1
  let slot = u32(hash) & mask
  while (true) {
    const id = load<u32>(slots + (usize(slot) << 2))
    if (id === 0) return NOT_FOUND
    const entry = keyTableEntry(table, id - 1)
    if (
      load<u64>(entry, 8) === hash &&
      load<u32>(entry, 4) === length &&
      bytesEqual(keyTableKey(table, entry), key, length)
    ) {
      return i32(id - 1)
    }
    slot = (slot + 1) & mask
  }
}

/** Id of the key, or NOT_FOUND. */
export function keyTableFind(table: usize, key: usize, length: u32): i32 {
  return keyTableFindHashed(table, key, length, hashKey(key, length))
}

function fillSlot(slots: usize, mask: u32, hash: u64, id: u32): void {
  let slot = u32(hash) & mask
  while (load<u32>(slots + (usize(slot) << 2)) !== 0) slot = (slot + 1) & mask
  store<u32>(slots + (usize(slot) << 2), id + 1)
}

/** True if one more key of `length` bytes fits without a move. */
export function keyTableHasRoom(table: usize, length: u32): bool {
  const count = load<u32>(table, 16)
  return (
    count < load<u32>(table, 12) &&
    count + 1 < load<u32>(table, 4) &&
    length <= load<u32>(table, 24) - load<u32>(table, 28)
  )
}

/**
 * Appends a key that is known to be absent, with payload 0: its new id, or FULL (nothing changed).
 */
export function keyTableAppend(table: usize, key: usize, length: u32, hash: u64): i32 {
  if (!keyTableHasRoom(table, length)) return FULL
  const id = load<u32>(table, 16)
  const arenaUsed = load<u32>(table, 28)
  memory.copy(usize(load<u32>(table, 20)) + usize(arenaUsed), key, length)
  const entry = keyTableEntry(table, id)
  store<u32>(entry, arenaUsed)
  store<u32>(entry, length, 4)
  store<u64>(entry, hash, 8)
  store<u64>(entry, 0, 16)
  store<u64>(entry, 0, 24)
  store<u32>(table, arenaUsed + length, 28)
  store<u32>(table, id + 1, 16)
  fillSlot(usize(load<u32>(table)), load<u32>(table, 4) - 1, hash, id)
  return i32(id)
}

/** Id of the key, which is added with payload 0 if it is absent; FULL if that needs more room. */
export function keyTableInsert(table: usize, key: usize, length: u32): i32 {
  const hash = hashKey(key, length)
  const found = keyTableFindHashed(table, key, length, hash)
  return found >= 0 ? found : keyTableAppend(table, key, length, hash)
}

/**
 * Forgets the key of `id`. The id is never given out again; its entry keeps its payload, and until
 * a keyTablePack its key: the bytes stay, the hash's place gets their length.
 */
export function keyTableRemove(table: usize, id: u32): void {
  const entry = keyTableEntry(table, id)
  const length = load<u32>(entry, 4)
  if (length === REMOVED) return
  store<u64>(entry, u64(length), 8)
  store<u32>(entry, REMOVED, 4)
}

/** Length of the key that the entry of a removed id had; 0 once it was packed. */
export function removedLength(entry: usize): u32 {
  return load<u32>(entry, 8)
}

/** Gives the key bytes of removed ids free: those that stay move together, in order of id. */
export function keyTablePack(table: usize): void {
  const count = load<u32>(table, 16)
  const arena = usize(load<u32>(table, 20))
  let used: u32 = 0
  for (let id: u32 = 0; id < count; id++) {
    const entry = keyTableEntry(table, id)
    const length = load<u32>(entry, 4)
    const start = load<u32>(entry)
    store<u32>(entry, used)
    if (length === REMOVED) {
      store<u64>(entry, 0, 8)
      continue
    }
    memory.copy(arena + usize(used), arena + usize(start), length)
    used += length
  }
  store<u32>(table, used, 28)
}

/** Takes back the newest keys until `count` are left: their ids are given out again. */
export function keyTableTruncate(table: usize, count: u32): void {
  const slots = usize(load<u32>(table))
  const mask = load<u32>(table, 4) - 1
  let id = load<u32>(table, 16)
  while (id > count) {
    id--
    const entry = keyTableEntry(table, id)
    let slot = u32(load<u64>(entry, 8)) & mask
    // Newest first: no later key can have probed past this slot, so emptying it breaks no chain.
    for (let n: u32 = 0; n <= mask && load<u32>(slots + (usize(slot) << 2)) !== id + 1; n++) {
      slot = (slot + 1) & mask
    }
    if (load<u32>(slots + (usize(slot) << 2)) === id + 1) store<u32>(slots + (usize(slot) << 2), 0)
    store<u32>(table, load<u32>(entry), 28)
    store<u32>(table, id, 16)
  }
}

/** Appends removed entries until `count` ids are given out: 0, or FULL if they do not fit. */
export function keyTableSkip(table: usize, count: u32): i32 {
  while (load<u32>(table, 16) < count) {
    if (!keyTableHasRoom(table, 0)) return FULL
    const id = load<u32>(table, 16)
    const entry = keyTableEntry(table, id)
    memory.fill(entry, 0, KEY_ENTRY_SIZE)
    store<u32>(entry, load<u32>(table, 28))
    store<u32>(entry, REMOVED, 4)
    store<u32>(table, id + 1, 16)
  }
  return 0
}

/**
 * Moves the table into other regions (none may overlap the old ones) and rehashes. Each capacity
 * is at least what is used now; removed keys lose their slot. The old regions are then free.
 */
export function keyTableMove(
  table: usize,
  slots: usize,
  slotCapacity: u32,
  entries: usize,
  entryCapacity: u32,
  arena: usize,
  arenaCapacity: u32,
): void {
  const count = load<u32>(table, 16)
  memory.copy(entries, usize(load<u32>(table, 8)), usize(count) * KEY_ENTRY_SIZE)
  memory.copy(arena, usize(load<u32>(table, 20)), usize(load<u32>(table, 28)))
  memory.fill(slots, 0, usize(slotCapacity) << 2)
  for (let id: u32 = 0; id < count; id++) {
    const entry = entries + usize(id) * KEY_ENTRY_SIZE
    if (load<u32>(entry, 4) !== REMOVED) fillSlot(slots, slotCapacity - 1, load<u64>(entry, 8), id)
  }
  store<u32>(table, u32(slots))
  store<u32>(table, slotCapacity, 4)
  store<u32>(table, u32(entries), 8)
  store<u32>(table, entryCapacity, 12)
  store<u32>(table, u32(arena), 20)
  store<u32>(table, arenaCapacity, 24)
}
