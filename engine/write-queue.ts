// One writer, in order: each batch is validated against the catalog as it is now, gets its ids,
// has memtable room reserved (after that, applying cannot fail), goes to the log, waits for the
// group's fsync, and is applied. A group closes when the previous sync returns, so one fsync serves
// every writer that waits, and what a query sees is durable (docs/durability.md).

import type { Ack, StagedBatch, WriteResult } from './ingest/batch.ts'
import { OmenError } from './error.ts'
import type { Timer, TimerHandle } from './host.ts'

/** What the queue needs from the shard. Calls are synchronous unless they say otherwise. */
export interface WriteTarget {
  /** Whether an empty memtable has room for so many bytes. */
  canHold(rowBytes: number, arenaBytes: number): boolean
  /** Room in the active memtable for so many more bytes, over what was reserved before. */
  reserve(rowBytes: number, arenaBytes: number): boolean
  /** Gives such room back. */
  unreserve(rowBytes: number, arenaBytes: number): void
  /** Whether the open log should be left before more is written. */
  readonly isLogFull: boolean
  /** A step towards room: a new log, or an empty memtable as well. May take long. */
  makeRoom(): Promise<void>
  /** Gives ids to very many new names first, over many turns; null: there is no need to. */
  prepare(staged: StagedBatch): Promise<void> | null
  /** Gives ids and logs the batch, or begins to; nothing is visible yet. */
  log(staged: StagedBatch): LoggedBatch | LogInSteps
  /** Makes everything logged durable, in another log if need be. */
  sync(): Promise<void>
  /** Makes a batch visible, all of it at once, in steps: one batch at a time, in the order of the log. */
  apply(logged: LoggedBatch): Promise<void>
  /** After a failed sync: these, the last that were logged, will never be applied. */
  abandon(logged: readonly LoggedBatch[]): void
}

/** A batch that is in the log. Its regions are held until it is applied or abandoned. */
export interface LoggedBatch {
  readonly staged: StagedBatch
  readonly entries: Uint8Array
  readonly lsn: bigint
}

/**
 * The rest of the logging of a large batch, over many turns: `done` gets it in the turn in which its
 * record is whole. Rejects if it never will be.
 */
export type LogInSteps = (done: (logged: LoggedBatch) => void) => Promise<void>

interface Waiting {
  readonly staged: StagedBatch
  readonly ack: Ack
  readonly resolve: (result: WriteResult) => void
  readonly reject: (error: unknown) => void
}

interface Task {
  readonly run: () => Promise<void>
  readonly reject: (error: unknown) => void
}

interface Logged extends Waiting {
  readonly logged: LoggedBatch
}

/** Delay after which a write with `ack=memory` is synced, at most. */
export const MEMORY_ACK_SYNC_MS = 500

/** Larger batches are synced whatever their ack: to copy them takes a turn of milliseconds. */
const COPIED_BYTES_MAX = 4 << 20

export class WriteQueue {
  private readonly target: WriteTarget
  private readonly timer: Timer
  private waiting: Task[] = []
  private logged: Logged[] = []
  private isFilling = false
  private isClosed = false
  private syncing: Promise<void> | null = null
  /** Whether something was applied before it was synced. */
  private isUnsynced = false
  private syncTimer: TimerHandle = null

  constructor(target: WriteTarget, timer: Timer) {
    this.target = target
    this.timer = timer
  }

  /** Resolves when the batch is stored as `ack` says; rejects when nothing of it is. */
  submit(staged: StagedBatch, ack: Ack): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const write = { staged, ack, resolve, reject }
      this.enqueue({ run: () => this.accept(write), reject })
    })
  }

  /**
   * Runs `action` in turn, when nothing else is under way and all before it is durable and applied,
   * or was refused.
   */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = async (): Promise<T> => {
        await this.settle()
        return action()
      }
      this.enqueue({ run: () => settled().then(resolve, reject), reject })
    })
  }

  /** Runs `action` as the last one: whatever comes after it is refused. */
  close(action: () => Promise<void>): Promise<void> {
    const done = this.exclusive(action)
    this.isClosed = true
    return done
  }

  private enqueue(task: Task): void {
    if (this.isClosed) {
      task.reject(new OmenError('unavailable', 'database: it is closed'))
      return
    }
    this.waiting.push(task)
    if (!this.isFilling) void this.fill()
  }

  private async fill(): Promise<void> {
    this.isFilling = true
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) await next.run()
    this.isFilling = false
  }

  /** Resolves when all that was logged is durable and applied, or refused. */
  private async settle(): Promise<void> {
    while (this.needsSync) {
      this.startSync()
      await this.syncing
    }
  }

  private get needsSync(): boolean {
    return this.syncing !== null || this.logged.length > 0 || this.isUnsynced
  }

  private async accept(write: Waiting): Promise<void> {
    try {
      const { rowBytes, arenaBytes } = write.staged
      if (!this.target.canHold(rowBytes, arenaBytes)) throw tooLarge(rowBytes + arenaBytes)
      const prepared = this.target.prepare(write.staged)
      if (prepared !== null) await prepared
      if (!this.takeRoom(write.staged)) {
        await this.settle()
        while (!this.takeRoom(write.staged)) await this.target.makeRoom()
      }
      // Without a turn in between, in which the log could fail.
      const logged = this.logReserved(write.staged)
      if (typeof logged === 'function') await this.logLarge(write, logged)
      else await this.wait(write, logged)
    } catch (error) {
      write.reject(error)
    }
  }

  private takeRoom({ rowBytes, arenaBytes }: StagedBatch): boolean {
    const { target } = this
    return !target.isLogFull && target.reserve(rowBytes, arenaBytes)
  }

  private logReserved(staged: StagedBatch): LoggedBatch | LogInSteps {
    try {
      return this.target.log(staged)
    } catch (error) {
      this.target.unreserve(staged.rowBytes, staged.arenaBytes)
      throw error
    }
  }

  /** What was logged in this turn waits for its sync, unless nobody wants to. */
  private async wait(write: Waiting, logged: LoggedBatch): Promise<void> {
    this.isUnsynced = true
    const isIdle = this.syncing === null && this.logged.length === 0
    if (write.ack === 'memory' && isIdle && isSmall(write.staged)) {
      this.syncLater()
      await this.finish({ ...write, logged })
    } else {
      this.logged.push({ ...write, logged })
      this.startSync()
    }
  }

  /** A record that is whole belongs to the writes that a failed sync refuses, from that turn on. */
  private async logLarge(write: Waiting, log: LogInSteps): Promise<void> {
    const { rowBytes, arenaBytes } = write.staged
    try {
      await log((logged) => {
        this.isUnsynced = true
        this.logged.push({ ...write, logged })
      })
    } catch (error) {
      this.target.unreserve(rowBytes, arenaBytes)
      throw error
    }
    this.startSync()
  }

  private syncLater(): void {
    this.syncTimer ??= this.timer.set(MEMORY_ACK_SYNC_MS, () => this.startSync())
  }

  private startSync(): void {
    if (this.syncing !== null || !this.needsSync) return
    if (this.syncTimer !== null) this.timer.clear(this.syncTimer)
    this.syncTimer = null
    this.syncing = this.syncGroups().finally(() => {
      this.syncing = null
      // A write may have been logged after the last group closed.
      this.startSync()
    })
  }

  private async syncGroups(): Promise<void> {
    do {
      const group = this.logged
      this.logged = []
      this.isUnsynced = false
      try {
        await this.target.sync()
      } catch (error) {
        this.refuse([...group, ...this.logged.splice(0)], error)
        return
      }
      for (const write of group) await this.finish(write)
    } while (this.logged.length > 0)
  }

  /** What waits for a sync that failed is not stored, nor will it be. */
  private refuse(writes: readonly Logged[], error: unknown): void {
    this.isUnsynced = false
    if (writes.length > 0) this.target.abandon(writes.map(({ logged }) => logged))
    for (const write of writes) write.reject(error)
  }

  private async finish(write: Logged): Promise<void> {
    try {
      await this.target.apply(write.logged)
      write.resolve(write.staged.result(write.ack))
    } catch (error) {
      write.reject(error)
    }
  }
}

/** Whether a copy of a batch, kept until it is synced, costs less than a wait for the sync. */
function isSmall({ rowBytes, arenaBytes }: StagedBatch): boolean {
  return rowBytes + arenaBytes <= COPIED_BYTES_MAX
}

function tooLarge(bytes: number): OmenError {
  return new OmenError('too_large', `batch: ${bytes} bytes of rows do not fit the memtable`)
}
