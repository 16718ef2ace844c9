// Calls with OVER: the functions that only windows have, aggregates over frames, and what a window
// definition means.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c, transformWindowDefinitions.

import type { FuncCall, Node as Tree, SortBy, WindowDef } from 'libpg-query'
import { isPlaceName } from '../functions/ordered-set.ts'
import type { Bound, Frame, FrameBound, SortKey, WindowCall, WindowFunctionName } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { isPlaceholder } from './placeholder.ts'
import { bindFilter, checkNesting, makeAggregate } from './aggregate.ts'
import { failToChoose } from './function-call.ts'
import { coerce, settle } from './coercion.ts'
import type { Context } from './context.ts'
import { isInteger, isTime } from './epoch.ts'
import { bindExpression } from './recursion.ts'
import { type Overload, choose, coerceArguments, resultType } from './overload.ts'
import { type Site, clause } from './site.ts'
import { bindSortKey } from './sort.ts'
import { mapBound } from './tree-map.ts'

interface WindowOverload extends Overload {
  readonly result: DataType
}

/** What only windows have, with `pg_proc`'s signatures. */
export const WINDOW_FUNCTIONS: Readonly<Record<string, readonly WindowOverload[]>> = {
  row_number: [signature('int8')],
  rank: [signature('int8')],
  dense_rank: [signature('int8')],
  percent_rank: [signature('float8')],
  cume_dist: [signature('float8')],
  ntile: [signature('int4', 'int4')],
  lag: offsets(),
  lead: offsets(),
  first_value: [signature('anyelement', 'anyelement')],
  last_value: [signature('anyelement', 'anyelement')],
  nth_value: [signature('anyelement', 'anyelement', 'int4')],
}

function signature(result: string, ...given: string[]): WindowOverload {
  return { arguments: given.map(typeOf), isVariadic: false, result: typeOf(result) }
}

function offsets(): readonly WindowOverload[] {
  return [
    signature('anyelement', 'anyelement'),
    signature('anyelement', 'anyelement', 'int4'),
    signature('anycompatible', 'anycompatible', 'int4', 'anycompatible'),
  ]
}

/** `name(operands) OVER …`. Throws 42P20 where windows may not stand, 42809 for other functions. */
export function bindWindowCall(
  site: Site,
  call: FuncCall,
  name: string,
  operands: readonly Bound[],
): Bound {
  const { context, block } = site
  const { location } = call
  const filter = bindFilter(site, call)
  const made = makeCall(context, call, name, operands, filter)
  if (!site.clause.hasWindows || block === null) {
    const message = `window functions are not allowed in ${site.clause.title}`
    return context.fail('42P20', message, location)
  }
  checkNesting(context, made.arguments, 'window')
  return block.window(site, call.over!, made)
}

type Call = Pick<WindowCall, 'function' | 'type' | 'arguments' | 'filter' | 'position'>

function makeCall(
  context: Context,
  call: FuncCall,
  name: string,
  operands: readonly Bound[],
  filter: Bound | null,
): Call {
  const { location } = call
  if (call.agg_within_group === true) context.refuse('OVER with WITHIN GROUP', location)
  if (call.agg_distinct === true) {
    context.fail('0A000', 'DISTINCT is not implemented for window functions', location)
  }
  if ((call.agg_order ?? []).length > 0) {
    const message = 'aggregate ORDER BY is not implemented for window functions'
    context.fail('0A000', message, location)
  }
  if (!(name in WINDOW_FUNCTIONS)) return makeAggregateCall(context, call, name, operands, filter)
  if (filter !== null) {
    context.fail('0A000', 'FILTER is not implemented for non-aggregate window functions', location)
  }
  const chosen = choose(
    context,
    WINDOW_FUNCTIONS[name]!,
    operands.map(({ type }) => type),
  )
  if (chosen.overload === null && isPlaceName(name)) {
    const message = `WITHIN GROUP is required for ordered-set aggregate ${name}`
    return context.fail('42809', message, location)
  }
  if (chosen.overload === null) return failToChoose(context, chosen, name, operands, location)
  return {
    function: { window: name as WindowFunctionName },
    type: resultType(chosen.overload, chosen.types),
    arguments: coerceArguments(context, operands, chosen.types),
    filter: null,
    position: context.position(location),
  }
}

function makeAggregateCall(
  context: Context,
  call: FuncCall,
  name: string,
  operands: readonly Bound[],
  filter: Bound | null,
): Call {
  const { functions } = context
  if (functions.aggregates(name).length === 0) {
    const isOther = functions.scalars(name).length > 0 || functions.tables(name).length > 0
    if (isOther) {
      const message = `OVER specified, but ${name} is not a window function nor an aggregate function`
      context.fail('42809', message, call.location)
    }
    failToChoose(context, { overload: null, reason: 'none' }, name, operands, call.location)
  }
  const made = makeAggregate(context, call, name, { operands, order: [], filter })
  const { type, arguments: arguments_, position } = made
  return { function: made.function, type, arguments: arguments_, filter, position }
}

export interface BoundWindow {
  readonly partition: readonly Bound[]
  readonly order: readonly SortKey[]
  readonly frame: Frame
}

/** The window that OVER names or defines; `named`: those of the WINDOW clause. Throws 42704, 42P20. */
export function bindWindow(
  site: Site,
  definition: WindowDef,
  named: ReadonlyMap<string, WindowDef>,
): BoundWindow {
  const { context } = site
  const { name, location } = definition
  if (name !== undefined) return bindWindow(site, findWindow(context, named, name, location), named)
  const inner = { ...site, clause: clause('window definitions', 'aggregates') }
  const base = bindBase(site, definition, named)
  const partition = (definition.partitionClause ?? []).map((one) =>
    settle(context, bindExpression(inner, one)),
  )
  const keys = (definition.orderClause ?? []).map((one) =>
    bindSortKey(inner, (one as { SortBy: SortBy }).SortBy),
  )
  const order = keys.length > 0 ? keys : (base?.order ?? [])
  return {
    partition: base?.partition ?? partition,
    order,
    frame: bindFrame(site, definition, order),
  }
}

function findWindow(
  context: Context,
  named: ReadonlyMap<string, WindowDef>,
  name: string,
  location: number | undefined,
): WindowDef {
  const found = named.get(name)
  if (found === undefined) {
    return context.fail('42704', `window "${name}" does not exist`, location)
  }
  const { refname, partitionClause, orderClause, frameOptions, startOffset, endOffset } = found
  const parts = { refname, partitionClause, orderClause, frameOptions, startOffset, endOffset }
  return { ...parts, location: found.location } as WindowDef
}

/** The window that another one extends. */
function bindBase(
  site: Site,
  definition: WindowDef,
  named: ReadonlyMap<string, WindowDef>,
): BoundWindow | null {
  const { refname, location } = definition
  if (refname === undefined) return null
  const { context } = site
  const found = findWindow(context, named, refname, location)
  const base = context.deeper(() => bindWindow(site, found, named))
  const refuse = (what: string): never =>
    context.fail('42P20', `cannot override ${what} of window "${refname}"`, location)
  if ((definition.partitionClause ?? []).length > 0) refuse('PARTITION BY clause')
  if ((definition.orderClause ?? []).length > 0 && base.order.length > 0) refuse('ORDER BY clause')
  if (((found.frameOptions ?? 0) & NONDEFAULT) !== 0) {
    const message = `cannot copy window "${refname}" because it has a frame clause`
    context.fail('42P20', message, location)
  }
  return base
}

/** Bits of `frameOptions`. */
const NONDEFAULT = 0x1
const ROWS = 0x4
const GROUPS = 0x8
const STARTS = [0x20, 0x80, 0x200, 0x800, 0x2000]
const ENDS = [0x40, 0x100, 0x400, 0x1000, 0x4000]
const EXCLUDE_CURRENT = 0x8000
const EXCLUDE_GROUP = 0x10000
const EXCLUDE_TIES = 0x20000
const KINDS = [
  'unboundedPreceding',
  'unboundedFollowing',
  'currentRow',
  'preceding',
  'following',
] as const

function bindFrame(site: Site, definition: WindowDef, order: readonly SortKey[]): Frame {
  const { frameOptions: bits = 0, startOffset, endOffset, location } = definition
  const unit = (bits & ROWS) !== 0 ? 'rows' : (bits & GROUPS) !== 0 ? 'groups' : 'range'
  if (unit === 'groups' && order.length === 0) {
    site.context.fail('42P20', 'GROUPS mode requires an ORDER BY clause', location)
  }
  const bound = (masks: readonly number[], offset: Tree | undefined): FrameBound => {
    const kind = KINDS[masks.findIndex((mask) => (bits & mask) !== 0)] ?? 'currentRow'
    if (kind !== 'preceding' && kind !== 'following') return { kind }
    return { kind, offset: bindOffset(site, offset!, unit, order, location) }
  }
  const exclude =
    (bits & EXCLUDE_CURRENT) !== 0
      ? 'current'
      : (bits & EXCLUDE_GROUP) !== 0
        ? 'group'
        : (bits & EXCLUDE_TIES) !== 0
          ? 'ties'
          : 'none'
  return { unit, start: bound(STARTS, startOffset), end: bound(ENDS, endOffset), exclude }
}

function bindOffset(
  site: Site,
  tree: Tree,
  unit: Frame['unit'],
  order: readonly SortKey[],
  location: number | undefined,
): Bound {
  const { context } = site
  const title = unit.toUpperCase()
  const offset = bindExpression({ ...site, clause: clause(`window ${title}`) }, tree)
  mapBound(offset, (one, depth) => {
    const isColumn = one.kind === 'input' && depth === 0 && !isPlaceholder(one, 'aggregate')
    if (!isColumn) return null
    return context.failAt('42P10', `argument of ${title} must not contain variables`, one)
  })
  if (unit !== 'range') return coerceOffset(context, offset, typeOf('int8'), title)
  const [key, second] = order
  if (key === undefined || second !== undefined) {
    const message = 'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column'
    return context.fail('42P20', message, location)
  }
  return coerceOffset(context, offset, rangeType(context, key, offset), title)
}

/** What is added to a value of the ORDER BY. */
function rangeType(context: Context, { expression }: SortKey, offset: Bound): DataType {
  const { type } = expression
  if (isTime(type) || ['date', 'time', 'interval'].includes(type.name)) return typeOf('interval')
  if (type.name === 'float4') return typeOf('float8')
  if (type.category === 'N' && (!isInteger(type) || !isInteger(offset.type))) return type
  if (type.category === 'N') return typeOf('int8')
  const message = `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${type.title}`
  return context.failAt('0A000', message, offset)
}

function coerceOffset(context: Context, offset: Bound, type: DataType, title: string): Bound {
  const cast = coerce(context, offset, type, 'implicit')
  if (cast !== null) return cast
  const given = offset.type.title
  const message = `argument of ${title} must be type ${type.title}, not type ${given}`
  return context.failAt('42804', message, offset)
}
