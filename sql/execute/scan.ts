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
export function splitConditions(condition: Bound): Split {
  const known = splits.get(condition)
  if (known !== undefined) return known
  const parts = condition.kind === 'and' ? condition.operands : [condition]
  const isPlain = (part: Bound): boolean => subqueriesOf([part]).length === 0
  const split = { plain: parts.filter(isPlain), rest: parts.filter((part) => !isPlain(part)) }
  splits.set(condition, split)
  return split
}

interface Split {
  readonly plain: readonly Bound[]
  readonly rest: readonly Bound[]
}

/** Trees of statements are kept, and run again. */
const splits = new WeakMap<Bound, Split>()

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

/** The same object, if nothing in it is another one now. */
function foldParts(bound: Bound, scope: Scope): Bound {
  const go = (one: Bound): Bound => fold(one, scope)
  switch (bound.kind) {
    case 'call': {
      const given = foldAll(bound.arguments, scope)
      return given === bound.arguments ? bound : { ...bound, arguments: given }
    }
    case 'cast':
    case 'not':
    case 'is': {
      const operand = go(bound.operand)
      return operand === bound.operand ? bound : { ...bound, operand }
    }
    case 'and':
    case 'or':
    case 'coalesce': {
      const operands = foldAll(bound.operands, scope)
      return operands === bound.operands ? bound : { ...bound, operands }
    }
    case 'array': {
      const elements = foldAll(bound.elements, scope)
      return elements === bound.elements ? bound : { ...bound, elements }
    }
    case 'quantified': {
      const [left, array] = [go(bound.left), go(bound.array)]
      return left === bound.left && array === bound.array ? bound : { ...bound, left, array }
    }
    case 'distinct': {
      const [left, right] = [go(bound.left), go(bound.right)]
      return left === bound.left && right === bound.right ? bound : { ...bound, left, right }
    }
    default:
      return bound
  }
}

/** The same list, if none of them is another one now. */
function foldAll(bounds: readonly Bound[], scope: Scope): readonly Bound[] {
  const folded = bounds.map((one) => fold(one, scope))
  return folded.every((one, i) => one === bounds[i]) ? bounds : folded
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
  const conditions = foldAll(given, scope)
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
