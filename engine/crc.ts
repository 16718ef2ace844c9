// CRC-32C (Castagnoli) for the control plane: file headers, log records, manifests. Eight tables,
// eight bytes a step (Kounavis and Berry, "slicing-by-8", 2005). Large regions of kernel memory go
// through the kernel's crc32c, which means the same; a `Checksum` lets a caller choose.

/** Continues `seed`, the checksum of the bytes before (0 at the start); unsigned 32 bits. */
export type Checksum = (bytes: Uint8Array, seed: number) => number

const POLYNOMIAL = 0x82f63b78
const [T0, T1, T2, T3, T4, T5, T6, T7] = makeTables()

/** `crc32c(b, crc32c(a))` equals `crc32c(a ++ b)`; the result is unsigned. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  const whole = bytes.length - (bytes.length % 8)
  let crc = ~seed
  let i = 0
  for (; i < whole; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    crc =
      T7[crc & 255]! ^
      T6[(crc >>> 8) & 255]! ^
      T5[(crc >>> 16) & 255]! ^
      T4[crc >>> 24]! ^
      T3[bytes[i + 4]!]! ^
      T2[bytes[i + 5]!]! ^
      T1[bytes[i + 6]!]! ^
      T0[bytes[i + 7]!]!
  }
  for (; i < bytes.length; i++) crc = T0[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}

type Tables = [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]

/** Table k advances the checksum of a byte by k further zero bytes. */
function makeTables(): Tables {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256)) as Tables
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[0][byte] = crc
  }
  for (let k = 1; k < 8; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const crc = tables[k - 1]![byte]!
      tables[k]![byte] = tables[0][crc & 255]! ^ (crc >>> 8)
    }
  }
  return tables
}
