// Which lateral joins are as-of joins: the right side is the newest point of a table at or before a time
// of the left row (or the first at or after it), among those whose columns equal others of the left row.

import { mapBound } from '../bind/tree-map.ts'
import { conjunctsOf, isVolatile } from '../plan/inputs.ts'
import type { Bound, Node } from '../tree.ts'
import { outersOf, subqueriesOf } from './subquery.ts'

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>
type Join = Of<'join'>

/** `inner` of the point, `outer` of the left row: equal. */
interface Key {
  readonly inner: Bound
  readonly outer: Bound
}

/** A bound on the point's time by an expression of the left row. */
interface TimeBound {
  readonly isStrict: boolean
  readonly outer: Bound
}

/** A lateral join that is an as-of join. */
export interface AsOf {
  readonly scan: Of<'scan'>
  /** Index of the time among the scan's columns. */
  readonly time: number
  /** The newest point at or before (`floor`s may follow), else the first at or after. */
  readonly isDescending: boolean
  readonly keys: readonly Key[]
  /** Times that a point is not after, and not before. */
  readonly ceilings: readonly TimeBound[]
  readonly floors: readonly TimeBound[]
  /** Conditions on the point alone. */
  readonly own: readonly Bound[]
  /** Above the point, the lowest first. */
  readonly projects: readonly Of<'project'>[]
}

const known = new WeakMap<Join, AsOf | null>()

/** Null: it is another lateral join. */
export function asOfOf(node: Join): AsOf | null {
  let found = known.get(node)
  if (found === undefined) known.set(node, (found = detect(node)))
  return found
}

function detect({ right, join, condition, isLateral }: Join): AsOf | null {
  const isTrue = condition === null || (condition.kind === 'constant' && condition.value === true)
  if (!isLateral || !isTrue || !['left', 'inner', 'cross'].includes(join)) return null
  if (outersOf(right).some(({ depth }) => depth > 1)) return null
  const above: Of<'project'>[] = []
  let at = right
  for (; at.kind === 'project'; at = at.input) above.unshift(at)
  if (at.kind !== 'limit' || !isOne(at) || at.input.kind !== 'sort') return null
  const sort = at.input
  const [key] = sort.keys
  const below: Of<'project'>[] = []
  for (at = sort.input; at.kind === 'project'; at = at.input) below.unshift(at)
  if (at.kind !== 'filter' || at.input.kind !== 'scan' || sort.keys.length !== 1) return null
  const scan = at.input
  const projects = [...below, ...above]
  if (!projects.flatMap(({ expressions }) => expressions).every(isOfPoint)) return null
  const time = indexBelow(key!.expression, below)
  if (time === null || scan.relation.columns[time]?.kind !== 'time') return null
  const parts = partsOf(conjunctsOf(at.condition), time)
  if (parts === null) return null
  const { isDescending } = key!
  const isBound = (isDescending ? parts.ceilings : parts.floors).length > 0
  return isBound ? { scan, time, isDescending, projects, ...parts } : null
}

const isOne = ({ count, offset, withTies }: Of<'limit'>): boolean =>
  count?.kind === 'constant' && Number(count.value) === 1 && offset === null && !withTies

/** Whether an expression reads nothing but the point, and is the same each time. */
function isOfPoint(bound: Bound): boolean {
  return !readsOuter(bound) && !isVolatile(bound) && subqueriesOf([bound]).length === 0
}

function readsOuter(bound: Bound): boolean {
  let found = false
  mapBound(bound, (one) => {
    if (one.kind === 'outer') found = true
    return null
  })
  return found
}

/** The column of the scan that an expression above projections is. */
function indexBelow(bound: Bound, projects: readonly Of<'project'>[]): number | null {
  let one = bound
  for (const { expressions } of projects.toReversed()) {
    if (one.kind !== 'input') return null
    one = expressions[one.index]!
  }
  return one.kind === 'input' ? one.index : null
}

type Parts = Pick<AsOf, 'keys' | 'ceilings' | 'floors' | 'own'>

/** Null: a condition is about both the point and the left row in another way. */
function partsOf(conditions: readonly Bound[], time: number): Parts | null {
  const [keys, ceilings, floors, own]: [Key[], TimeBound[], TimeBound[], Bound[]] = [[], [], [], []]
  for (const condition of conditions) {
    if (isOfPoint(condition)) {
      own.push(condition)
      continue
    }
    const compared = comparisonOf(condition)
    if (compared === null) return null
    const { operator, inner, outer } = compared
    const isTime = inner.kind === 'input' && inner.index === time && outer.type === inner.type
    const bound = { isStrict: operator.length === 1, outer }
    if (isTime && operator.startsWith('<')) ceilings.push(bound)
    else if (isTime && operator.startsWith('>')) floors.push(bound)
    else if (operator === '=' && inner.type === outer.type) keys.push({ inner, outer })
    else return null
  }
  return { keys, ceilings, floors, own }
}

const MIRRORED: Readonly<Record<string, string>> = {
  '=': '=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** A comparison of the point with the left row; `outer` is over the left row's columns. */
function comparisonOf(condition: Bound): (Key & { readonly operator: string }) | null {
  if (condition.kind !== 'call' || condition.arguments.length !== 2) return null
  const [left, right] = condition.arguments as [Bound, Bound]
  const { name } = condition.function
  const mirrored = MIRRORED[name]
  if (mirrored === undefined) return null
  if (isOfPoint(left) && isOfLeft(right))
    return { operator: name, inner: left, outer: raised(right) }
  if (isOfPoint(right) && isOfLeft(left)) {
    return { operator: mirrored, inner: right, outer: raised(left) }
  }
  return null
}

const isOfLeft = (bound: Bound): boolean =>
  inputsBeside(bound) === 0 && !isVolatile(bound) && subqueriesOf([bound]).length === 0

function inputsBeside(bound: Bound): number {
  let count = 0
  mapBound(bound, (one) => {
    if (one.kind === 'input') count++
    return null
  })
  return count
}

/** The expression over the left row itself. */
function raised(bound: Bound): Bound {
  return mapBound(bound, (one) =>
    one.kind === 'outer' ? { kind: 'input', type: one.type, index: one.index } : null,
  )
}
