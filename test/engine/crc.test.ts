// CRC-32C against published vectors, in pieces, and against the kernel's.

import { expect, test } from 'vitest'
import { crc32c } from '../../engine/crc.ts'
import { openKernel } from '../kernel.ts'
import { randomOf } from '../random.ts'

/** The definition, a bit at a time. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

function randomBytes(length: number, seed: number): Uint8Array {
  const random = randomOf(seed)
  return Uint8Array.from({ length }, () => random.int(256))
}

// RFC 3720, appendix B.4, and the check value of the polynomial.
test.each([
  ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(255), 0x62a8ab43],
  ['rising bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
])('the checksum of %s is the published one', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected)
})

test('every length and alignment has the checksum of the definition', () => {
  const bytes = randomBytes(64, 1)
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= bytes.length; end++) {
      const part = bytes.subarray(start, end)
      expect(crc32c(part), `${start} to ${end}`).toBe(slowCrc32c(part))
    }
  }
})

test('a checksum continued over pieces is that of the whole', () => {
  const bytes = randomBytes(300, 2)
  const random = randomOf(3)
  for (let round = 0; round < 100; round++) {
    const cut = random.int(301)
    const first = crc32c(bytes.subarray(0, cut))
    expect(crc32c(bytes.subarray(cut), first), `cut ${cut}`).toBe(crc32c(bytes))
  }
})

test('the kernel has the same checksum, seed included', async () => {
  const { kernel, memory } = await openKernel()
  for (let seed = 0; seed < 50; seed++) {
    const bytes = randomBytes(seed * 13, seed)
    const region = memory.allocate(bytes.length)
    memory.bytes(region).set(bytes)
    const start = crc32c(Uint8Array.of(seed))
    const found = kernel.crc32c(region.offset, bytes.length, start) >>> 0
    expect(found, `seed ${seed}`).toBe(crc32c(bytes, start))
  }
})
