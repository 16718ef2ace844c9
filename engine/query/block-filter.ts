// What the summaries of a row group's blocks leave of a filter: of each block no row can meet it, some
// may, or all do. Decided once for a group, as series after series has its rows in the same blocks, and
// by one call of the kernel for each comparison.

import {
  ANY,
  MAY_HOLD,
  TIME_ID,
  type CompareCondition,
  type Condition,
  type RowColumn,
} from './condition.ts'
import { BLOCK_ROWS, GROUP_BLOCKS } from '../segment/footer.ts'
import type { KernelInstance } from '../kernel.ts'
import {
  type ColumnSummary,
  isOutcome,
  joinOutcomes,
  negateOutcomes,
  possibleOutcomes,
} from './mask.ts'
import type { Region } from '../memory.ts'
import { GROUP_ROWS, type PartView } from './part-view.ts'

/** States of blocks. */
export const NONE = 0
export const SOME = 1
export const ALL = 2

const STRING = 4
const ENTRY_ROWS = 12
const ENTRY_COUNT = 14
const ENTRY_FLAGS = 17
const ENTRY_LEAST = 40
const ENTRY_GREATEST = 48
const SUMMARY_VALID = 8

/** Rows of a group whose blocks are all in one state; with SOME of one block. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly state: number
}

/** The next rows of [from, to) that may count; null if none do. */
export function nextStretch(states: Uint8Array, from: number, to: number): Stretch | null {
  let block = from >>> 10
  while (block << 10 < to && states[block] === NONE) block++
  const start = Math.max(from, block << 10)
  if (start >= to) return null
  const state = states[block]!
  block++
  if (state === ALL) while (block << 10 < to && states[block] === ALL) block++
  return { from: start, to: Math.min(to, block << 10), state }
}

/** Decides the blocks of an execution. */
export class BlockFilter {
  private readonly instance: KernelInstance
  /** Index in the plan's fields by column id. */
  private readonly fieldOf: ReadonlyMap<number, number>
  /** Fields of which a row needs a value to count; null: every row counts. */
  private readonly counted: readonly number[] | null
  private readonly scratch: Region
  private view: PartView | null = null
  private group = -1
  /** Of the group, by filter. */
  private readonly known = new Map<Condition | null, Uint8Array>()

  constructor(
    instance: KernelInstance,
    fieldOf: ReadonlyMap<number, number>,
    counted: readonly number[] | null,
  ) {
    this.instance = instance
    this.fieldOf = fieldOf
    this.counted = counted
    this.scratch = instance.memory.allocate(GROUP_BLOCKS)
  }

  /** The state of each block of the view's current row group: not to be changed. */
  states(filter: Condition | null, view: PartView): Uint8Array {
    const group = view.currentGroup
    if (view !== this.view || group !== this.group || this.known.size > GROUP_BLOCKS) {
      this.known.clear()
      this.view = view
      this.group = group
    }
    let states = this.known.get(filter)
    if (states === undefined) {
      states = this.decide(filter, view, group)
      this.known.set(filter, states)
    }
    return states
  }

  release(): void {
    this.instance.memory.release(this.scratch)
  }

  private decide(filter: Condition | null, view: PartView, group: number): Uint8Array {
    const rows = view.reader.rows - group * GROUP_ROWS
    const blocks = Math.min(GROUP_BLOCKS, Math.ceil(rows / BLOCK_ROWS))
    const states = new Uint8Array(GROUP_BLOCKS)
    const outcomes = filter === null ? null : this.outcomes(filter, view, blocks)
    for (let block = 0; block < blocks; block++) {
      const set = outcomes === null ? MAY_HOLD : outcomes[block]!
      if ((set & MAY_HOLD) === 0 || !this.hasValue(view, block)) continue
      states[block] = set === MAY_HOLD ? ALL : SOME
    }
    return states
  }

  /** Has some row of a block what it needs to count? */
  private hasValue(view: PartView, block: number): boolean {
    if (this.counted === null) return true
    const { u16 } = this.instance.memory
    return this.counted.some((field) => {
      const entry = view.entry(field + 1, block)
      return entry !== 0 && u16[(entry + ENTRY_COUNT) >>> 1]! > 0
    })
  }

  /** Sets of outcomes by block. */
  private outcomes(condition: Condition, view: PartView, blocks: number): Uint8Array {
    switch (condition.kind) {
      case 'and':
      case 'or': {
        const sets = condition.operands.map((operand) => this.outcomes(operand, view, blocks))
        return sets.reduce((a, b) => a.map((set, i) => joinOutcomes(condition.kind, set, b[i]!)))
      }
      case 'not':
        return this.outcomes(condition.operand, view, blocks).map(negateOutcomes)
      case 'is':
        return this.outcomes(condition.operand, view, blocks).map((set) =>
          isOutcome(set, condition.value),
        )
      case 'compare':
        if (condition.column.type !== STRING) return this.compare(condition, view, blocks)
    }
    return Uint8Array.from({ length: blocks }, (_, block) =>
      possibleOutcomes(condition, (column) => this.summaryOf(column, view, block)),
    )
  }

  private compare(condition: CompareCondition, view: PartView, blocks: number): Uint8Array {
    const { kernel, memory } = this.instance
    const { column, accepted, slot } = condition
    const index = column.id === TIME_ID ? 0 : this.fieldOf.get(column.id)! + 1
    const target = this.scratch.offset
    kernel.viewOutcomes(view.pointer, index, blocks, accepted & ANY, slot, target)
    return memory.u8.slice(target, target + blocks)
  }

  private summaryOf(column: RowColumn, view: PartView, block: number): ColumnSummary {
    const { u8, u16, u64 } = this.instance.memory
    const isTime = column.id === TIME_ID
    const rows = u16[(view.entry(0, block) + ENTRY_ROWS) >>> 1]!
    const entry = view.entry(isTime ? 0 : this.fieldOf.get(column.id)! + 1, block)
    if (entry === 0) return { rows, count: 0, bounds: null }
    const count = isTime ? rows : u16[(entry + ENTRY_COUNT) >>> 1]!
    const hasBounds = isTime || (u8[entry + ENTRY_FLAGS]! & SUMMARY_VALID) !== 0
    if (!hasBounds) return { rows, count, bounds: null }
    const least = u64[(entry + ENTRY_LEAST) >>> 3]!
    return { rows, count, bounds: { least, greatest: u64[(entry + ENTRY_GREATEST) >>> 3]! } }
  }
}
