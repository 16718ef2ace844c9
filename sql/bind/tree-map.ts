// Rewriting bound trees: replaces expressions anywhere in an expression or a node, and knows how many
// rows lie between an expression and the one it started from. Also the text by which two are the same.

import type {
  AggregateCall,
  Bound,
  Fill,
  Frame,
  FrameBound,
  Gapfill,
  Node,
  SortKey,
  WindowCall,
} from '../tree.ts'
import { textOfConstant } from './coercion.ts'

/** The replacement of an expression, or null to look inside. `depth`: rows between it and the start. */
export type Replace = (bound: Bound, depth: number) => Bound | null

export function mapBound(bound: Bound, replace: Replace, depth = 0): Bound {
  const replaced = replace(bound, depth)
  if (replaced !== null) return replaced
  const map = (one: Bound): Bound => mapBound(one, replace, depth)
  switch (bound.kind) {
    case 'constant':
    case 'parameter':
    case 'input':
    case 'outer':
      return bound
    case 'call':
      return { ...bound, arguments: bound.arguments.map(map) }
    case 'cast':
    case 'not':
    case 'is':
      return { ...bound, operand: map(bound.operand) }
    case 'and':
    case 'or':
    case 'coalesce':
      return { ...bound, operands: bound.operands.map(map) }
    case 'distinct':
      return { ...bound, left: map(bound.left), right: map(bound.right) }
    case 'case': {
      const branches = bound.branches.map(({ when, result }) => ({
        when: map(when),
        result: map(result),
      }))
      return { ...bound, branches, otherwise: map(bound.otherwise) }
    }
    case 'array':
      return { ...bound, elements: bound.elements.map(map) }
    case 'quantified':
      return { ...bound, left: map(bound.left), array: map(bound.array) }
    default: {
      const { test } = bound
      const mapped = test.kind === 'quantified' ? { ...test, left: map(test.left) } : test
      return { ...bound, test: mapped, query: mapNode(bound.query, replace, depth + 1) }
    }
  }
}

/** The same over all expressions of a node; those of a lateral join's right side lie one row deeper. */
export function mapNode(node: Node, replace: Replace, depth: number): Node {
  const map = (bound: Bound): Bound => mapBound(bound, replace, depth)
  const into = (input: Node): Node => mapNode(input, replace, depth)
  switch (node.kind) {
    case 'scan':
    case 'cte':
      return node
    case 'values':
      return { ...node, rows: node.rows.map((row) => row.map(map)) }
    case 'tableFunction':
      return { ...node, arguments: node.arguments.map(map) }
    case 'filter':
      return { ...node, input: into(node.input), condition: map(node.condition) }
    case 'project':
      return { ...node, input: into(node.input), expressions: node.expressions.map(map) }
    case 'aggregate': {
      const aggregates = node.aggregates.map((call) => mapAggregate(call, map))
      const gapfill = node.gapfill && mapGapfill(node.gapfill, map)
      return { ...node, input: into(node.input), groups: node.groups.map(map), aggregates, gapfill }
    }
    case 'window': {
      const calls = node.calls.map((call) => mapWindow(call, map))
      return { ...node, input: into(node.input), calls }
    }
    case 'sort':
      return { ...node, input: into(node.input), keys: mapKeys(node.keys, map) }
    case 'limit': {
      const count = node.count && map(node.count)
      return { ...node, input: into(node.input), count, offset: node.offset && map(node.offset) }
    }
    case 'distinct':
      return { ...node, input: into(node.input), on: node.on?.map(map) ?? null }
    case 'join': {
      const right = mapNode(node.right, replace, node.isLateral ? depth + 1 : depth)
      const condition = node.condition && map(node.condition)
      return { ...node, left: into(node.left), right, condition }
    }
    case 'set':
      return { ...node, left: into(node.left), right: into(node.right) }
    default: {
      const ctes = node.ctes.map((cte) => {
        const recursive = cte.recursive && { ...cte.recursive, step: into(cte.recursive.step) }
        return { ...cte, query: into(cte.query), recursive }
      })
      return { ...node, ctes, input: into(node.input) }
    }
  }
}

type Map = (bound: Bound) => Bound

export function mapKeys(keys: readonly SortKey[], map: Map): SortKey[] {
  return keys.map((key) => ({ ...key, expression: map(key.expression) }))
}

export function mapAggregate(call: AggregateCall, map: Map): AggregateCall {
  const filter = call.filter && map(call.filter)
  return { ...call, arguments: call.arguments.map(map), order: mapKeys(call.order, map), filter }
}

function mapGapfill(gapfill: Gapfill, map: Map): Gapfill {
  const { start, finish, fills } = gapfill
  return {
    ...gapfill,
    start: start && map(start),
    finish: finish && map(finish),
    fills: fills.map((fill) => mapFill(fill, map)),
  }
}

export function mapFill(fill: Fill, map: Map): Fill {
  if (fill.kind === 'null') return fill
  const before = fill.before && map(fill.before)
  if (fill.kind === 'interpolate') return { ...fill, before, after: fill.after && map(fill.after) }
  return { ...fill, before, ignoresNulls: fill.ignoresNulls && map(fill.ignoresNulls) }
}

export function mapWindow(call: WindowCall, map: Map): WindowCall {
  return {
    ...call,
    arguments: call.arguments.map(map),
    filter: call.filter && map(call.filter),
    partition: call.partition.map(map),
    order: mapKeys(call.order, map),
    frame: mapFrame(call.frame, map),
  }
}

function mapFrame(frame: Frame, map: Map): Frame {
  const bound = (one: FrameBound): FrameBound =>
    one.kind === 'preceding' || one.kind === 'following' ? { ...one, offset: map(one.offset) } : one
  return { ...frame, start: bound(frame.start), end: bound(frame.end) }
}

/** Columns moved to the right by what now stands left of them. */
export function shiftInputs(bound: Bound, by: number): Bound {
  if (by === 0) return bound
  return mapBound(bound, (one, depth) => {
    if (one.kind === 'input' && depth === 0) return { ...one, index: one.index + by }
    if (one.kind === 'outer' && one.depth === depth) return { ...one, index: one.index + by }
    return null
  })
}

/** The same expression seen from `rows` further in: columns of its row are columns of an outer one. */
export function sinkInputs(bound: Bound, rows: number): Bound {
  if (rows === 0) return bound
  return mapBound(bound, (one, depth) => {
    if (one.kind === 'input' && depth === 0) {
      return { kind: 'outer', type: one.type, depth: rows, index: one.index }
    }
    if (one.kind === 'outer' && one.depth >= depth && one.depth > 0) {
      return { ...one, depth: one.depth + rows }
    }
    return null
  })
}

const identities = new WeakMap<object, number>()
let identityCount = 0

function identity(object: object): number {
  const known = identities.get(object)
  if (known !== undefined) return known
  identities.set(object, (identityCount += 1))
  return identityCount
}

/** Equal for expressions that mean the same by form; seen from `depth` rows further in. */
export function keyOf(bound: Bound, depth = 0): string {
  const of = (one: Bound): string => keyOf(one, depth)
  const all = (some: readonly Bound[]): string => some.map(of).join(',')
  switch (bound.kind) {
    case 'constant':
      return `'${bound.type.oid}:${constantKey(bound.value)}'`
    case 'parameter':
      return `$${bound.index}:${bound.type.oid}`
    case 'input':
      return depth === 0 ? `#${bound.index}` : `input${identity(bound)}`
    case 'outer':
      return bound.depth === depth ? `#${bound.index}` : `^${bound.depth - depth}.${bound.index}`
    case 'call':
      return `f${identity(bound.function)}(${all(bound.arguments)})`
    case 'cast':
      return `cast${bound.type.oid}(${of(bound.operand)})`
    case 'and':
    case 'or':
    case 'coalesce':
      return `${bound.kind}(${all(bound.operands)})`
    case 'not':
      return `not(${of(bound.operand)})`
    case 'is':
      return `is${bound.negated ? 'not' : ''}${bound.test}(${of(bound.operand)})`
    case 'distinct': {
      const name = `distinct${bound.negated ? 'not' : ''}${identity(bound.equal)}`
      return `${name}(${of(bound.left)},${of(bound.right)})`
    }
    case 'case': {
      const branches = bound.branches.map(({ when, result }) => `${of(when)}:${of(result)}`)
      return `case(${branches.join(',')};${of(bound.otherwise)})`
    }
    case 'array':
      return `array${bound.type.oid}(${all(bound.elements)})`
    case 'quantified': {
      const name = `${bound.quantifier}${identity(bound.operator)}`
      return `${name}(${of(bound.left)},${of(bound.array)})`
    }
    default:
      return `query${identity(bound)}`
  }
}

function constantKey(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${typeof value}:${String(value)}`
  return textOfConstant(value) ?? `object${identity(value)}`
}
