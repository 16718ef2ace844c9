// How many queries run at once: the others wait in line, and beyond that they are refused, so that a
// flood of queries costs memory for a fixed number of them.

import type { CancelSignal } from './cancel.ts'
import { OmenError } from '../error.ts'
import type { QueryTarget } from './execute.ts'

export interface AdmissionOptions {
  /** Queries that run at once. */
  readonly running: number
  /** Queries that may wait for one to end. */
  readonly waiting: number
}

export class Admission {
  private readonly options: AdmissionOptions
  private readonly line = new Set<() => void>()
  private running = 0
  private exports = 0

  constructor(options: AdmissionOptions) {
    this.options = options
  }

  /** How many run and how many wait, now. */
  get counts(): { readonly running: number; readonly waiting: number } {
    return { running: this.running, waiting: this.line.size }
  }

  /**
   * Runs `action` when it is its turn. `busy` when too many wait already; what `check` throws when it
   * is asked before the action begins, and `cancelled` as soon as the signal says so.
   */
  async run<T>(
    action: () => Promise<T>,
    check: () => void,
    signal: CancelSignal | undefined,
  ): Promise<T> {
    if (this.running < this.options.running) this.running++
    else await this.wait(signal)
    try {
      check()
      return await action()
    } finally {
      this.leave()
    }
  }

  /**
   * A target for an export: each of its chunks takes a turn of its own, so that a slow reader keeps
   * nobody waiting. `busy` when so many exports as may run are open; `close` it.
   */
  openExport(
    target: QueryTarget,
    signal: CancelSignal | undefined,
  ): { readonly target: QueryTarget; close(): void } {
    if (this.exports >= this.options.running) {
      const message = `exports: ${this.exports} are open already (queriesMax)`
      throw new OmenError('busy', message, { retryAfter: 1 })
    }
    this.exports++
    const { instance, cache, catalog, host } = target
    return {
      target: {
        ...{ instance, cache, catalog, host },
        snapshot: () => target.snapshot(),
        run: (execution, check = () => {}) =>
          this.run(() => target.run(execution, check), check, signal),
      },
      close: () => void this.exports--,
    }
  }

  private wait(signal: CancelSignal | undefined): Promise<void> {
    const { running, waiting } = this.options
    if (this.line.size >= waiting) {
      const message = `queries: ${running} run and ${waiting} wait already (queriesMax)`
      throw new OmenError('busy', message, { retryAfter: 1 })
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const abort = (): void => {
        this.line.delete(enter)
        reject(new OmenError('cancelled', 'query: cancelled by the caller'))
      }
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      this.line.add(enter)
    })
  }

  /** The place goes to whoever waits longest. */
  private leave(): void {
    const next = this.line.values().next()
    if (next.done === true) {
      this.running--
      return
    }
    this.line.delete(next.value)
    next.value()
  }
}
