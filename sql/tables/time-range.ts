// Conditions on the time column → one half-open range of times, which the learned index finds rows by.

import type { RelationColumn } from '../relation.ts'
import type { Bound } from '../tree.ts'

/** What the engine stores, and takes as an end of a range. */
const TIME_MIN = -(2n ** 63n) + 2n
const TIME_MAX = 2n ** 63n - 2n

/** Nanoseconds: `start` in, `end` out; null = unbounded. */
export class TimeRange {
  start: bigint | null = null
  end: bigint | null = null
  isEmpty = false

  /** Narrows the range by a condition; false: it is none that a range says, and nothing changed. */
  narrow(condition: Bound, columns: readonly RelationColumn[]): boolean {
    if (condition.kind !== 'call' || condition.arguments.length !== 2) return false
    const [left, right] = condition.arguments as [Bound, Bound]
    const { name } = condition.function
    if (isTime(left, columns) && isStamp(right)) return this.#apply(name, right.value)
    const mirrored = MIRRORED[name]
    if (mirrored === undefined || !isTime(right, columns) || !isStamp(left)) return false
    return this.#apply(mirrored, left.value)
  }

  #apply(operator: string, value: bigint): boolean {
    switch (operator) {
      case '=':
        this.#from(value)
        this.#before(value + 1n)
        return true
      case '>=':
        this.#from(value)
        return true
      case '>':
        this.#from(value + 1n)
        return true
      case '<':
        this.#before(value)
        return true
      case '<=':
        this.#before(value + 1n)
        return true
      default:
        return false
    }
  }

  #from(start: bigint): void {
    if (start > TIME_MAX) this.isEmpty = true
    else if (start > TIME_MIN && (this.start === null || start > this.start)) this.start = start
    this.#close()
  }

  #before(end: bigint): void {
    if (end <= TIME_MIN) this.isEmpty = true
    else if (end <= TIME_MAX && (this.end === null || end < this.end)) this.end = end
    this.#close()
  }

  #close(): void {
    if (this.start !== null && this.end !== null && this.start >= this.end) this.isEmpty = true
  }
}

const MIRRORED: Readonly<Record<string, string>> = {
  '=': '=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

function isTime(node: Bound, columns: readonly RelationColumn[]): boolean {
  return node.kind === 'input' && columns[node.index]?.kind === 'time'
}

function isStamp(node: Bound): node is Extract<Bound, { kind: 'constant' }> & { value: bigint } {
  return (
    node.kind === 'constant' && node.type.name === 'timestamptz' && typeof node.value === 'bigint'
  )
}
