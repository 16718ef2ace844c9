// What holds a running statement: its cancellation, its time, its memory. All batches that leave the
// session pass here, so that an end of any kind frees what the statement holds.

import type { Batches, SqlBatch } from '../batch.ts'
import type { CancelSignal } from '../../engine/query/cancel.ts'
import type { Surroundings } from '../function.ts'
import type { RunContext } from '../relation.ts'
import type { RunOptions } from '../session.ts'
import { SqlError } from '../sql-error.ts'

export interface RunLimits {
  /** Bytes that a statement may hold. */
  readonly bytesMax: number
  /** Milliseconds; 0: as long as it takes. */
  readonly timeoutMs: number
}

/** Milliseconds that a statement works before others get their turn. */
const SLICE_MS = 4
/** The longest time that one timer takes. */
const REST_STEP_MS = 600_000
/** Or so many batches. */
const PAUSES_MAX = 64

/** A signal that costs nothing until somebody waits for it: most statements are over before. */
class LateSignal implements CancelSignal {
  aborted = false
  #controller: AbortController | null = null

  abort(): void {
    this.aborted = true
    this.#controller?.abort()
  }

  readonly addEventListener: AbortSignal['addEventListener'] = (
    ...given: Parameters<AbortSignal['addEventListener']>
  ) => {
    this.#controller ??= new AbortController()
    if (this.aborted) this.#controller.abort()
    this.#controller.signal.addEventListener(...given)
  }

  readonly removeEventListener: AbortSignal['removeEventListener'] = (
    ...given: Parameters<AbortSignal['removeEventListener']>
  ) => this.#controller?.signal.removeEventListener(...given)
}

/** Stops with the signal of its caller or when its time is over. */
export class StatementRun implements RunContext {
  readonly surroundings: Surroundings
  watch: RunContext['watch']
  readonly signal = new LateSignal()
  readonly #limits: RunLimits
  readonly #others: () => Promise<void>
  readonly #given: RunOptions['signal']
  readonly cancel = (): void => this.signal.abort()
  #timer: ReturnType<typeof setTimeout> | null = null
  #isLate = false
  #held = 0
  #since = performance.now()
  /** Milliseconds that functions have asked to rest, and until when. */
  #restMs = 0
  #restUntil = 0
  #pauses = 0

  constructor(
    surroundings: Surroundings,
    limits: RunLimits,
    others: () => Promise<void>,
    signal: RunOptions['signal'],
  ) {
    this.surroundings = { ...surroundings, sleep: (...given) => this.#askRest(...given) }
    this.#limits = limits
    this.#others = others
    this.#given = signal
    signal?.addEventListener('abort', this.cancel)
    if (signal?.aborted === true) this.cancel()
    if (limits.timeoutMs > 0) {
      this.#timer = setTimeout(() => {
        this.#isLate = true
        this.signal.abort()
      }, limits.timeoutMs)
    }
  }

  check(): void {
    if (this.signal.aborted) throw this.#stopped()
  }

  async pause(): Promise<void> {
    this.check()
    this.#pauses++
    const isLong = performance.now() - this.#since >= SLICE_MS
    // Clocks of Workers stand still while code runs.
    if (!isLong && this.#pauses < PAUSES_MAX) return
    await this.#others()
    this.#since = performance.now()
    this.#pauses = 0
    this.check()
  }

  #askRest(milliseconds: number, until = 0): void {
    if (milliseconds > 0) this.#restMs += milliseconds
    this.#restUntil = Math.max(this.#restUntil, until)
  }

  async rest(): Promise<void> {
    if (this.#restMs === 0 && this.#restUntil === 0) return
    const [waitMs, until] = [this.#restMs, this.#restUntil]
    ;[this.#restMs, this.#restUntil] = [0, 0]
    for (let leftMs = Math.max(waitMs, until - Date.now()); leftMs > 0;) {
      this.check()
      const ms = Math.min(leftMs, REST_STEP_MS)
      await this.#wait(ms)
      leftMs -= ms
    }
    this.check()
  }

  /** Ends with the statement. */
  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      this.signal.addEventListener('abort', done)
    })
  }

  hold(bytes: number): void {
    this.#held += bytes
    if (bytes <= 0 || this.#held <= this.#limits.bytesMax) return
    throw new SqlError('53200', 'out of memory', {
      detail: `The statement would hold more than ${this.#limits.bytesMax >> 20} MiB.`,
      hint: 'Aggregate, narrow the time range, or add LIMIT.',
    })
  }

  /** Only `cancel` and its time stop it from now on. */
  detach(): void {
    this.#given?.removeEventListener('abort', this.cancel)
  }

  /** Nothing stops it any more. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.detach()
  }

  /** The same batches; they end the run when they end, in whatever way. */
  async *guard(batches: Batches): AsyncGenerator<SqlBatch> {
    try {
      for await (const batch of batches) {
        this.check()
        if (batch.rowCount > 0) yield batch
      }
    } catch (error) {
      throw this.explain(error)
    } finally {
      this.end()
    }
  }

  /** Runs work that gives no rows. */
  async complete<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.explain(error)
    } finally {
      this.end()
    }
  }

  /** What the engine says of a cancelled call, in the words of SQL. */
  explain(error: unknown): unknown {
    const isCancelled = (error as { code?: unknown }).code === 'cancelled'
    return isCancelled && this.signal.aborted ? this.#stopped() : error
  }

  #stopped(): SqlError {
    const why = this.#isLate ? 'statement timeout' : 'user request'
    return new SqlError('57014', `canceling statement due to ${why}`)
  }
}
