// The two memtables of a shard take turns: one takes rows; the other is sealed (waits for its
// flush), retired (flushed, but a reader still holds it) or spare. A reader that holds a retired one
// for too long loses it, because writers would wait for it in the end.

import { OmenError, assert } from './error.ts'
import type { Timer, TimerHandle } from './host.ts'
import type { KernelInstance } from './kernel.ts'
import { type CatalogTables, Memtable, type MemtableSnapshot } from './memtable.ts'
import type { Execution } from './step.ts'

/** Rows that wait for their flush. All records up to `lastLsn` are in them or in parts. */
export interface SealedMemtable {
  readonly memtable: Memtable
  readonly lastLsn: bigint
  /** Of the parts that it becomes: above that of every part, below that of the active one. */
  readonly sequence: bigint
}

/** What a reader holds: the rows of its start, until it releases them. */
export interface MemtableHold {
  /** Oldest first. */
  readonly memtables: readonly { memtable: Memtable; snapshot: MemtableSnapshot }[]
  /** Throws `cancelled` once the rows had to go. Ask before each use. */
  readonly check: () => void
  /**
   * The reader waits for somebody who may wait for a spare memtable: until `keep`, the rows go as soon
   * as they are in the way.
   */
  readonly lend: () => void
  /** Ends that. Are the rows still there? */
  readonly keep: () => boolean
  /** Harmless when done twice. */
  release(): void
}

export interface MemtablesOptions {
  /** Of each of the two. */
  readonly rowBytes: number
  readonly arenaBytes: number
  readonly timer: Timer
  readonly run: (execution: Execution<void>) => Promise<void>
  /** The next in the order of parts. */
  readonly takeSequence: () => bigint
}

/** How long a retired memtable may still be read. */
export const HOLD_MS = 30_000

export class Memtables {
  private readonly options: MemtablesOptions
  private current: Memtable
  private spare: Memtable | null
  /** Of the active one, once it is asked for. */
  private taken: bigint | null = null
  private waiting: SealedMemtable | null = null
  private retired: Memtable | null = null
  private emptying: Memtable | null = null
  private readonly holds = new Set<{ isLent: boolean; revoke(memtable: Memtable): void }>()
  private wakers: (() => void)[] = []
  private revokeTimer: TimerHandle = null

  constructor(
    { kernel, memory }: KernelInstance,
    catalog: CatalogTables,
    options: MemtablesOptions,
  ) {
    const { rowBytes, arenaBytes } = options
    this.options = options
    this.current = new Memtable(kernel, memory, { catalog, which: 0, rowBytes, arenaBytes })
    this.spare = new Memtable(kernel, memory, { catalog, which: 1, rowBytes, arenaBytes })
  }

  /** The one that takes rows. */
  get active(): Memtable {
    return this.current
  }

  /** Of the parts that the active one becomes: above that of every part and of the sealed one. */
  get sequence(): bigint {
    this.taken ??= this.options.takeSequence()
    return this.taken
  }

  get sealed(): SealedMemtable | null {
    return this.waiting
  }

  /** Whether there is an empty one to go on with. */
  get canSeal(): boolean {
    return this.spare !== null
  }

  /** Whether rows of a table are hidden that will not be in parts. */
  hides(table: number): boolean {
    const { waiting, retired, emptying } = this
    return [this.current, waiting?.memtable, retired, emptying].some((one) => one?.hides(table))
  }

  /** Bytes of rows and strings that are not in parts. */
  get byteSize(): number {
    return this.current.byteSize + (this.waiting?.memtable.byteSize ?? 0)
  }

  hold(): MemtableHold {
    const held = this.waiting === null ? [this.current] : [this.waiting.memtable, this.current]
    for (const memtable of held) memtable.acquire()
    let isRevoked = false
    const release = (): void => {
      if (!this.holds.delete(hold)) return
      for (const memtable of held) memtable.release()
      this.recycle()
    }
    const hold = {
      isLent: false,
      revoke: (memtable: Memtable) => {
        if (!held.includes(memtable)) return
        isRevoked = true
        release()
      },
    }
    this.holds.add(hold)
    return {
      memtables: held.map((memtable) => ({ memtable, snapshot: memtable.snapshot() })),
      check: () => {
        if (!isRevoked) return
        throw new OmenError('cancelled', 'query: too slow, the rows it reads had to make room')
      },
      lend: () => {
        hold.isLent = true
        this.takeLent()
      },
      keep: () => {
        hold.isLent = false
        return !isRevoked
      },
      release,
    }
  }

  /** Goes on with the spare one; what the active one holds waits for `retire`. */
  seal(lastLsn: bigint): void {
    assert(this.spare !== null && this.waiting === null, 'memtables: seal without a spare one')
    this.waiting = { memtable: this.current, lastLsn, sequence: this.sequence }
    this.taken = null
    this.current = this.spare
    this.spare = null
  }

  /** The active one, flushed without being sealed, is empty: it begins anew. */
  async renew(): Promise<void> {
    await this.options.run(this.current.reset())
    this.taken = null
  }

  /** The rows of the sealed one are in parts: it becomes the spare one when nobody reads it. */
  retire(): void {
    assert(this.waiting !== null && this.retired === null, 'memtables: nothing to retire')
    this.retired = this.waiting.memtable
    this.waiting = null
    this.recycle()
    this.takeLent()
    if (this.retired === null) return
    this.revokeTimer = this.options.timer.set(HOLD_MS, () => this.revoke())
  }

  /** Takes the retired one from its readers. */
  revoke(): void {
    const { retired } = this
    if (retired !== null) for (const hold of [...this.holds]) hold.revoke(retired)
  }

  /** Resolves when none is being emptied. */
  async emptied(): Promise<void> {
    while (this.emptying !== null) await this.whenWoken()
  }

  /** Resolves when one is spare again, or when `wake` is called. */
  whenWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.wakers.push(resolve)
      this.takeLent()
    })
  }

  /** Lets those who wait for a spare one look again. */
  wake(): void {
    for (const wake of this.wakers.splice(0)) wake()
  }

  /** Takes the retired one from those who lend it, if somebody waits for it. */
  private takeLent(): void {
    const { retired } = this
    if (retired === null || this.wakers.length === 0) return
    for (const hold of [...this.holds]) if (hold.isLent) hold.revoke(retired)
  }

  /** Empties the retired one if nobody reads it. */
  private recycle(): void {
    const { retired } = this
    if (retired === null || retired.isHeld) return
    this.retired = null
    if (this.revokeTimer !== null) this.options.timer.clear(this.revokeTimer)
    this.revokeTimer = null
    void this.empty(retired)
  }

  private async empty(retired: Memtable): Promise<void> {
    this.emptying = retired
    try {
      await this.options.run(retired.reset())
      this.spare = retired
    } catch {
      // The kernel has failed, and with it all that could wait for this one.
    }
    this.emptying = null
    this.wake()
  }
}
