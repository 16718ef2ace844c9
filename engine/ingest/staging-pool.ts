// What all uploads together hold before they are stored, and who must wait when that is too much.
// Whoever holds the oldest place never waits, so that some upload always comes to its end; the others
// stop reading until there is room, and give up after a while.

import { OmenError } from '../error.ts'
import type { Timer, TimerHandle } from '../host.ts'

/** How long an upload waits for room before it is refused as `busy`. */
export const STAGING_TIMEOUT_MS = 5_000

interface Waiting {
  readonly place: StagingPlace
  readonly wake: (error: OmenError | null) => void
}

export class StagingPool {
  /** Bytes from which on uploads wait. */
  readonly capacity: number
  private readonly timer: Timer
  /** In the order they came. */
  private readonly places = new Set<StagingPlace>()
  private readonly waiting = new Set<Waiting>()
  private heldBytes = 0

  constructor(capacity: number, timer: Timer) {
    this.capacity = capacity
    this.timer = timer
  }

  /** Bytes that all places hold. */
  get used(): number {
    return this.heldBytes
  }

  /** Uploads that wait for room. */
  get waitingCount(): number {
    return this.waiting.size
  }

  /** A place for an upload that begins; it holds nothing yet. */
  open(): StagingPlace {
    const place = new StagingPlace(this)
    this.places.add(place)
    return place
  }

  /** For StagingPlace. */
  changed(place: StagingPlace, bytes: number, isOpen: boolean): void {
    this.heldBytes += bytes
    if (!isOpen) this.places.delete(place)
    if (bytes < 0 || !isOpen) this.wake()
  }

  /** For StagingPlace: may it take more now? */
  hasRoom(place: StagingPlace): boolean {
    return this.heldBytes < this.capacity || this.places.values().next().value === place
  }

  /** For StagingPlace. Resolves when there is room, rejects with `busy` when there is none for long. */
  wait(place: StagingPlace, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: TimerHandle = null
      const end = (error: OmenError | null): void => {
        this.timer.clear(timer)
        this.waiting.delete(waiting)
        signal?.removeEventListener('abort', leave)
        if (error === null) resolve()
        else reject(error)
      }
      const leave = (): void => end(new OmenError('cancelled', 'upload: given up by its sender'))
      const waiting = { place, wake: end }
      this.waiting.add(waiting)
      timer = this.timer.set(STAGING_TIMEOUT_MS, () => end(this.busy()))
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  private wake(): void {
    for (const { place, wake } of this.waiting) if (this.hasRoom(place)) wake(null)
  }

  private busy(): OmenError {
    const message = `staging: uploads hold ${this.heldBytes} bytes, over the limit of ${this.capacity} (stagingBytes)`
    return new OmenError('busy', message, { retryAfter: 1 })
  }
}

/** What one upload holds. */
export class StagingPlace {
  private readonly pool: StagingPool
  private heldBytes = 0
  private isOpen = true

  constructor(pool: StagingPool) {
    this.pool = pool
  }

  /** Says how much the upload holds now. Never refused: ask `hasRoom` before taking more. */
  hold(bytes: number): void {
    if (!this.isOpen || bytes === this.heldBytes) return
    const change = bytes - this.heldBytes
    this.heldBytes = bytes
    this.pool.changed(this, change, true)
  }

  get hasRoom(): boolean {
    return this.pool.hasRoom(this)
  }

  /** Resolves when more may be taken; rejects with `busy` after a while, `cancelled` by the signal. */
  async room(signal?: AbortSignal): Promise<void> {
    if (!this.isOpen || this.hasRoom) return
    await this.pool.wait(this, signal)
  }

  /** Gives everything up; harmless when done twice. */
  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    const held = this.heldBytes
    this.heldBytes = 0
    this.pool.changed(this, -held, false)
  }
}
