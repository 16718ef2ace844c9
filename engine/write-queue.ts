// One writer, in order: each batch is validated against the catalog as it is now, gets its ids,
// has memtable room reserved (after that, applying cannot fail), goes to the log, waits for the
// group's fsync, and is applied. A group closes when the previous sync returns, so one fsync serves
// every writer that waits, and what a query sees is durable (docs/durability.md).

import type { Ack, StagedBatch, WriteResult } from './batch.ts'
import { OmenError } from './error.ts'

/** What the queue needs from the shard. Calls are synchronous unless they say otherwise. */
export interface WriteTarget {
  /** Room in the active memtable for so many more bytes, over what was reserved before. */
  reserve(rowBytes: number, arenaBytes: number): boolean
  /** Gives such room back. */
  unreserve(rowBytes: number, arenaBytes: number): void
  /** Whether the open log should be left before more is written. */
  readonly isLogFull: boolean
  /** Puts an empty memtable and a new log in place; everything logged was applied. May take long. */
  makeRoom(): Promise<void>
  /** Gives ids and logs the batch; nothing is visible yet. */
  log(staged: StagedBatch): LoggedBatch
  sync(): Promise<void>
  apply(logged: LoggedBatch): void
}

/** A batch that is in the log. Its regions are held until it is applied. */
export interface LoggedBatch {
  readonly staged: StagedBatch
  readonly entries: Uint8Array
}

interface Waiting {
  readonly staged: StagedBatch
  readonly ack: Ack
  readonly resolve: (result: WriteResult) => void
  readonly reject: (error: unknown) => void
}

type Task = Waiting | { readonly action: () => Promise<void> }

interface Logged extends Waiting {
  readonly logged: LoggedBatch
}

/** Delay after which a write with `ack=memory` is synced, at most. */
export const MEMORY_ACK_SYNC_MS = 500

export class WriteQueue {
  private readonly target: WriteTarget
  private readonly later: (delayMs: number, action: () => void) => void
  private waiting: Task[] = []
  private logged: Logged[] = []
  private isFilling = false
  private syncing: Promise<void> | null = null
  private isUnsynced = false
  private failure: unknown = null

  /** `later` calls a function after a delay. */
  constructor(target: WriteTarget, later: (delayMs: number, action: () => void) => void) {
    this.target = target
    this.later = later
  }

  /** Resolves when the batch is stored as `ack` says; rejects when nothing of it is. */
  submit(staged: StagedBatch, ack: Ack): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.enqueue({ staged, ack, resolve, reject })
    })
  }

  /** Runs `action` in turn, when all before it is durable and applied and nothing else is under way. */
  exclusive(action: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const settled = async (): Promise<void> => {
        await this.settle()
        await action()
      }
      this.enqueue({ action: () => settled().then(resolve, reject) })
    })
  }

  private enqueue(task: Task): void {
    this.waiting.push(task)
    if (!this.isFilling) void this.fill()
  }

  /** Resolves when everything logged so far is durable and applied. */
  async settle(): Promise<void> {
    while (this.needsSync) {
      this.startSync()
      await this.syncing
    }
  }

  private get needsSync(): boolean {
    if (this.syncing !== null || this.logged.length > 0) return true
    return this.isUnsynced && this.failure === null
  }

  private async fill(): Promise<void> {
    this.isFilling = true
    try {
      for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
        await ('action' in next ? next.action() : this.accept(next))
      }
    } finally {
      this.isFilling = false
    }
  }

  private async accept(write: Waiting): Promise<void> {
    try {
      if (this.failure !== null) throw this.failure
      const { rowBytes, arenaBytes } = write.staged
      if (this.target.isLogFull || !this.target.reserve(rowBytes, arenaBytes)) {
        await this.settle()
        await this.target.makeRoom()
        if (!this.target.reserve(rowBytes, arenaBytes)) throw tooLarge(rowBytes + arenaBytes)
      }
      const logged = this.logReserved(write.staged)
      this.isUnsynced = true
      if (write.ack === 'memory' && this.syncing === null && this.logged.length === 0) {
        this.finish({ ...write, logged })
        this.later(MEMORY_ACK_SYNC_MS, () => this.startSync())
      } else {
        this.logged.push({ ...write, logged })
        this.startSync()
      }
    } catch (error) {
      write.reject(error)
    }
  }

  private logReserved(staged: StagedBatch): LoggedBatch {
    try {
      return this.target.log(staged)
    } catch (error) {
      this.target.unreserve(staged.rowBytes, staged.arenaBytes)
      throw error
    }
  }

  private startSync(): void {
    if (this.syncing !== null || !this.needsSync) return
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
      try {
        await this.syncLog()
        for (const write of group) this.finish(write)
      } catch (error) {
        for (const write of group) write.reject(error)
      }
    } while (this.logged.length > 0)
  }

  /** A failure is kept: every later write is refused with it. */
  private async syncLog(): Promise<void> {
    this.isUnsynced = false
    try {
      await this.target.sync()
    } catch (error) {
      this.failure = error
      throw error
    }
  }

  private finish(write: Logged): void {
    try {
      this.target.apply(write.logged)
      write.resolve(write.staged.result(write.ack))
    } catch (error) {
      write.reject(error)
    }
  }
}

function tooLarge(bytes: number): OmenError {
  return new OmenError('too_large', `batch: ${bytes} bytes of rows do not fit the memtable`)
}
