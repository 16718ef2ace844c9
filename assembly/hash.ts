// The one hash of OmenDB: XXH64 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
// It is a format constant: slots of stored key tables and the spread of series over shards depend
// on it, so it never changes. Test vectors stand in docs/format.md and
// test/assembly/key-table.test.ts.

const PRIME_1: u64 = 0x9e3779b185ebca87
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f
const PRIME_3: u64 = 0x165667b19e3779f9
const PRIME_4: u64 = 0x85ebca77c2b2ae63
const PRIME_5: u64 = 0x27d4eb2f165667c5

function round(accumulator: u64, input: u64): u64 {
  return rotl<u64>(accumulator + input * PRIME_2, 31) * PRIME_1
}

function mergeRound(hash: u64, accumulator: u64): u64 {
  return (hash ^ round(0, accumulator)) * PRIME_1 + PRIME_4
}

/** Hash of the whole 32-byte stripes from `p` to `end`: four lanes, joined. */
function hashStripes(p: usize, end: usize): u64 {
  let a: u64 = PRIME_1 + PRIME_2
  let b: u64 = PRIME_2
  let c: u64 = 0
  let d: u64 = 0 - PRIME_1
  while (p + 32 <= end) {
    a = round(a, load<u64>(p))
    b = round(b, load<u64>(p, 8))
    c = round(c, load<u64>(p, 16))
    d = round(d, load<u64>(p, 24))
    p += 32
  }
  let hash = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18)
  hash = mergeRound(hash, a)
  hash = mergeRound(hash, b)
  hash = mergeRound(hash, c)
  return mergeRound(hash, d)
}

/** XXH64 (seed 0) of `length` bytes at `pointer`. */
export function hashKey(pointer: usize, length: u32): u64 {
  let p = pointer
  const end = p + usize(length)
  let hash: u64 = PRIME_5
  if (length >= 32) {
    hash = hashStripes(p, end)
    p += usize(length & ~31)
  }
  hash += u64(length)
  while (p + 8 <= end) {
    hash = rotl<u64>(hash ^ round(0, load<u64>(p)), 27) * PRIME_1 + PRIME_4
    p += 8
  }
  if (p + 4 <= end) {
    hash = rotl<u64>(hash ^ (u64(load<u32>(p)) * PRIME_1), 23) * PRIME_2 + PRIME_3
    p += 4
  }
  while (p < end) {
    hash = rotl<u64>(hash ^ (u64(load<u8>(p)) * PRIME_5), 11) * PRIME_1
    p++
  }
  hash = (hash ^ (hash >> 33)) * PRIME_2
  hash = (hash ^ (hash >> 29)) * PRIME_3
  return hash ^ (hash >> 32)
}
