// Bytes of objects that came along with what was asked for, kept for a while: the footer of a part
// brings its series pages, a directory page the blocks that it lists. Whoever asks for bytes that are
// on their way already waits for the same request.

import type { ByteRange } from './storage.ts'

/** Gets the bytes of a range, all of it. */
export type Fetch = (range: ByteRange) => Promise<Uint8Array>

/** Requests at a time for what lies ahead: a Worker has six connections. */
const BEGUN_MAX = 5

interface Window extends ByteRange {
  readonly key: string
  readonly bytes: Promise<Uint8Array>
}

export class ReadAhead {
  private readonly bytesMax: number
  /** By object; within one, in the order they came. */
  private readonly windows = new Map<string, Window[]>()
  /** All of them, the one that was used last at the end. */
  private readonly order = new Set<Window>()
  private usedBytes = 0
  /** Those on their way for which nobody waited when they began. */
  private begun = 0
  private begunBytes = 0

  /** Keeps at most so many bytes, those on their way included. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Bytes that are kept. */
  get used(): number {
    return this.usedBytes
  }

  /** The bytes of a range that lies within one that was taken along before; null if there is none. */
  find(key: string, { start, end }: ByteRange): Promise<Uint8Array> | null {
    const found = this.windows.get(key)?.find((one) => one.start <= start && end <= one.end)
    if (found === undefined) return null
    this.order.delete(found)
    this.order.add(found)
    return found.bytes.then((bytes) => bytes.subarray(start - found.start, end - found.start))
  }

  /** Whether a range lies within one that is there, or on its way. */
  has(key: string, { start, end }: ByteRange): boolean {
    return this.windows.get(key)?.some((one) => one.start <= start && end <= one.end) ?? false
  }

  /** Begins to fetch a range that nobody waits for, unless too much is on its way. */
  begin(key: string, range: ByteRange, fetch: Fetch): void {
    const size = range.end - range.start
    if (this.begun === BEGUN_MAX || this.begunBytes + size > this.bytesMax / 2) return
    this.begun++
    this.begunBytes += size
    const over = (): void => {
      this.begun--
      this.begunBytes -= size
    }
    this.take(key, range, fetch).then(over, over)
  }

  /** Fetches a range and keeps it; one that fails, or is larger than all that is kept, is not. */
  take(key: string, range: ByteRange, fetch: Fetch): Promise<Uint8Array> {
    const bytes = fetch(range)
    const size = range.end - range.start
    if (size > this.bytesMax) return bytes
    const window: Window = { ...range, key, bytes }
    const others = this.windows.get(key)
    if (others === undefined) this.windows.set(key, [window])
    else others.push(window)
    this.order.add(window)
    this.usedBytes += size
    bytes.catch(() => this.forget(window))
    for (const oldest of this.order) {
      if (this.usedBytes <= this.bytesMax) break
      this.forget(oldest)
    }
    return bytes
  }

  /** Forgets an object. */
  drop(key: string): void {
    for (const window of [...(this.windows.get(key) ?? [])]) this.forget(window)
  }

  private forget(window: Window): void {
    if (!this.order.delete(window)) return
    this.usedBytes -= window.end - window.start
    const others = this.windows.get(window.key)!.filter((one) => one !== window)
    if (others.length === 0) this.windows.delete(window.key)
    else this.windows.set(window.key, others)
  }
}
