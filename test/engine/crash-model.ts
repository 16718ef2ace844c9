// What a database may show after failures. Every change is an operation in the order of the log
// with what is known of it: acknowledged, unknown (no answer, an error), or acknowledged in memory.
// Values name the operation that wrote them (crash-cells.ts), so an acknowledged one that is missing,
// half a batch, an old value over a newer one and anything that nobody wrote or that was erased
// are found (docs/durability.md, "Promises").

import { OmenError } from '../../engine/error.ts'
import { type CellValue, type Cells, describeKey, isBoolean } from './crash-cells.ts'
import type { Expiry } from './crash-expiry.ts'

export interface Operation {
  readonly id: number
  /** Place in the order of the log. */
  readonly order: number
  /** What it writes; null: it erases what `covers` says. */
  readonly cells: Cells | null
  readonly covers: ((key: number) => boolean) | null
  /**
   * Of an eraser: the order of the last operation that was called before it was answered. It may
   * come before or after those that were called meanwhile.
   */
  lastOrder: number
  /** The same of those that were under way when it was called. */
  readonly concurrent: ReadonlySet<Operation>
  /**
   * `memory` may be lost in a crash as long as nothing behind it is `acked`; `refused` has stored
   * nothing, which was said of a batch that the data does not allow.
   */
  state: 'acked' | 'memory' | 'unknown' | 'refused'
}

const NONE: ReadonlySet<Operation> = new Set()
const REFUSALS = new Set(['conflict', 'type_conflict', 'too_large', 'expired'])

/** Whether an error says that nothing was stored, and nothing will be. */
export function isRefusal(error: unknown): boolean {
  return error instanceof OmenError && REFUSALS.has(error.code)
}

/** What is known of a database: a state it was seen in, and what was asked of it since. */
export class History {
  private base: Cells = new Map()
  private operations: Operation[] = []
  private nextId = 1
  private readonly expiry: Expiry | null

  /** `expiry`: what retention may have taken, if there is any. */
  constructor(expiry: Expiry | null = null) {
    this.expiry = expiry
  }

  /** Of the next operation. */
  get nextOrder(): number {
    return this.operations.length
  }

  /** What was asked since the last start, in the order of the calls. */
  get all(): readonly Operation[] {
    return this.operations
  }

  /** Whether a crash may lose what is acknowledged in memory alone. */
  get hasMemory(): boolean {
    return this.operations.some(({ state }) => state === 'memory')
  }

  takeId(): number {
    return this.nextId++
  }

  /** Notes a write in the order of its call; its state is unknown until it is answered. */
  add(id: number, cells: Cells): Operation {
    return this.note(id, cells, null)
  }

  /** Notes a drop, which comes before all that is called after it. */
  erase(covers: (key: number) => boolean): Operation {
    return this.note(this.takeId(), null, covers)
  }

  /** Notes a delete, which finds its place among what is under way until it is `answered`. */
  delete(covers: (key: number) => boolean): Operation {
    const concurrent = new Set(this.operations.filter(({ state }) => state === 'unknown'))
    const operation = this.note(this.takeId(), null, covers, concurrent)
    operation.lastOrder = Infinity
    return operation
  }

  /** Acknowledged, and durable. */
  answered(operation: Operation): void {
    operation.state = 'acked'
    if (operation.lastOrder === Infinity) operation.lastOrder = this.operations.length - 1
  }

  /** Everything answered so far is durable: a flush or a later acknowledged write said so. */
  synced(before: Operation | null = null): void {
    for (const operation of this.operations) {
      if (operation === before) return
      if (operation.state === 'memory') operation.state = 'acked'
    }
  }

  /** Memory is lost: what was acknowledged in it alone may be gone. */
  crashed(): void {
    const last = this.operations.findLastIndex(({ state }) => state === 'acked')
    this.operations.forEach((operation, i) => {
      if (operation.state === 'memory') operation.state = i < last ? 'acked' : 'unknown'
    })
  }

  /** Null if what was found (of the keys that `isRead` accepts) can be explained, else what cannot. */
  check(found: Cells, isRead: (key: number) => boolean = () => true): string | null {
    const erasers = this.operations
      .filter(({ covers, state }) => covers !== null && state !== 'refused')
      .reverse()
    const unsure = erasers.filter(({ state }) => state === 'unknown')
    const writes = writesByKey(this.operations)
    const keys = keysOf([this.base, found, writes], isRead)
    let first: string | null = null
    for (let choice = 0; choice < 2 ** unsure.length; choice++) {
      const skipped = new Set(unsure.filter((_, i) => ((choice >> i) & 1) === 0))
      const happening = erasers.filter((operation) => !skipped.has(operation))
      const given = { base: this.base, writes, expiry: this.expiry }
      const fault = new Explanation(given, happening).faultOf(found, keys)
      if (fault === null) return null
      first ??= fault
    }
    return first
  }

  /** What was seen after a restart stays. */
  settle(found: Cells): void {
    this.rememberAll()
    this.base = found
    this.operations = []
  }

  /** For what expires: all that may lie below what was seen. */
  private rememberAll(): void {
    const { expiry } = this
    if (expiry === null) return
    for (const [key, value] of this.base) expiry.remember(key, value)
    for (const { cells, covers, state, order, lastOrder, concurrent } of this.operations) {
      if (state === 'refused') continue
      for (const [key, value] of cells ?? []) expiry.remember(key, value)
      const isAlone = order === lastOrder && concurrent.size === 0
      if (covers !== null && state === 'acked' && isAlone) expiry.forget(covers)
    }
    expiry.restart()
  }

  private note(
    id: number,
    cells: Cells | null,
    covers: Operation['covers'],
    concurrent: Operation['concurrent'] = NONE,
  ): Operation {
    const order = this.operations.length
    const place = { order, lastOrder: order, concurrent }
    const operation: Operation = { id, cells, covers, ...place, state: 'unknown' }
    this.operations.push(operation)
    return operation
  }
}

/** The writes of each key, newest first. */
function writesByKey(operations: readonly Operation[]): Map<number, Operation[]> {
  const writes = new Map<number, Operation[]>()
  for (const operation of [...operations].reverse()) {
    if (operation.cells === null || operation.state === 'refused') continue
    for (const key of operation.cells.keys()) {
      const list = writes.get(key)
      if (list === undefined) writes.set(key, [operation])
      else list.push(operation)
    }
  }
  return writes
}

/** Booleans last: several may have written one, so it is judged by what the others have shown. */
function keysOf(
  maps: readonly ReadonlyMap<number, unknown>[],
  isRead: (key: number) => boolean,
): number[] {
  const keys = new Set<number>()
  for (const map of maps) for (const key of map.keys()) if (isRead(key)) keys.add(key)
  const all = [...keys]
  return [...all.filter((key) => !isBoolean(key)), ...all.filter(isBoolean)]
}

/** One way in which it may have been: these erasers happened; writes that are unknown may have. */
class Explanation {
  private readonly base: Cells
  private readonly writes: ReadonlyMap<number, readonly Operation[]>
  private readonly expiry: Expiry | null
  /** Newest first. */
  private readonly erasers: readonly Operation[]
  private readonly happened = new Map<Operation, boolean>()

  constructor(
    given: {
      readonly base: Cells
      readonly writes: ReadonlyMap<number, readonly Operation[]>
      readonly expiry: Expiry | null
    },
    erasers: readonly Operation[],
  ) {
    this.base = given.base
    this.writes = given.writes
    this.expiry = given.expiry
    this.erasers = erasers
  }

  faultOf(found: Cells, keys: readonly number[]): string | null {
    for (const key of keys) {
      const fault = this.explain(key, found.get(key))
      if (fault !== null) return `${describeKey(key)}: ${fault}`
    }
    return null
  }

  private explain(key: number, found: CellValue | undefined): string | null {
    const { expiry } = this
    if (expiry?.isHidden(key) === true) {
      return found === undefined ? null : `found ${found}, which has expired`
    }
    const skipped: Operation[] = []
    const erased = this.erasers.find(({ covers }) => covers!(key))
    // From the newest: what wrote the value, with all that is newer not happened.
    for (const operation of this.writes.get(key) ?? []) {
      if (this.isErased(key, operation)) break
      const value = operation.cells!.get(key)
      if (value === found && this.happened.get(operation) !== false) {
        if (!isBoolean(key)) this.happened.set(operation, true)
        return this.noneHappened(skipped)
      }
      const { state, id } = operation
      if (found === undefined && this.mayBeErased(key, operation)) return this.noneHappened(skipped)
      if (expiry?.mayBeGone(key, operation.order) === true) {
        if (found === undefined) return this.noneHappened(skipped)
        continue
      }
      if (state !== 'unknown' || this.happened.get(operation) === true) {
        return `found ${found}, but ${state} operation ${id} left ${value}`
      }
      skipped.push(operation)
    }
    if (erased !== undefined) {
      if (found === undefined) return this.noneHappened(skipped)
      return `found ${found}, but ${erased.state} operation ${erased.id} erased it`
    }
    const base = this.base.get(key)
    if (base !== found && this.mayBeOlder(key, found)) return this.noneHappened(skipped)
    if (base !== found) return `found ${found}, which nobody wrote; it was ${base}`
    return this.noneHappened(skipped)
  }

  private isErased(key: number, write: Operation): boolean {
    return this.erasers.some(
      ({ order, concurrent, covers }) =>
        order > write.order && !concurrent.has(write) && covers!(key),
    )
  }

  /** By a delete that was under way when it was written. */
  private mayBeErased(key: number, write: Operation): boolean {
    return this.erasers.some(
      ({ order, lastOrder, concurrent, covers }) =>
        (concurrent.has(write) || (order < write.order && write.order <= lastOrder)) &&
        covers!(key),
    )
  }

  /** Whether retention explains what differs from what was seen before. */
  private mayBeOlder(key: number, found: CellValue | undefined): boolean {
    const { expiry } = this
    if (expiry === null) return false
    return found === undefined ? expiry.mayBeGone(key, -1) : expiry.mayReturn(key, found)
  }

  private noneHappened(skipped: readonly Operation[]): string | null {
    for (const operation of skipped) {
      if (this.happened.get(operation) === true) return `half of operation ${operation.id}`
      this.happened.set(operation, false)
    }
    return null
  }
}
