// An R2 bucket in memory that answers as the binding does, and misbehaves when it is told to: errors
// of the service, silence, bodies that are cut short. Lists come in small pages.

import type {
  R2BodyBinding,
  R2BucketBinding,
  R2ListBinding,
  R2RangeBinding,
} from '../../../engine/storage/r2.ts'

/** What becomes of the next call: an error, no answer at all, half of the body, or done and no answer. */
export type BucketFault = 'error' | 'silence' | 'half' | 'lost'

const PAGE_KEYS = 2

export class FakeBucket implements R2BucketBinding {
  readonly objects = new Map<string, Uint8Array>()
  /** Taken one by one by the next calls. */
  faults: BucketFault[] = []

  async put(
    key: string,
    value: Uint8Array,
    { onlyIf }: { onlyIf: { etagDoesNotMatch: string } },
  ): Promise<unknown> {
    const bytes = value.slice()
    const fault = await this.suffer('put')
    if (onlyIf.etagDoesNotMatch !== '*') throw new Error(`put: ${onlyIf.etagDoesNotMatch}`)
    if (this.objects.has(key)) return null
    this.objects.set(key, bytes)
    if (fault === 'lost') throw new Error('put: Internal Error (10001)')
    return { key }
  }

  async get(key: string, { range }: { range: R2RangeBinding }): Promise<R2BodyBinding | null> {
    const fault = await this.suffer('get')
    const bytes = this.objects.get(key)
    if (bytes === undefined) return null
    const size = bytes.length
    if ('offset' in range && range.offset >= size) {
      throw new Error('get: The requested range is not satisfiable (10039)')
    }
    const part =
      'suffix' in range
        ? bytes.slice(Math.max(0, size - range.suffix))
        : bytes.slice(range.offset, range.offset + range.length)
    const body = fault === 'half' ? part.slice(0, part.length >> 1) : part
    return { size, arrayBuffer: async () => body.buffer }
  }

  async head(key: string): Promise<{ size: number } | null> {
    await this.suffer('head')
    const bytes = this.objects.get(key)
    return bytes === undefined ? null : { size: bytes.length }
  }

  async list({ prefix, cursor }: { prefix: string; cursor?: string }): Promise<R2ListBinding> {
    await this.suffer('list')
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
    const from = cursor === undefined ? 0 : Number(cursor)
    const objects = keys.slice(from, from + PAGE_KEYS).map((key) => ({ key }))
    const truncated = from + PAGE_KEYS < keys.length
    return truncated
      ? { objects, truncated, cursor: String(from + PAGE_KEYS) }
      : { objects, truncated }
  }

  async delete(key: string): Promise<void> {
    await this.suffer('delete')
    this.objects.delete(key)
  }

  private async suffer(call: string): Promise<BucketFault | undefined> {
    await Promise.resolve()
    const fault = this.faults.shift()
    if (fault === 'error') throw new Error(`${call}: We encountered an internal error (10001)`)
    if (fault === 'silence') await new Promise(() => {})
    return fault
  }
}
