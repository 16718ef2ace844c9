// Reading relations: conditions go to the relation as constants wherever they can, and what it leaves of
// them is filtered here.

import type { Batches } from '../batch.ts'
import type { Bound, Node } from '../tree.ts'
import { compile } from './expression.ts'
import { inputsOf } from '../plan/inputs.ts'
import type { Scan } from '../relation.ts'
import { ONE_ROW, type Scope, frameOf } from './scope.ts'
import { subqueriesOf } from './subquery.ts'
import { nullsOf, valueAt } from './vector.ts'

type ScanNode = Extract<Node, { kind: 'scan' }>

/** The conditions of a filter over a scan: those that a relation may take, and the others. */
export function splitConditions(condition: Bound): { plain: Bound[]; rest: Bound[] } {
  const parts = condition.kind === 'and' ? condition.operands : [condition]
  const isPlain = (part: Bound): boolean => subqueriesOf([part]).length === 0
  return { plain: parts.filter(isPlain), rest: parts.filter((part) => !isPlain(part)) }
}

/** The expression with what is known now as constants: parameters, outer values, calls of constants. */
export function fold(bound: Bound, scope: Scope): Bound {
  const folded = foldParts(bound, scope)
  if (!isKnown(folded)) return folded
  try {
    const vector = compile(folded).evaluate(frameOf(ONE_ROW, scope), null)
    return { kind: 'constant', type: bound.type, value: valueAt(vector, bound.type, 0) }
  } catch {
    // It fails when, and only if, a row needs it.
    return folded
  }
}

function isKnown(bound: Bound): boolean {
  if (bound.kind === 'parameter' || bound.kind === 'outer') return true
  if (bound.kind === 'cast') return bound.operand.kind === 'constant'
  if (bound.kind === 'array') return bound.elements.every((one) => one.kind === 'constant')
  if (bound.kind !== 'call' || bound.function.volatility === 'volatile') return false
  return bound.arguments.every((one) => one.kind === 'constant')
}

function foldParts(bound: Bound, scope: Scope): Bound {
  const go = (one: Bound): Bound => fold(one, scope)
  switch (bound.kind) {
    case 'call':
      return { ...bound, arguments: bound.arguments.map(go) }
    case 'cast':
    case 'not':
    case 'is':
      return { ...bound, operand: go(bound.operand) }
    case 'and':
    case 'or':
    case 'coalesce':
      return { ...bound, operands: bound.operands.map(go) }
    case 'array':
      return { ...bound, elements: bound.elements.map(go) }
    case 'quantified':
      return { ...bound, left: go(bound.left), array: go(bound.array) }
    case 'distinct':
      return { ...bound, left: go(bound.left), right: go(bound.right) }
    default:
      return bound
  }
}

export interface ScanRun {
  readonly batches: Batches
  readonly left: readonly Bound[]
}

/** Starts the scan of a relation with conditions on its columns; `rest`: others that are tested above. */
export function scan(
  node: ScanNode,
  conditions: readonly Bound[],
  scope: Scope,
  rest: readonly Bound[] = [],
): ScanRun {
  const { columns, found } = startScan(node, conditions, scope, rest)
  const batches = found.batches(scope.run)
  const isWhole = columns.length === node.relation.columns.length
  return { batches: isWhole ? batches : widened(batches, columns, node), left: found.left }
}

/** The scan, which reads no column that nobody asks for. */
export function startScan(
  { relation, reads }: ScanNode,
  given: readonly Bound[],
  scope: Scope,
  rest: readonly Bound[] = [],
): { readonly columns: readonly number[]; readonly found: Scan } {
  const conditions = given.map((one) => fold(one, scope))
  const ask = (columns: readonly number[]): Scan =>
    relation.scan({ columns, conditions, limit: null }, scope.run.surroundings)
  if (reads === undefined) {
    const columns = [...relation.columns.keys()]
    return { columns, found: ask(columns) }
  }
  const found = ask(reads)
  const more = [...found.left, ...rest].flatMap((one) => [...inputsOf(one)])
  const columns = [...new Set([...reads, ...more])].sort((a, b) => a - b)
  return { columns, found: columns.length === reads.length ? found : ask(columns) }
}

/** The same rows with all columns: those that were not read are null. */
async function* widened(
  batches: Batches,
  columns: readonly number[],
  { relation }: ScanNode,
): Batches {
  const places = relation.columns.map((_, index) => columns.indexOf(index))
  for await (const { rowCount, columns: read } of batches) {
    const all = places.map((place, index) =>
      place < 0 ? nullsOf(relation.columns[index]!.type.layout, rowCount) : read[place]!,
    )
    yield { rowCount, columns: all }
  }
}
