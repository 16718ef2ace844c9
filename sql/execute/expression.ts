// Expressions compiled to closures over whole columns. `active` are the rows that count: what stands in
// a branch that a row does not take is not evaluated for it, or must not throw for it.
// Constants are vectors of one row all the way up; `spread` (vector.ts) makes them columns.

import type { SqlVector } from '../batch.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { SqlArray, type SqlRecord } from '../value.ts'
import { keyOf } from './key.ts'
import type { Answer, Frame } from './scope.ts'
import { spread, valueAt, vectorOf } from './vector.ts'

export type Active = Uint8Array | null

export interface Expression {
  readonly type: DataType
  /** It gives a vector of one row. */
  readonly isConstant: boolean
  evaluate(frame: Frame, active: Active): SqlVector
}

type Of<Kind extends Bound['kind']> = Extract<Bound, { kind: Kind }>

/** Compiles once per execution of a node; frames may come many times. */
export function compile(bound: Bound): Expression {
  switch (bound.kind) {
    case 'constant':
      return constant(bound.type, () => bound.value)
    case 'parameter':
      return constant(bound.type, ({ scope }) => scope.parameters[bound.index])
    case 'input':
      return column(bound)
    case 'outer':
      return constant(bound.type, ({ scope }) => {
        const { batch, row } = scope.outer[bound.depth - 1]!
        return valueAt(batch.columns[bound.index]!, bound.type, row)
      })
    case 'call':
      return call(bound.type, bound.arguments.map(compile), bound.function)
    case 'cast':
      return cast(bound)
    case 'and':
    case 'or':
      return junction(bound)
    case 'not':
      return not(compile(bound.operand))
    case 'is':
      return is(bound)
    case 'distinct':
      return distinct(bound)
    case 'case':
      return branch(bound)
    case 'coalesce':
      return coalesce(bound)
    case 'array':
      return array(bound)
    case 'quantified':
      return quantified(bound)
    default:
      return subquery(bound)
  }
}

function constant(type: DataType, read: (frame: Frame) => unknown): Expression {
  return {
    type,
    isConstant: true,
    evaluate(frame) {
      const value = read(frame)
      return vectorOf(type, 1, () => value)
    },
  }
}

function column({ type, index }: Of<'input'>): Expression {
  return { type, isConstant: false, evaluate: ({ batch }) => batch.columns[index]! }
}

/** Rows that count of a constant: its one, unless no row does. */
function activeOf(active: Active, isConstant: boolean, rowCount: number): Active {
  if (!isConstant) return active
  const isUsed = rowCount > 0 && (active === null || active.includes(1))
  return isUsed ? null : new Uint8Array(1)
}

/** Rows of which all vectors have a value. */
function present(vectors: readonly SqlVector[], rowCount: number, active: Active): Active {
  let mask: Uint8Array | null = null
  for (const { valid, values } of vectors) {
    if (valid === null) continue
    mask ??= active === null ? new Uint8Array(rowCount).fill(1) : active.slice()
    if (values.length === 1 && rowCount !== 1) {
      if (valid[0] === 0) mask.fill(0)
    } else for (let i = 0; i < rowCount; i++) mask[i]! &= valid[i]!
  }
  return mask ?? active
}

function intersect(a: Active, b: Active): Active {
  if (a === null || b === null) return a ?? b
  const both = a.slice()
  for (let i = 0; i < both.length; i++) both[i]! &= b[i]!
  return both
}

function call(
  type: DataType,
  operands: readonly Expression[],
  { evaluate, isStrict, volatility }: ScalarFunction,
): Expression {
  const isConstant = volatility !== 'volatile' && operands.every((one) => one.isConstant)
  const types = { arguments: operands.map((one) => one.type), result: type }
  return {
    type,
    isConstant,
    evaluate(frame, active) {
      const count = isConstant ? 1 : frame.batch.rowCount
      const rows = activeOf(active, isConstant, frame.batch.rowCount)
      const vectors = operands.map((one) => one.evaluate(frame, active))
      const wanted = isStrict ? present(vectors, count, rows) : rows
      const { surroundings } = frame.scope.run
      const result = evaluate(vectors, count, wanted, surroundings, types)
      const full = spread(result, count)
      return isStrict ? { values: full.values, valid: intersect(full.valid, wanted) } : full
    },
  }
}

function cast({ type, cast: how, operand }: Of<'cast'>): Expression {
  const inner = compile(operand)
  if (how === null) return { ...inner, type }
  const { evaluate } = how
  const strict = { evaluate, isStrict: true, volatility: 'stable' } as unknown as ScalarFunction
  return call(type, [inner], strict)
}

/** AND stops at the first false, OR at the first true; null is neither. */
function junction({ kind, type, operands }: Of<'and' | 'or'>): Expression {
  const parts = operands.map(compile)
  const isConstant = parts.every((one) => one.isConstant)
  const end = kind === 'and' ? 0 : 1
  return {
    type,
    isConstant,
    evaluate(frame, active) {
      const count = isConstant ? 1 : frame.batch.rowCount
      const values = new Uint8Array(count).fill(1 - end)
      const valid = new Uint8Array(count).fill(1)
      const open =
        activeOf(active, isConstant, frame.batch.rowCount)?.slice() ?? new Uint8Array(count).fill(1)
      for (const part of parts) {
        const vector = part.evaluate(frame, open)
        const step = vector.values.length === 1 ? 0 : 1
        for (let i = 0, j = 0; i < count; i++, j += step) {
          if (open[i] === 0) continue
          if (vector.valid !== null && vector.valid[j] === 0) valid[i] = 0
          else if (vector.values[j] === end) {
            values[i] = end
            valid[i] = 1
            open[i] = 0
          }
        }
      }
      return { values, valid: valid.includes(0) ? valid : null }
    },
  }
}

function not(operand: Expression): Expression {
  return {
    type: operand.type,
    isConstant: operand.isConstant,
    evaluate(frame, active) {
      const { values, valid } = operand.evaluate(frame, active)
      return { values: (values as Uint8Array).map((value) => 1 - value), valid }
    },
  }
}

function is({ type, operand, test, negated }: Of<'is'>): Expression {
  const inner = compile(operand)
  const wanted = test === 'true' ? 1 : 0
  return {
    type,
    isConstant: inner.isConstant,
    evaluate(frame, active) {
      const { values, valid } = inner.evaluate(frame, active)
      const answer = new Uint8Array(values.length)
      for (let i = 0; i < answer.length; i++) {
        const isNull = valid !== null && valid[i] === 0
        const isMet = test === 'null' ? isNull : !isNull && values[i] === wanted
        answer[i] = Number(isMet !== negated)
      }
      return { values: answer, valid: null }
    },
  }
}

function distinct({ type, equal, left, right, negated }: Of<'distinct'>): Expression {
  const [a, b] = [compile(left), compile(right)]
  const same = call(type, [a, b], equal)
  return {
    type,
    isConstant: same.isConstant,
    evaluate(frame, active) {
      const equals = same.evaluate(frame, active)
      const count = equals.values.length
      const [one, two] = [a.evaluate(frame, active).valid, b.evaluate(frame, active).valid]
      const hasValue = (valid: Uint8Array | null, i: number): boolean =>
        valid === null || valid[valid.length === 1 ? 0 : i] === 1
      const answer = new Uint8Array(count)
      for (let i = 0; i < count; i++) {
        const [isOne, isTwo] = [hasValue(one, i), hasValue(two, i)]
        const isSame = isOne && isTwo ? equals.values[i] === 1 : isOne === isTwo
        answer[i] = Number(isSame === negated)
      }
      return { values: answer, valid: null }
    },
  }
}

/** Gives rows to the first of several expressions that takes them. */
function choose(
  type: DataType,
  frame: Frame,
  active: Active,
  pick: (open: Uint8Array, put: (rows: Uint8Array, from: SqlVector) => void) => void,
): SqlVector {
  const count = frame.batch.rowCount
  const chosen: unknown[] = Array.from<unknown>({ length: count }).fill(null)
  const open = active?.slice() ?? new Uint8Array(count).fill(1)
  pick(open, (rows, from) => {
    const isOne = from.values.length === 1
    for (let i = 0; i < count; i++) {
      if (rows[i] === 1) chosen[i] = valueAt(from, type, isOne ? 0 : i)
    }
  })
  return vectorOf(type, count, (row) => chosen[row])
}

function branch({ type, branches, otherwise }: Of<'case'>): Expression {
  const parts = branches.map(({ when, result }) => ({
    when: compile(when),
    result: compile(result),
  }))
  const last = compile(otherwise)
  return {
    type,
    isConstant: false,
    evaluate: (frame, active) =>
      choose(type, frame, active, (open, put) => {
        for (const { when, result } of parts) {
          if (!open.includes(1)) return
          const { values, valid } = when.evaluate(frame, open)
          const isOne = values.length === 1
          const taken = open.slice()
          for (let i = 0; i < open.length; i++) {
            const at = isOne ? 0 : i
            if (values[at] !== 1 || (valid !== null && valid[at] === 0)) taken[i] = 0
            else open[i] = 0
          }
          if (taken.includes(1)) put(taken, result.evaluate(frame, taken))
        }
        if (open.includes(1)) put(open, last.evaluate(frame, open))
      }),
  }
}

function coalesce({ type, operands }: Of<'coalesce'>): Expression {
  const parts = operands.map(compile)
  return {
    type,
    isConstant: false,
    evaluate: (frame, active) =>
      choose(type, frame, active, (open, put) => {
        for (const part of parts) {
          if (!open.includes(1)) return
          const vector = part.evaluate(frame, open)
          put(open, vector)
          const { valid } = vector
          for (let i = 0; i < open.length; i++) {
            if (valid === null || valid[valid.length === 1 ? 0 : i] === 1) open[i] = 0
          }
        }
      }),
  }
}

function array({ type, elements }: Of<'array'>): Expression {
  const parts = elements.map(compile)
  const element = type.element!
  const isConstant = parts.every((one) => one.isConstant)
  const make = (frame: Frame, active: Active): SqlVector => {
    const vectors = parts.map((one) => one.evaluate(frame, active))
    return vectorOf(type, isConstant ? 1 : frame.batch.rowCount, (row) => {
      const values = vectors.map((vector, index) =>
        valueAt(vector, parts[index]!.type, vector.values.length === 1 ? 0 : row),
      )
      return (parts[0]?.type.element ?? null) === null
        ? new SqlArray(element, values)
        : nest(element, values)
    })
  }
  if (!elements.every((one) => one.kind === 'constant')) return { type, isConstant, evaluate: make }
  // One array object for all batches, so that its set of keys is made once.
  let known: SqlVector | null = null
  return { type, isConstant, evaluate: (frame, active) => (known ??= make(frame, active)) }
}

function nest(element: DataType, values: readonly unknown[]): SqlArray {
  const arrays = values.filter((one): one is SqlArray => one !== null)
  const [first] = arrays
  const isAlike = arrays.every((one) => one.dimensions.join() === first!.dimensions.join())
  if (arrays.length < values.length || !isAlike) {
    const message = 'multidimensional arrays must have array expressions with matching dimensions'
    throw new SqlError('2202E', message)
  }
  const all = arrays.flatMap((one) => one.values)
  if (all.length === 0) return new SqlArray(element, [])
  return new SqlArray(element, all, [arrays.length, ...first!.dimensions])
}

const sets = new WeakMap<SqlArray, Set<unknown>>()

function setOf(given: SqlArray): Set<unknown> {
  const known = sets.get(given)
  if (known !== undefined) return known
  const made = new Set(given.values.filter((one) => one !== null).map(keyOf))
  sets.set(given, made)
  return made
}

function quantified(bound: Of<'quantified'>): Expression {
  const { type, quantifier, operator } = bound
  const [left, list] = [compile(bound.left), compile(bound.array)]
  const elementType = bound.array.type.element!
  return {
    type,
    isConstant: false,
    evaluate(frame, active) {
      const lefts = left.evaluate(frame, active)
      const lists = list.evaluate(frame, active)
      return vectorOf(type, frame.batch.rowCount, (row) => {
        if (active !== null && active[row] === 0) return null
        const value = valueAt(lefts, left.type, lefts.values.length === 1 ? 0 : row)
        const given = valueAt(lists, list.type, lists.values.length === 1 ? 0 : row)
        if (given === null) return null
        const { values } = given as SqlArray
        const set = () => setOf(given as SqlArray)
        return compareAll(frame, quantifier, operator, left.type, value, elementType, values, set)
      })
    },
  }
}

/** `value operator ANY | ALL (values)`: by a set of keys where the operator is = or <> of one type. */
function compareAll(
  frame: Frame,
  quantifier: 'any' | 'all',
  operator: ScalarFunction,
  type: DataType,
  value: unknown,
  elementType: DataType,
  values: readonly unknown[],
  keys: () => Set<unknown>,
): boolean | null {
  const end = quantifier === 'any'
  if (values.length === 0) return !end
  if (value === null) return null
  const isEquality = operator.name === (end ? '=' : '<>') && type === elementType
  if (isEquality) {
    if (keys().has(keyOf(value))) return end
    return values.includes(null) ? null : !end
  }
  const nullCount = values.reduce<number>((sum, other) => sum + Number(other === null), 0)
  let found = nullCount === 0 ? values : values.filter((other) => other !== null)
  if (operator.name === (end ? 'row =' : 'row <>') && isWhole(value)) {
    const set = keys()
    if (set.has(keyOf(value))) return end
    // A row with a null may still be equal.
    found = partialRows(set, found)
  }
  let isUnknown = nullCount > 0
  const one = vectorOf(type, 1, () => value)
  const types = { arguments: [type, elementType], result: typeOf('bool') }
  const { surroundings } = frame.scope.run
  for (const other of found) {
    const two = vectorOf(elementType, 1, () => other)
    const answer = operator.evaluate([one, two], 1, null, surroundings, types)
    if (answer.valid !== null && answer.valid[0] === 0) isUnknown = true
    else if ((answer.values[0] === 1) === end) return end
  }
  return isUnknown ? null : !end
}

const isWhole = (value: unknown): boolean => !(value as SqlRecord).values.includes(null)

/** By the set of their keys: those rows that have a null. */
const partials = new WeakMap<Set<unknown>, readonly unknown[]>()

function partialRows(keys: Set<unknown>, rows: readonly unknown[]): readonly unknown[] {
  const known = partials.get(keys) ?? rows.filter((row) => !isWhole(row))
  partials.set(keys, known)
  return known
}

/** Reads the answers that were fetched before (subquery.ts). */
function subquery(bound: Of<'subquery'>): Expression {
  const { type, test } = bound
  const left = test.kind === 'quantified' ? compile(test.left) : null
  return {
    type,
    isConstant: false,
    evaluate(frame, active) {
      const lefts = left?.evaluate(frame, active) ?? null
      const answers = frame.answers.get(bound)!
      return vectorOf(type, frame.batch.rowCount, (row) => {
        if (active !== null && active[row] === 0) return null
        const answer = answers[answers.length === 1 ? 0 : row]!
        if (answer.error !== null) throw answer.error
        const value = lefts && valueAt(lefts, left!.type, lefts.values.length === 1 ? 0 : row)
        return read(frame, bound, answer, value)
      })
    },
  }
}

function read(frame: Frame, bound: Of<'subquery'>, answer: Answer, value: unknown): unknown {
  const { test, query } = bound
  const { rows } = answer
  if (test.kind === 'exists') return rows.rowCount > 0
  const { type } = query.columns[0]!
  const column = rows.columns[0]!
  if (test.kind === 'scalar') {
    if (rows.rowCount > 1) {
      const message = 'more than one row returned by a subquery used as an expression'
      throw new SqlError('21000', message)
    }
    return rows.rowCount === 0 ? null : valueAt(column, type, 0)
  }
  const values = (answer.values ??= Array.from({ length: rows.rowCount }, (_, row) =>
    valueAt(column, type, row),
  ))
  if (test.kind === 'array') return new SqlArray(bound.type.element ?? type, values)
  const keys = (): Set<unknown> =>
    (answer.keys ??= new Set(values.filter((one) => one !== null).map(keyOf)))
  return compareAll(
    frame,
    test.quantifier,
    test.operator,
    test.left.type,
    value,
    type,
    values,
    keys,
  )
}

/** Rows of which a condition is true. */
export function rowsWhere({ values, valid }: SqlVector, rowCount: number): Uint32Array {
  const rows = new Uint32Array(rowCount)
  const step = values.length === 1 ? 0 : 1
  let count = 0
  for (let i = 0, j = 0; i < rowCount; i++, j += step) {
    if (values[j] === 1 && (valid === null || valid[j] === 1)) rows[count++] = i
  }
  return rows.subarray(0, count)
}
