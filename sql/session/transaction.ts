// The transaction of a session. Statements read one state each and write at once, so all that it keeps
// is whether it has failed, its savepoints, and the settings to go back to.

import type { TransactionStatus } from '../session.ts'
import { SqlError } from '../sql-error.ts'
import type { Settings, SettingState } from './settings.ts'

interface Savepoint {
  readonly name: string
  readonly settings: SettingState
}

export class Transaction {
  readonly #settings: Settings
  #status: TransactionStatus = 'idle'
  #begun: SettingState | null = null
  #startedAt: bigint | null = null
  #savepoints: readonly Savepoint[] = []

  constructor(settings: Settings) {
    this.#settings = settings
  }

  get status(): TransactionStatus {
    return this.#status
  }

  /** What `now()` is until it ends; null: outside of one. */
  get startedAt(): bigint | null {
    return this.#startedAt
  }

  get isReadOnly(): boolean {
    return this.#settings.get('transaction_read_only') === 'on'
  }

  /** A second one is a warning in PostgreSQL, and nothing here. */
  begin(isReadOnly: boolean, now: bigint): void {
    if (this.#status !== 'idle') return
    this.#status = 'open'
    this.#begun = this.#settings.state()
    this.#startedAt = now
    const always = this.#settings.get('default_transaction_read_only') === 'on'
    this.#settings.set('transaction_read_only', isReadOnly || always ? 'on' : 'off', true)
    const isolation = this.#settings.get('default_transaction_isolation')
    this.#settings.set('transaction_isolation', isolation, true)
  }

  /** Whether what it set is kept: not after a failure. */
  end(isCommit: boolean): boolean {
    const isKept = isCommit && this.#status !== 'failed'
    if (!isKept && this.#begun !== null) this.#settings.restore(this.#begun)
    this.#settings.endLocal()
    this.#status = 'idle'
    this.#begun = null
    this.#startedAt = null
    this.#savepoints = []
    return isKept
  }

  fail(): void {
    if (this.#status === 'open') this.#status = 'failed'
  }

  savepoint(name: string): void {
    this.#require('SAVEPOINT')
    this.#savepoints = [...this.#savepoints, { name, settings: this.#settings.state() }]
  }

  release(name: string): void {
    this.#require('RELEASE SAVEPOINT')
    this.#savepoints = this.#savepoints.slice(0, this.#indexOf(name))
  }

  rollbackTo(name: string): void {
    this.#require('ROLLBACK TO SAVEPOINT')
    const index = this.#indexOf(name)
    this.#settings.restore(this.#savepoints[index]!.settings)
    this.#savepoints = this.#savepoints.slice(0, index + 1)
    this.#status = 'open'
  }

  #require(what: string): void {
    if (this.#status !== 'idle') return
    throw new SqlError('25P01', `${what} can only be used in transaction blocks`)
  }

  #indexOf(name: string): number {
    const index = this.#savepoints.findLastIndex((one) => one.name === name)
    if (index >= 0) return index
    throw new SqlError('3B001', `savepoint "${name}" does not exist`)
  }
}
