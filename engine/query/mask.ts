// Runs a Condition: over a chunk, one kernel call per comparison and chunk, the tree walked here; and
// over the summaries of a block, which often decide all of its rows at once.

import {
  ANY,
  EQUAL,
  GREATER,
  LESS,
  MAY_BE_NULL,
  MAY_FAIL,
  MAY_HOLD,
  TIME_ID,
  type CompareCondition,
  type Condition,
  type MatchCondition,
  type RowColumn,
} from './condition.ts'
import type { Chunk } from './chunk.ts'
import { BLOCK_ROWS } from '../segment/footer.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import { RegexMatcher } from './regex/matcher.ts'

const FALSE = 0
const UNKNOWN = 1
const TRUE = 2
const STRING = 4
/** Bytes that constants get at first. */
const TEXT_MIN = 1024

/** Evaluates conditions over chunks of one execution. */
export class MaskEvaluator {
  private readonly kernel: Kernel
  private readonly memory: Memory
  /** Index in the plan's fields by column id. */
  private readonly fieldOf: ReadonlyMap<number, number>
  /** A stack of masks, one for each level of AND and OR. */
  private readonly masks: Region[] = []
  private text: Region | null = null
  /** By case and pattern. */
  private readonly matchers = new Map<string, RegexMatcher>()
  private matchedBytes = 0

  constructor(kernel: Kernel, memory: Memory, fieldOf: ReadonlyMap<number, number>) {
    this.kernel = kernel
    this.memory = memory
    this.fieldOf = fieldOf
  }

  /** Pointer of u8[count], 1 for each row that meets the condition, and how many do. */
  select(condition: Condition, chunk: Chunk): { mask: number; count: number } {
    const mask = this.maskAt(0)
    this.evaluate(condition, chunk, mask, 1)
    return { mask, count: this.kernel.maskSelect(mask, chunk.count, mask) }
  }

  /** Bytes that regular expressions went over since this was last asked. */
  takeMatchedBytes(): number {
    const bytes = this.matchedBytes
    this.matchedBytes = 0
    return bytes
  }

  release(): void {
    for (const region of this.masks) this.memory.release(region)
    if (this.text !== null) this.memory.release(this.text)
  }

  private evaluate(condition: Condition, chunk: Chunk, target: number, depth: number): void {
    const { kernel } = this
    const { count } = chunk
    switch (condition.kind) {
      case 'constant': {
        const outcome = condition.value === null ? UNKNOWN : condition.value ? TRUE : FALSE
        return kernel.maskFill(target, count, outcome)
      }
      case 'and':
      case 'or': {
        const other = this.maskAt(depth)
        condition.operands.forEach((operand, i) => {
          this.evaluate(operand, chunk, i === 0 ? target : other, depth + 1)
          if (i === 0) return
          if (condition.kind === 'and') kernel.maskAnd(target, other, count)
          else kernel.maskOr(target, other, count)
        })
        return
      }
      case 'not':
        this.evaluate(condition.operand, chunk, target, depth)
        return kernel.maskNot(target, count)
      case 'is':
        this.evaluate(condition.operand, chunk, target, depth)
        return kernel.maskIs(target, count, condition.value ? TRUE : FALSE)
      case 'null':
        return kernel.maskNull(this.valid(condition.column, chunk), count, target)
      default:
        return this.compare(condition, chunk, target)
    }
  }

  /** The leaves that look at values. */
  private compare(condition: Condition, chunk: Chunk, target: number): void {
    const { kernel } = this
    const { count } = chunk
    if (condition.kind === 'columns') {
      const { left, right, accepted } = condition
      kernel.filterColumns(
        ...[accepted, left.type, this.values(left, chunk), this.valid(left, chunk)],
        ...[right.type, this.values(right, chunk), this.valid(right, chunk)],
        ...[count, target],
      )
    } else if (condition.kind === 'compare') {
      const { column, accepted, slot } = condition
      const values = this.values(column, chunk)
      const valid = this.valid(column, chunk)
      kernel.filterConstant(column.type, accepted, values, valid, count, slot, target)
    } else if (condition.kind === 'text') {
      const { column, accepted, text } = condition
      const values = this.values(column, chunk)
      const valid = this.valid(column, chunk)
      const pointer = this.place(text)
      kernel.filterString(accepted, values, valid, count, pointer, text.length, target)
    } else if (condition.kind === 'like') {
      const { column, tokens, insensitive } = condition
      const values = this.values(column, chunk)
      const valid = this.valid(column, chunk)
      const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)
      const pointer = this.place(bytes)
      const fold = insensitive ? 1 : 0
      kernel.filterLike(values, valid, count, pointer, tokens.length, fold, target)
    } else if (condition.kind === 'match') {
      const { column } = condition
      const valid = this.valid(column, chunk)
      this.match(condition, this.values(column, chunk), valid, count, target)
    }
  }

  /** Strings are matched here, not in the kernel: the automaton is made as it goes. */
  private match(
    condition: MatchCondition,
    values: number,
    valid: number,
    count: number,
    target: number,
  ): void {
    const { u8, u32 } = this.memory
    const matcher = this.matcherOf(condition)
    let [last, lastLength, outcome] = [-1, -1, FALSE]
    for (let row = 0; row < count; row++) {
      if (valid !== 0 && u8[valid + row] === 0) {
        u8[target + row] = UNKNOWN
        continue
      }
      const at = (values >>> 2) + row * 2
      const [start, length] = [u32[at]!, u32[at + 1]!]
      // Neighbours that repeat lie in one place of a dictionary.
      if (start !== last || length !== lastLength) {
        outcome = matcher.matches(u8, start, start + length) ? TRUE : FALSE
        this.matchedBytes += length
      }
      last = start
      lastLength = length
      u8[target + row] = outcome
    }
  }

  private matcherOf({ pattern, insensitive, position }: MatchCondition): RegexMatcher {
    const name = `${insensitive ? '*' : '~'}${pattern}`
    let matcher = this.matchers.get(name)
    if (matcher === undefined) {
      this.matchers.set(name, (matcher = new RegexMatcher(pattern, insensitive, position)))
    }
    return matcher
  }

  private values(column: RowColumn, chunk: Chunk): number {
    return column.id === TIME_ID ? chunk.times : chunk.values[this.fieldOf.get(column.id)!]!
  }

  private valid(column: RowColumn, chunk: Chunk): number {
    return column.id === TIME_ID ? 0 : chunk.valid[this.fieldOf.get(column.id)!]!
  }

  private maskAt(depth: number): number {
    while (this.masks.length <= depth) this.masks.push(this.memory.allocate(BLOCK_ROWS))
    return this.masks[depth]!.offset
  }

  /** Copies a constant into kernel memory, for one call. */
  private place(bytes: Uint8Array): number {
    if (this.text !== null && bytes.length > this.text.size) {
      this.memory.release(this.text)
      this.text = null
    }
    this.text ??= this.memory.allocate(Math.max(bytes.length, TEXT_MIN))
    this.memory.u8.set(bytes, this.text.offset)
    return this.text.offset
  }
}

/** What is known of a column in a block; null bounds when only the counts are. */
export interface ColumnSummary {
  readonly rows: number
  readonly count: number
  /** Slots (64 bits) of the least and the greatest value. */
  readonly bounds: { readonly least: bigint; readonly greatest: bigint } | null
}

const ALL = MAY_FAIL | MAY_BE_NULL | MAY_HOLD

/** Which outcomes (a set of MAY_…) the condition may have in rows of a block, from its summaries. */
export function possibleOutcomes(
  condition: Condition,
  summaryOf: (column: RowColumn) => ColumnSummary,
): number {
  switch (condition.kind) {
    case 'constant':
      return condition.value === null ? MAY_BE_NULL : condition.value ? MAY_HOLD : MAY_FAIL
    case 'and':
    case 'or': {
      const sets = condition.operands.map((operand) => possibleOutcomes(operand, summaryOf))
      return sets.reduce((a, b) => joinOutcomes(condition.kind, a, b))
    }
    case 'not':
      return negateOutcomes(possibleOutcomes(condition.operand, summaryOf))
    case 'is': {
      return isOutcome(possibleOutcomes(condition.operand, summaryOf), condition.value)
    }
    case 'null': {
      const { rows, count } = summaryOf(condition.column)
      return (count < rows ? MAY_HOLD : 0) | (count > 0 ? MAY_FAIL : 0)
    }
    case 'compare':
      return compareOutcomes(condition, summaryOf(condition.column))
    case 'text':
    case 'like':
    case 'match': {
      const { rows, count } = summaryOf(condition.column)
      return (count < rows ? MAY_BE_NULL : 0) | (count > 0 ? MAY_HOLD | MAY_FAIL : 0)
    }
    default:
      return ALL
  }
}

function compareOutcomes(
  { column, accepted, slot }: CompareCondition,
  summary: ColumnSummary,
): number {
  const { rows, count, bounds } = summary
  const nulls = count < rows ? MAY_BE_NULL : 0
  if (count === 0) return nulls
  let possible = ANY
  if (bounds !== null && column.type !== STRING) {
    const low = compareSlots(column.type, bounds.least, slot)
    const high = compareSlots(column.type, bounds.greatest, slot)
    possible = 0
    if (low < 0) possible |= LESS
    if (high > 0) possible |= GREATER
    if (low <= 0 && high >= 0) possible |= EQUAL
  }
  const holds = (possible & accepted) !== 0 ? MAY_HOLD : 0
  const fails = (possible & ~accepted & ANY) !== 0 ? MAY_FAIL : 0
  return nulls | holds | fails
}

const slotBits = new DataView(new ArrayBuffer(8))

function floatOf(slot: bigint): number {
  slotBits.setBigUint64(0, slot)
  return slotBits.getFloat64(0)
}

/** Order of two slots of a type that is not STRING; NaN highest, zeros equal. */
function compareSlots(type: number, a: bigint, b: bigint): number {
  if (type === 0) {
    const x = floatOf(a)
    const y = floatOf(b)
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
    return x < y ? -1 : x > y ? 1 : 0
  }
  const left = type === 1 ? BigInt.asIntN(64, a) : BigInt.asUintN(64, a)
  const right = type === 1 ? BigInt.asIntN(64, b) : BigInt.asUintN(64, b)
  return left < right ? -1 : left > right ? 1 : 0
}

/** IS TRUE (or IS FALSE, if not `value`) of every outcome of a set. */
export function isOutcome(set: number, value: boolean): number {
  const wanted = value ? MAY_HOLD : MAY_FAIL
  return ((set & wanted) !== 0 ? MAY_HOLD : 0) | ((set & ~wanted & ALL) !== 0 ? MAY_FAIL : 0)
}

/** NOT of every outcome of a set. */
export function negateOutcomes(set: number): number {
  const holds = (set & MAY_FAIL) !== 0 ? MAY_HOLD : 0
  return (set & MAY_BE_NULL) | holds | ((set & MAY_HOLD) !== 0 ? MAY_FAIL : 0)
}

/** Kleene AND (the lesser outcome) or OR (the greater) of every pair of outcomes. */
export function joinOutcomes(kind: 'and' | 'or', a: number, b: number): number {
  let joined = 0
  for (const left of [MAY_FAIL, MAY_BE_NULL, MAY_HOLD]) {
    for (const right of [MAY_FAIL, MAY_BE_NULL, MAY_HOLD]) {
      if ((a & left) === 0 || (b & right) === 0) continue
      joined |= kind === 'and' ? Math.min(left, right) : Math.max(left, right)
    }
  }
  return joined
}
