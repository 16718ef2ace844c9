import { describe, expect, test } from 'vitest'
import { crc32c } from '../../engine/crc.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const { kernel, memory } = await openKernel()

function checksum(bytes: Uint8Array, seed = 0): number {
  const region = memory.allocate(bytes.length + 8)
  memory.u8.set(bytes, region.offset + 3)
  const result = kernel.crc32c(region.offset + 3, bytes.length, seed) >>> 0
  memory.release(region)
  return result
}

describe('the kernel checksum', () => {
  // RFC 3720, appendix B.4.
  const vectors: [string, Uint8Array, number][] = [
    ['32 zero bytes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['32 ascending bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 descending bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ]
  test.each(vectors)('of %s is the published one', (_name, bytes, expected) => {
    expect(checksum(bytes)).toBe(expected)
  })

  test('equals the one of the host at every length from 0 to 300, with any seed', () => {
    const random = seededRandom(3)
    for (let length = 0; length <= 300; length++) {
      const bytes = Uint8Array.from({ length }, () => random() * 256)
      const seed = Math.floor(random() * 2 ** 32)
      expect(checksum(bytes), `length ${length}`).toBe(crc32c(bytes))
      expect(checksum(bytes, seed), `length ${length} seed ${seed}`).toBe(crc32c(bytes, seed))
    }
  })

  test('of a whole is that of its pieces one after the other, cut anywhere', () => {
    const random = seededRandom(4)
    const bytes = Uint8Array.from({ length: 100 }, () => random() * 256)
    for (let cut = 0; cut <= 100; cut++) {
      expect(checksum(bytes.subarray(cut), checksum(bytes.subarray(0, cut)))).toBe(checksum(bytes))
    }
  })
})
