import { describe, expect, test } from 'vitest'
import { openKernel, seededRandom } from '../kernel.ts'
import { block, compress, copy, join, literal } from '../snappy.ts'

/** What the kernel makes of a block in steps of `budget` bytes; a status if it is none. */
async function inflate(bytes: Uint8Array, budget = 1 << 20): Promise<Uint8Array | number> {
  const { kernel, memory } = await openKernel()
  const slack = kernel.SNAPPY_SLACK.value
  const source = memory.allocate(bytes.length + slack)
  memory.u8.set(bytes, source.offset)
  const size = kernel.snappySize(source.offset, bytes.length)
  if (size < 0) return size
  // What lies around the target must stay as it is.
  const target = memory.allocate(size + slack + 1024)
  memory.u8.fill(0xa5, target.offset, target.offset + target.size)
  const start = target.offset + 512
  const cursor = memory.allocate(kernel.SNAPPY_CURSOR_SIZE.value)
  kernel.snappyBegin(cursor.offset, source.offset, bytes.length, start)
  let status = 1
  for (let calls = 0; status === 1; calls++) {
    status = kernel.snappyInflate(cursor.offset, budget)
    if (calls > bytes.length + size) throw new Error('it does not come to an end')
  }
  const before = memory.u8.subarray(target.offset, start)
  const behind = memory.u8.subarray(start + size + slack, target.offset + target.size)
  expect([...before, ...behind].every((byte) => byte === 0xa5)).toBe(true)
  return status === 0 ? memory.u8.slice(start, start + size) : status
}

const text = (characters: string): Uint8Array => new TextEncoder().encode(characters)
const CORRUPT = -2

describe('a block', () => {
  test('of nothing inflates to nothing', async () => {
    expect(await inflate(block(0))).toEqual(new Uint8Array())
  })

  test.each([1, 59, 60, 61, 255, 256, 257, 65_535, 65_536, 65_537, 70_000])(
    'of a literal of %i bytes inflates to it',
    async (size) => {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 255)
      expect(await inflate(block(size, literal(bytes)))).toEqual(bytes)
    },
  )

  test('has copies with offsets of one, two and four bytes', async () => {
    const base = text('abcdefghijklmnopqrstuvwxyz')
    for (const kind of [1, 2, 4] as const) {
      const bytes = block(26 + 11, literal(base), copy(kind, 20, 11))
      expect(await inflate(bytes)).toEqual(join([base, base.subarray(6, 17)]))
    }
    const far = new Uint8Array(70_000).map((_, i) => (i >> 3) & 255)
    const copied = block(70_064, literal(far), copy(4, 69_999, 64))
    expect(await inflate(copied)).toEqual(join([far, far.subarray(1, 65)]))
  })

  test.each([1, 2, 3, 7, 8, 15, 16, 17])('repeats a pattern of %i bytes', async (offset) => {
    const base = Uint8Array.from({ length: offset }, (_, i) => i + 1)
    const expected = Uint8Array.from({ length: offset + 64 }, (_, i) => (i % offset) + 1)
    for (const kind of [2, 4] as const) {
      const bytes = block(offset + 64, literal(base), copy(kind, offset, 64))
      expect(await inflate(bytes)).toEqual(expected)
    }
    const short = block(offset + 11, literal(base), copy(1, offset, 11))
    expect(await inflate(short)).toEqual(expected.subarray(0, offset + 11))
  })

  test('is inflated in steps as in one', async () => {
    const random = seededRandom(5)
    const bytes = Uint8Array.from({ length: 50_000 }, () => Math.floor(random() ** 4 * 200))
    const packed = compress(bytes)
    expect(packed.length).toBeLessThan(bytes.length)
    for (const budget of [1, 100, 4096, 1 << 20]) {
      expect(await inflate(packed, budget)).toEqual(bytes)
    }
  })
})

describe('damage is found', () => {
  test.each<[string, Uint8Array]>([
    ['no size', new Uint8Array()],
    ['a size that does not end', Uint8Array.of(255, 255, 255, 255, 255, 255)],
    ['a size of 2^31', block(2 ** 31, literal('a'))],
    ['a size that so few bytes cannot have', block(64 << 20, literal('abc'))],
    ['more than was declared', block(2, literal('abc'))],
    ['less than was declared', block(4, literal('abc'))],
    ['nothing where something was declared', block(4)],
    ['a literal that is cut', block(3, literal('abc').subarray(0, 3))],
    ['a literal of 2^32 bytes', block(4, Uint8Array.of(63 << 2, 255, 255, 255, 255))],
    ['a length that is cut', block(100, Uint8Array.of(61 << 2, 1))],
    ['a copy of what is before the start', block(8, literal('abcd'), copy(2, 5, 4))],
    ['a copy of offset 0', block(8, literal('abcd'), copy(2, 0, 4))],
    ['a copy first', block(4, copy(1, 1, 4))],
    ['a copy beyond the end', block(6, literal('abcd'), copy(2, 4, 4))],
    ['an offset that is cut', block(8, literal('abcd'), copy(4, 4, 4).subarray(0, 3))],
    ['bytes behind the end', block(3, literal('abc'), Uint8Array.of(0))],
  ])('%s', async (_, bytes) => {
    expect(await inflate(bytes)).toBe(CORRUPT)
  })

  test('every truncation of a block is refused', async () => {
    const bytes = compress(text('the quick brown fox, the quick brown fox, the lazy dog'.repeat(9)))
    for (let end = 0; end < bytes.length; end++) {
      expect(await inflate(bytes.subarray(0, end))).toBe(CORRUPT)
    }
  })

  test('no change of a byte traps, writes beyond the target or goes on for ever', async () => {
    const random = seededRandom(11)
    const bytes = compress(text('time series of time, series of series of time'.repeat(7)))
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice()
      changed[i] = Math.floor(random() * 256)
      const result = await inflate(changed)
      if (typeof result === 'number') expect(result).toBe(CORRUPT)
    }
  })
})
