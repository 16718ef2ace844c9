// Zstandard bodies where the host has no inflater of its own (RFC 8878): fzstd does the work, and is given
// one block at a time, so that a step makes no more than the 128 KiB of a block. Frames are walked here,
// because fzstd would allocate whatever window a header asks for, and pass over what it cannot do
// (dictionaries). It does not verify checksums.

import { Decompress } from 'fzstd'

/** The window that every decoder should have (RFC 8878, 3.1.1.1.2); more is refused. */
export const WINDOW_BYTES_MAX = 8 << 20

/** Bytes that the blocks of a body may move through windows: fzstd moves the whole one for each block. */
const MOVED_BYTES_MAX = 2 ** 32
const BLOCK_BYTES_MAX = 131_072
const RLE = 1
const RESERVED = 3

/** The inflated bytes of all frames. Throws if they are damaged, cut short or beyond a limit. */
export async function* inflateZstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new Input(chunks)
  const moved = { bytes: 0 }
  let frames = 0
  try {
    for (; await input.has(1); frames++) yield* inflateFrame(input, moved)
    if (frames === 0) throw new Error('no frame')
  } finally {
    await input.end()
  }
}

async function* inflateFrame(input: Input, moved: { bytes: number }): AsyncGenerator<Uint8Array> {
  const start = await input.take(4)
  const magic = numberOf(start)
  if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
    await input.skip(numberOf(await input.take(4)))
    return
  }
  if (magic !== 0xfd2fb528) throw new Error('not a frame')
  const header = await readHeader(input)
  const inflated: Uint8Array[] = []
  const decoder = new Decompress((bytes) => void inflated.push(bytes))
  decoder.push(join([start, header.bytes]))
  for (let isLast = false; !isLast;) {
    const head = await input.take(3)
    const word = numberOf(head)
    isLast = (word & 1) === 1
    const type = (word >> 1) & 3
    const size = word >> 3
    if (type === RESERVED || size > BLOCK_BYTES_MAX) throw new Error('not a block')
    moved.bytes += header.windowBytes
    if (moved.bytes > MOVED_BYTES_MAX) throw new Error('too many blocks')
    const block = await input.take(type === RLE ? 1 : size)
    const checksum = isLast && header.hasChecksum ? await input.take(4) : new Uint8Array()
    decoder.push(join([head, block, checksum]), isLast)
    for (const bytes of inflated.splice(0)) if (bytes.length > 0) yield bytes
  }
}

/** What a frame's header says behind its magic number. */
async function readHeader(
  input: Input,
): Promise<{ bytes: Uint8Array; windowBytes: number; hasChecksum: boolean }> {
  const first = await input.take(1)
  const descriptor = first[0]!
  const isSingle = (descriptor & 32) !== 0
  if ((descriptor & 3) !== 0) throw new Error('a dictionary is needed')
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag === 0 ? Number(isSingle) : 1 << sizeFlag
  const rest = await input.take((isSingle ? 0 : 1) + sizeBytes)
  const size = rest.subarray(rest.length - sizeBytes)
  const windowBytes = isSingle ? numberOf(size) + (sizeFlag === 1 ? 256 : 0) : windowSize(rest[0]!)
  if (windowBytes > WINDOW_BYTES_MAX) throw new Error(`a window of ${windowBytes} bytes`)
  return { bytes: join([first, rest]), windowBytes, hasChecksum: (descriptor & 4) !== 0 }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** A little-endian number of up to 8 bytes. */
function numberOf(bytes: Uint8Array): number {
  return bytes.reduceRight((number, byte) => number * 256 + byte, 0)
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Bytes by the number, out of chunks. */
class Input {
  private readonly chunks: AsyncIterator<Uint8Array>
  private parts: Uint8Array[] = []
  private size = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]()
  }

  /** Are there so many more? */
  async has(count: number): Promise<boolean> {
    while (this.size < count) {
      const next = await this.chunks.next()
      if (next.done) return false
      this.parts.push(next.value)
      this.size += next.value.length
    }
    return true
  }

  async take(count: number): Promise<Uint8Array> {
    if (!(await this.has(count))) throw new Error('cut short')
    if (this.parts.length !== 1) this.parts = [join(this.parts)]
    const all = this.parts[0]!
    this.parts[0] = all.subarray(count)
    this.size -= count
    return all.subarray(0, count)
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      const step = Math.min(left, 65_536)
      await this.take(step)
      left -= step
    }
  }

  /** Lets the source go. */
  async end(): Promise<void> {
    await this.chunks.return?.()
  }
}
