// `where` after names and types are resolved: a tree whose leaves the kernel evaluates per chunk
// (comparisons of fields and times), or that are constants of a series (tags). Three-valued logic as
// in PostgreSQL throughout. binder.ts builds it, the planner splits and folds it, mask.ts runs it.

import type { FieldType } from '../field.ts'

/** Outcomes of a comparison, ORed into the set that a leaf accepts (assembly/filter.ts). */
export const LESS = 1
export const EQUAL = 2
export const GREATER = 4
/** Accepts every outcome: true wherever the column has a value. */
export const ANY = 7

/** What a condition may come out as for some row, as a set: used to decide blocks by their summary. */
export const MAY_FAIL = 1
export const MAY_BE_NULL = 2
export const MAY_HOLD = 4

/** The time column stands among the fields with this id (no field has it). */
export const TIME_ID = -1

/** A column that has a value per row: a field, or the time (`TIME_ID`, integer). */
export interface RowColumn {
  readonly id: number
  readonly type: FieldType
}

/** Three-valued: null is unknown. */
export type Truth = boolean | null

export type TagReader = (key: string) => string | null

export type Condition =
  | { readonly kind: 'constant'; readonly value: Truth }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Condition[] }
  | { readonly kind: 'not'; readonly operand: Condition }
  /** IS TRUE or IS FALSE: never unknown. */
  | { readonly kind: 'is'; readonly operand: Condition; readonly value: boolean }
  /** IS NULL. */
  | { readonly kind: 'null'; readonly column: RowColumn }
  /** Against one slot (its 64 bits) of the column's type. */
  | CompareCondition
  /** A string field against UTF-8 text. */
  | TextCondition
  | {
      readonly kind: 'columns'
      readonly left: RowColumn
      readonly right: RowColumn
      readonly accepted: number
    }
  | {
      readonly kind: 'like'
      readonly column: RowColumn
      readonly tokens: Uint32Array
      readonly insensitive: boolean
    }
  /** A string field that has a match of a regular expression (regex/). */
  | MatchCondition
  | TagCondition
  /** A string field against a tag: becomes `text` once the series is known. */
  | {
      readonly kind: 'tagText'
      readonly column: RowColumn
      readonly key: string
      readonly accepted: number
    }

export interface CompareCondition {
  readonly kind: 'compare'
  readonly column: RowColumn
  readonly accepted: number
  readonly slot: bigint
}

export interface TextCondition {
  readonly kind: 'text'
  readonly column: RowColumn
  readonly accepted: number
  readonly text: Uint8Array
}

export interface MatchCondition {
  readonly kind: 'match'
  readonly column: RowColumn
  readonly pattern: string
  readonly insensitive: boolean
  /** Where the pattern stands in `where`. */
  readonly position: number
}

/** Depends on tags alone. `values`, when there, are all the values of its one key that it accepts. */
export interface TagCondition {
  readonly kind: 'tag'
  readonly keys: readonly string[]
  readonly values: readonly string[] | null
  readonly test: (tag: TagReader) => Truth
}

export function constant(value: Truth): Condition {
  return { kind: 'constant', value }
}

/** NOT, folded where the operand is a constant. */
export function negation(operand: Condition): Condition {
  if (operand.kind === 'constant') return constant(operand.value === null ? null : !operand.value)
  return { kind: 'not', operand }
}

/** AND or OR, with what constants decide taken out. */
export function junction(kind: 'and' | 'or', operands: readonly Condition[]): Condition {
  // AND ends at false, OR at true; the other boolean changes nothing.
  const deciding = kind === 'or'
  const kept: Condition[] = []
  let hasUnknown = false
  for (const operand of operands) {
    if (operand.kind !== 'constant') kept.push(operand)
    else if (operand.value === deciding) return operand
    else if (operand.value === null) hasUnknown = true
  }
  if (kept.length === 0) return constant(hasUnknown ? null : !deciding)
  if (hasUnknown) kept.push(constant(null))
  return kept.length === 1 ? kept[0]! : { kind, operands: kept }
}

/** The condition for one series: tags are constants now, and what they decide is gone. */
export function foldTags(condition: Condition, tag: TagReader): Condition {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return junction(
        condition.kind,
        condition.operands.map((operand) => foldTags(operand, tag)),
      )
    case 'not':
      return negation(foldTags(condition.operand, tag))
    case 'is': {
      const operand = foldTags(condition.operand, tag)
      if (operand.kind === 'constant') return constant(operand.value === condition.value)
      return { ...condition, operand }
    }
    case 'tag':
      return constant(condition.test(tag))
    case 'tagText': {
      const value = tag(condition.key)
      if (value === null) return constant(null)
      const { column, accepted } = condition
      return { kind: 'text', column, accepted, text: new TextEncoder().encode(value) }
    }
    default:
      return condition
  }
}

/** Every leaf of the tree. */
export function* leavesOf(condition: Condition): Generator<Condition> {
  if (condition.kind === 'and' || condition.kind === 'or') {
    for (const operand of condition.operands) yield* leavesOf(operand)
  } else if (condition.kind === 'not' || condition.kind === 'is') {
    yield* leavesOf(condition.operand)
  } else {
    yield condition
  }
}

/** Tag keys that the condition reads. */
export function tagKeysOf(condition: Condition): Set<string> {
  const keys = new Set<string>()
  for (const leaf of leavesOf(condition)) {
    if (leaf.kind === 'tag') for (const key of leaf.keys) keys.add(key)
    else if (leaf.kind === 'tagText') keys.add(leaf.key)
  }
  return keys
}

/** Row columns that the condition reads, each once, the time among them. */
export function rowColumnsOf(condition: Condition): RowColumn[] {
  const columns = new Map<number, RowColumn>()
  for (const leaf of leavesOf(condition)) {
    if (leaf.kind === 'columns') {
      columns.set(leaf.left.id, leaf.left)
      columns.set(leaf.right.id, leaf.right)
    } else if (leaf.kind !== 'constant' && leaf.kind !== 'tag' && 'column' in leaf) {
      columns.set(leaf.column.id, leaf.column)
    }
  }
  return [...columns.values()]
}
