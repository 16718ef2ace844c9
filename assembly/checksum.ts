// CRC-32C (Castagnoli, reflected 0x82F63B78), eight bytes a step from eight tables (Kounavis and
// Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators").
// The tables live in static memory and are built by the first call.

const POLYNOMIAL: u32 = 0x82f63b78
const TABLES: usize = memory.data(8192)
let isBuilt: bool = false

/**
 * Checksum of `size` bytes. `seed` is 0, or the result so far: crc32c(b, crc32c(a, 0)) is that of
 * a followed by b. Any other seed makes a checksum that only the same seed confirms.
 */
export function crc32c(pointer: usize, size: usize, seed: u32): u32 {
  if (!isBuilt) buildTables()
  let crc = ~seed
  const end = pointer + size
  const wideEnd = pointer + (size & ~7)
  while (pointer < wideEnd) {
    const low = load<u32>(pointer) ^ crc
    const high = load<u32>(pointer, 4)
    crc =
      entry(7, low & 0xff) ^
      entry(6, (low >> 8) & 0xff) ^
      entry(5, (low >> 16) & 0xff) ^
      entry(4, low >> 24) ^
      entry(3, high & 0xff) ^
      entry(2, (high >> 8) & 0xff) ^
      entry(1, (high >> 16) & 0xff) ^
      entry(0, high >> 24)
    pointer += 8
  }
  while (pointer < end) {
    crc = (crc >> 8) ^ entry(0, (crc ^ load<u8>(pointer)) & 0xff)
    pointer++
  }
  return ~crc
}

function entry(table: usize, index: u32): u32 {
  return load<u32>(TABLES + (table << 10) + (usize(index) << 2))
}

function buildTables(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * POLYNOMIAL)
    store<u32>(TABLES + (usize(i) << 2), crc)
  }
  for (let i: u32 = 0; i < 256; i++) {
    let crc = entry(0, i)
    for (let table: usize = 1; table < 8; table++) {
      crc = (crc >> 8) ^ entry(0, crc & 0xff)
      store<u32>(TABLES + (table << 10) + (usize(i) << 2), crc)
    }
  }
  isBuilt = true
}
