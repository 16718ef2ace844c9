// The object-store port over an R2 bucket binding: conditional puts, range and suffix reads, lists in
// pages. What the network does to a call (an error of the service, silence, half a body) becomes
// `unavailable` with the key in it, after a few attempts with growing, jittered pauses
// (Brooker, "Exponential Backoff and Jitter", 2015); an absent object is `corrupt`, as the port says.

import { OmenError, assert, messageOf } from '../error.ts'
import type { Timer } from '../host.ts'
import { type SegmentStorage, checkKey, missingFile } from './storage.ts'

/** What this uses of a binding of type R2Bucket. */
export interface R2BucketBinding {
  put(
    key: string,
    value: Uint8Array,
    options: { onlyIf: { etagDoesNotMatch: string } },
  ): Promise<unknown>
  get(key: string, options: { range: R2RangeBinding }): Promise<R2BodyBinding | null>
  head(key: string): Promise<{ readonly size: number } | null>
  list(options: { prefix: string; cursor?: string; limit?: number }): Promise<R2ListBinding>
  delete(key: string): Promise<void>
}

export type R2RangeBinding = { offset: number; length: number } | { suffix: number }

/** An object with its bytes; `size` is that of the whole object. */
export interface R2BodyBinding {
  readonly size: number
  arrayBuffer(): Promise<ArrayBuffer>
}

export interface R2ListBinding {
  readonly objects: readonly { readonly key: string }[]
  readonly truncated: boolean
  readonly cursor?: string | undefined
}

/** Calls of the binding since it was opened, attempts that failed among them. */
export interface R2Requests {
  gets: number
  puts: number
  lists: number
  deletes: number
  /** Attempts that failed. */
  failures: number
}

export interface R2Options {
  readonly timer: Timer
  /** Of [0, 1), for the pauses; Math.random unless given. */
  readonly random?: () => number
  /** How long a call may take, 10 s unless given. */
  readonly timeoutMs?: number
  /** How often a read, a list or a removal is tried, 4 unless given; a put is tried once. */
  readonly attempts?: number
}

export type R2Segments = SegmentStorage & { readonly requests: Readonly<R2Requests> }

/** Longest pause before the second attempt; it doubles. */
const PAUSE_MS = 50
/** R2's error of a range that begins behind the end of the object. */
const RANGE_PATTERN = /\b10039\b|range.*not satisfiable/i

/** Keeps its objects in `bucket`. */
export function openR2(bucket: R2BucketBinding, options: R2Options): R2Segments {
  return new R2Storage(bucket, options)
}

class R2Storage implements SegmentStorage {
  readonly requests: R2Requests = { gets: 0, puts: 0, lists: 0, deletes: 0, failures: 0 }
  private readonly bucket: R2BucketBinding
  private readonly timer: Timer
  private readonly random: () => number
  private readonly timeoutMs: number
  private readonly attempts: number

  constructor(bucket: R2BucketBinding, options: R2Options) {
    const { timer, random = Math.random, timeoutMs = 10_000, attempts = 4 } = options
    assert(attempts >= 1 && timeoutMs > 0, `R2 with ${attempts} attempts of ${timeoutMs} ms`)
    this.bucket = bucket
    this.timer = timer
    this.random = random
    this.timeoutMs = timeoutMs
    this.attempts = attempts
  }

  async put(key: string, bytes: Uint8Array): Promise<boolean> {
    checkKey(key)
    this.requests.puts++
    // Once: whether a put that failed has stored the object, nobody knows but who lists.
    const onlyIf = { etagDoesNotMatch: '*' }
    const stored = await this.once(key, 'put', () => this.bucket.put(key, bytes, { onlyIf }))
    return stored !== null
  }

  async read(key: string, offset: number, target: Uint8Array): Promise<number> {
    checkKey(key)
    if (target.length === 0) return 0
    const range = { offset, length: target.length }
    try {
      const { bytes } = await this.get(key, range, (size) => Math.max(0, size - offset))
      target.set(bytes)
      return bytes.length
    } catch (error) {
      // What it says of a range behind the end differs, so the size decides.
      if (isAbsence(error) || (await this.size(key)) > offset) throw error
      return 0
    }
  }

  async readSuffix(key: string, target: Uint8Array): Promise<{ size: number; count: number }> {
    checkKey(key)
    if (target.length === 0) return { size: await this.size(key), count: 0 }
    try {
      const range = { suffix: target.length }
      const { size, bytes } = await this.get(key, range, (all) => Math.min(all, target.length))
      target.set(bytes)
      return { size, count: bytes.length }
    } catch (error) {
      if (isAbsence(error) || (await this.size(key)) > 0) throw error
      return { size: 0, count: 0 }
    }
  }

  async list(prefix: string): Promise<string[]> {
    const keys: string[] = []
    let cursor: string | undefined
    do {
      const options = cursor === undefined ? { prefix } : { prefix, cursor }
      const page = await this.repeated(prefix, 'list', () => {
        this.requests.lists++
        return this.bucket.list(options)
      })
      for (const { key } of page.objects) keys.push(key)
      if (page.truncated && (page.cursor === undefined || page.cursor === cursor)) {
        throw new OmenError('unavailable', `${prefix}: list ends after ${keys.length} keys`)
      }
      cursor = page.truncated ? page.cursor : undefined
    } while (cursor !== undefined)
    return keys.sort()
  }

  remove(key: string): Promise<void> {
    checkKey(key)
    return this.repeated(key, 'remove', () => {
      this.requests.deletes++
      return this.bucket.delete(key)
    })
  }

  /** A range of an object of `size` bytes, which `available` says how many bytes it has of. */
  private get(
    key: string,
    range: R2RangeBinding,
    available: (size: number) => number,
  ): Promise<{ size: number; bytes: Uint8Array }> {
    const wanted = 'suffix' in range ? range.suffix : range.length
    return this.repeated(key, 'read', async () => {
      this.requests.gets++
      const found = await this.bucket.get(key, { range })
      if (found === null) throw missingFile(key)
      const bytes = new Uint8Array(await found.arrayBuffer())
      const length = Math.min(wanted, available(found.size))
      if (bytes.length === length) return { size: found.size, bytes }
      throw failure(key, 'read', `${bytes.length} bytes came instead of ${length}`)
    })
  }

  private size(key: string): Promise<number> {
    return this.repeated(key, 'read', async () => {
      this.requests.gets++
      const found = await this.bucket.head(key)
      if (found === null) throw missingFile(key)
      return found.size
    })
  }

  /** Tries until it succeeds, is told something that another attempt cannot change, or gives up. */
  private async repeated<T>(key: string, what: string, call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(key, what, call)
      } catch (error) {
        if (isFinal(error) || attempt === this.attempts) throw error
      }
      await this.pause(this.random() * PAUSE_MS * 2 ** (attempt - 1))
    }
  }

  /** One attempt, which ends in time: what answers later is not heard. */
  private async once<T>(key: string, what: string, call: () => Promise<T>): Promise<T> {
    let handle: unknown
    const late = new Promise<never>((_, reject) => {
      const silent = (): void => reject(failure(key, what, `no answer in ${this.timeoutMs} ms`))
      handle = this.timer.set(this.timeoutMs, silent)
    })
    try {
      return await Promise.race([call(), late])
    } catch (error) {
      if (isAbsence(error)) throw error
      this.requests.failures++
      if (error instanceof OmenError) throw error
      throw failure(key, what, messageOf(error), error)
    } finally {
      this.timer.clear(handle)
    }
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.timer.set(delayMs, resolve))
  }
}

/** Another attempt cannot change that the object is absent, or that a range lies behind its end. */
function isFinal(error: unknown): boolean {
  return isAbsence(error) || RANGE_PATTERN.test(messageOf(error))
}

function isAbsence(error: unknown): boolean {
  return error instanceof OmenError && error.code === 'corrupt'
}

function failure(key: string, what: string, reason: string, cause?: unknown): OmenError {
  const message = `${key}: ${what} failed in the object store, ${reason}`
  return new OmenError('unavailable', message, { cause, retryAfter: 1 })
}
