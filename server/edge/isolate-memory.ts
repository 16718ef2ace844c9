// The memory of one isolate, 128 MB, which several objects share without knowing of each other. Each
// open engine is a tenant. Who needs room takes it from those that rest, the longest-resting first: an
// engine that rests can be dropped in any turn, because its log has all that it knows, and the next
// request of its object opens it again. Nothing of another object's storage is touched for that. An object
// that the platform evicts says nothing, so it is known by a weak reference.

import { OmenError } from '../../engine/error.ts'

const MIB = 1 << 20

/** Bytes that the kernels of an isolate may have together: what is left is for code and requests. */
export const KERNEL_BYTES_MAX = 96 * MIB
/** What one that opens is expected to need soon: its memtables, and as much again. */
const OPENING_BYTES = 24 * MIB

/** An open engine. */
export interface Tenant {
  /** Of its kernel's memory, which never shrinks. */
  readonly kernelBytes: number
  /** Nothing is under way in it, nobody waits for it. */
  readonly isResting: boolean
  /** Drops it; not called while it does not rest. */
  release(): void
}

export class IsolateMemory {
  private readonly bytesMax: number
  /** The one that was used last comes last. */
  private references: WeakRef<Tenant>[] = []

  constructor(bytesMax: number = KERNEL_BYTES_MAX) {
    this.bytesMax = bytesMax
  }

  /** Of all tenants. */
  get kernelBytes(): number {
    return this.tenants.reduce((bytes, tenant) => bytes + tenant.kernelBytes, 0)
  }

  private get tenants(): Tenant[] {
    return this.references.flatMap((reference) => reference.deref() ?? [])
  }

  /** Makes room for one that opens. Throws `busy` when all others are at work and need it. */
  admit(): void {
    this.relieve(OPENING_BYTES)
    if (this.kernelBytes + OPENING_BYTES <= this.bytesMax) return
    const message = `isolate: its ${this.tenants.length} open shards hold ${this.kernelBytes} bytes`
    throw new OmenError('busy', message, { retryAfter: 1 })
  }

  /** Notes that a tenant is there and is used; what it grew by others make room for. */
  use(tenant: Tenant): void {
    const isLast = this.references.at(-1)?.deref() === tenant
    if (!isLast) {
      this.leave(tenant)
      this.references.push(new WeakRef(tenant))
    }
    this.relieve(0, tenant)
  }

  leave(tenant: Tenant): void {
    this.references = this.references.filter((reference) => {
      const known = reference.deref()
      return known !== undefined && known !== tenant
    })
  }

  /** Drops tenants that rest until `bytes` more fit. */
  private relieve(bytes: number, user: Tenant | null = null): void {
    if (this.kernelBytes + bytes <= this.bytesMax) return
    for (const tenant of this.tenants) {
      if (tenant === user || !tenant.isResting) continue
      this.leave(tenant)
      tenant.release()
      if (this.kernelBytes + bytes <= this.bytesMax) return
    }
  }
}
