// An object store in memory for tests of cold files: it can be told to fail, keeps what it was asked for,
// and outlives the storages over it.

import { OmenError } from '../../../engine/error.ts'
import { type SegmentStorage, missingFile } from '../../../engine/storage/storage.ts'

export class ColdObjects implements SegmentStorage {
  readonly objects = new Map<string, Uint8Array>()
  /** Calls that did not fail: `read 1/segment-2-…`. */
  readonly calls: string[] = []
  /** Thrown by calls that match, after they were done if `isLost`. */
  failing: RegExp | null = null
  isLost = false
  /** Awaited by each call. */
  gate: Promise<unknown> = Promise.resolve()

  async put(key: string, bytes: Uint8Array): Promise<boolean> {
    const copy = bytes.slice()
    await this.enter(`put ${key}`, () => this.objects.set(key, copy))
    if (this.objects.has(key)) return false
    this.objects.set(key, copy)
    return true
  }

  async read(key: string, offset: number, target: Uint8Array): Promise<number> {
    await this.enter(`read ${key}`)
    const part = this.object(key).subarray(offset, offset + target.length)
    target.set(part)
    return part.length
  }

  async readSuffix(key: string, target: Uint8Array): Promise<{ size: number; count: number }> {
    await this.enter(`read ${key}`)
    const { length: size } = this.object(key)
    const part = this.object(key).subarray(Math.max(0, size - target.length))
    target.set(part)
    return { size, count: part.length }
  }

  async list(prefix: string): Promise<string[]> {
    await this.enter(`list ${prefix}`)
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  async remove(key: string): Promise<void> {
    await this.enter(`remove ${key}`, () => this.objects.delete(key))
    this.objects.delete(key)
  }

  private object(key: string): Uint8Array {
    const bytes = this.objects.get(key)
    if (bytes === undefined) throw missingFile(key)
    return bytes
  }

  private async enter(call: string, done: () => void = () => {}): Promise<void> {
    await this.gate
    await Promise.resolve()
    if (this.failing?.test(call) === true) {
      if (this.isLost) done()
      throw new OmenError('unavailable', `${call}: told to fail`)
    }
    this.calls.push(call)
  }
}
