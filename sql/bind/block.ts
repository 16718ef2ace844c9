// A SELECT's own computations: its aggregates, window functions and functions of rows are taken out of
// its expressions, which then read them as columns of what stands below. While expressions are
// bound, an input of a number beyond any real column stands for each.
// Source: PostgreSQL 15, src/backend/parser/parse_agg.c.

import type { Node as Tree, WindowDef } from 'libpg-query'
import type { AggregateCall, Bound, Fill, Gapfill, Named, Node, WindowCall } from '../tree.ts'
import { typeOf } from '../type.ts'
import type { Context } from './context.ts'
import { checkSamples } from './gapfill.ts'
import { isOuterAggregate } from './outer-aggregate.ts'
import { PLACES, ROWS_COLUMNS_MAX, kindOf } from './placeholder.ts'
import { bindExpression } from './recursion.ts'
import type { FromItem } from './scope.ts'
import { type Block, type RowsCall, type Site, type WindowPart, clause } from './site.ts'
import { together } from './rows-together.ts'
import { type Replace, keyOf, mapBound, mapFill, mapWindow, sinkInputs } from './tree-map.ts'
import { bindWindow } from './window.ts'

/** What GROUP BY came to. */
export interface Grouping {
  readonly groups: readonly Bound[]
  readonly sets: readonly (readonly number[])[] | null
}

export class SelectBlock implements Block {
  readonly #context: Context
  readonly #from: FromItem
  readonly #named: ReadonlyMap<string, WindowDef>
  readonly #aggregates: { call: AggregateCall; fill: Fill; key: string }[] = []
  readonly #windows: { call: WindowCall; key: string }[] = []
  readonly #rows: RowsCall[] = []
  readonly #groupings: { arguments: readonly Bound[]; location: number | undefined }[] = []
  #gapfill: { start: Bound | null; finish: Bound | null; bucket: Bound } | null = null

  constructor(context: Context, from: FromItem, named: ReadonlyMap<string, WindowDef>) {
    this.#context = context
    this.#from = from
    this.#named = named
  }

  get hasAggregates(): boolean {
    return this.#aggregates.length > 0 || this.#groupings.length > 0
  }

  aggregate(call: AggregateCall, fill: Fill): Bound {
    const parts = [...call.arguments, ...call.order.map((one) => one.expression)]
    const order = call.order.map((one) => `${one.isDescending}${one.nullsFirst}`)
    const filter = call.filter === null ? '' : keyOf(call.filter)
    const form = [call.isDistinct, fillKey(fill), ...order, filter].join()
    const key = `${identify(call.function)}(${parts.map((one) => keyOf(one)).join()}) ${form}`
    let index = this.#aggregates.findIndex((one) => one.key === key)
    if (index < 0) index = this.#aggregates.push({ call, fill, key }) - 1
    return { kind: 'input', type: call.type, index: PLACES.aggregate + index }
  }

  fill(bound: Bound, fill: Fill): Bound | null {
    if (bound.kind !== 'input' || kindOf(bound.index) !== 'aggregate') return null
    return this.aggregate(this.#aggregates[bound.index - PLACES.aggregate]!.call, fill)
  }

  gapfill(start: Bound | null, finish: Bound | null, bucket: Bound): void {
    this.#gapfill ??= { start, finish, bucket }
  }

  window(site: Site, definition: WindowDef, call: Omit<WindowCall, WindowPart>): Bound {
    const window = bindWindow(site, definition, this.#named)
    const whole: WindowCall = { ...call, ...window }
    const index = this.#windows.push({ call: whole, key: '' }) - 1
    return { kind: 'input', type: call.type, index: PLACES.window + index }
  }

  rows(call: RowsCall, column: number): Bound {
    const key = rowsKey(call)
    let index = this.#rows.findIndex((one) => rowsKey(one) === key)
    if (index < 0) index = this.#rows.push(call) - 1
    const { type } = call.function.columns(call.arguments.map((one) => one.type))[column]!
    return { kind: 'input', type, index: PLACES.rows + index * ROWS_COLUMNS_MAX + column }
  }

  bindGrouping(site: Site, arguments_: readonly Tree[], location: number | undefined): Bound {
    if (!site.clause.hasAggregates) {
      const message = `grouping operations are not allowed in ${site.clause.title}`
      this.#context.fail('42803', message, location)
    }
    const inner = { ...site, clause: clause('GROUPING arguments') }
    const bound = arguments_.map((one) => bindExpression(inner, one))
    const index = this.#groupings.push({ arguments: bound, location }) - 1
    return { kind: 'input', type: typeOf('int4'), index: PLACES.grouping + index }
  }

  /**
   * The nodes above the FROM, and what makes an expression of the select list one over their row.
   * Throws 42803 at a column that is neither grouped nor in an aggregate.
   */
  build(
    input: Node,
    grouping: Grouping | null,
    having: Bound | null,
    list: readonly Bound[],
  ): { node: Node; read: (bound: Bound) => Bound } {
    let node = input
    let read = (bound: Bound): Bound => bound
    if (grouping !== null) {
      const onGroups = this.#onGroups(grouping)
      node = this.#aggregateNode(node, grouping)
      read = (bound) => mapBound(bound, onGroups)
      // The select list is judged before HAVING and windows.
      list.forEach(read)
      if (having !== null) {
        node = { kind: 'filter', input: node, condition: read(having), columns: node.columns }
      }
    }
    for (const step of ['windows', 'rows'] as const) {
      const before = read
      const { node: next, replace } =
        step === 'windows' ? this.#withWindows(node, before) : this.#withRows(node, before)
      if (replace === null) continue
      node = next
      read = (bound) => mapBound(before(bound), replace)
    }
    return { node, read }
  }

  #aggregateNode(input: Node, grouping: Grouping): Node {
    const { groups, sets } = grouping
    const aggregates = this.#aggregates.map(({ call }) => call)
    const groupings = this.#groupings.map(({ arguments: given, location }) =>
      given.map((one) => this.#groupOf(groups, one, location)),
    )
    const columns: Named[] = [
      ...groups.map(({ type }, index) => ({ name: `group${index}`, type })),
      ...aggregates.map(({ type }, index) => ({ name: `aggregate${index}`, type })),
      ...groupings.map((_, index) => ({ name: `grouping${index}`, type: typeOf('int4') })),
    ]
    this.#checkDirect(grouping)
    const gapfill = this.#bindGapfill(grouping)
    return { kind: 'aggregate', input, groups, sets, aggregates, groupings, gapfill, columns }
  }

  /** What stands before WITHIN GROUP is one value for the group. Throws 42803. */
  #checkDirect(grouping: Grouping): void {
    const onGroups = this.#onGroups(grouping)
    for (const { call } of this.#aggregates) {
      if (!call.function.isOrderedSet) continue
      const direct = call.arguments.slice(0, call.arguments.length - call.order.length)
      for (const one of direct) mapBound(one, onGroups)
    }
  }

  #groupOf(groups: readonly Bound[], argument: Bound, location: number | undefined): number {
    const key = keyOf(argument)
    const index = groups.findIndex((group) => keyOf(group) === key)
    if (index >= 0) return index
    const start = this.#context.start(argument)
    const message =
      'arguments to GROUPING must be grouping expressions of the associated query level'
    return this.#context.fail('42803', message, start < 0 ? location : start)
  }

  #bindGapfill(grouping: Grouping): Gapfill | null {
    if (this.#gapfill === null) return null
    const { start, finish, bucket } = this.#gapfill
    const key = keyOf(bucket)
    const group = grouping.groups.findIndex((one) => keyOf(one) === key)
    if (group < 0) {
      const hint = 'Group by it, as in GROUP BY 1.'
      this.#context.failAt('0A000', 'time_bucket_gapfill must be grouped by', bucket, { hint })
    }
    for (const { fill } of this.#aggregates) checkSamples(this.#context, fill, bucket.type)
    const onGroups = this.#onGroups(grouping)
    const read = (bound: Bound): Bound => mapBound(bound, onGroups)
    return { group, start, finish, fills: this.#aggregates.map(({ fill }) => mapFill(fill, read)) }
  }

  /** Groups, aggregates and GROUPING become the columns that the aggregate node gives. */
  #onGroups({ groups }: Grouping): Replace {
    const places = new Map(groups.map((group, index) => [keyOf(group), index] as const).reverse())
    const aggregatesEnd = groups.length + this.#aggregates.length
    return (bound, depth) => {
      if (bound.kind === 'constant' || bound.kind === 'parameter') return bound
      const computed = depth === 0 && bound.kind === 'input' ? kindOf(bound.index) : null
      if (computed !== null && bound.kind === 'input') {
        const index = bound.index - PLACES[computed]
        if (computed === 'aggregate') return this.#moved(bound, groups.length + index)
        return computed === 'grouping' ? this.#moved(bound, aggregatesEnd + index) : bound
      }
      if (bound.kind === 'outer' && isOuterAggregate(bound, depth)) {
        return { ...bound, index: groups.length + bound.index - PLACES.aggregate }
      }
      const place = places.get(keyOf(bound, depth))
      if (place !== undefined) {
        return depth === 0
          ? this.#moved(bound, place)
          : { kind: 'outer', type: bound.type, depth, index: place }
      }
      const isColumn =
        (bound.kind === 'input' && depth === 0) ||
        (bound.kind === 'outer' && depth > 0 && bound.depth === depth)
      return isColumn ? this.#failUngrouped(bound, bound.index, depth) : null
    }
  }

  #moved(bound: Bound, index: number): Bound {
    const moved: Bound = { kind: 'input', type: bound.type, index }
    return this.#context.placed(moved, this.#context.treeOf(bound))
  }

  #failUngrouped(bound: Bound, index: number, depth: number): never {
    const name = this.#nameOf(index)
    const message =
      depth === 0
        ? `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`
        : `subquery uses ungrouped column "${name}" from outer query`
    return this.#context.failAt('42803', message, bound)
  }

  #nameOf(index: number): string {
    for (const { name, columns } of this.#from.entries) {
      const column = columns.find(({ bound }) => bound.kind === 'input' && bound.index === index)
      if (column !== undefined) return `${name}.${column.name}`
    }
    return this.#from.node.columns[index]?.name ?? '?column?'
  }

  #withWindows(input: Node, read: (bound: Bound) => Bound): Step {
    if (this.#windows.length === 0) return { node: input, replace: null }
    const calls = this.#windows.map(({ call }) => mapWindow(call, read))
    const width = input.columns.length
    const columns = [
      ...input.columns,
      ...calls.map(({ type }, index) => ({ name: `window${index}`, type })),
    ]
    return {
      node: { kind: 'window', input, calls, columns },
      replace: (bound, depth) => {
        if (bound.kind !== 'input' || depth > 0 || kindOf(bound.index) !== 'window') return null
        return this.#moved(bound, width + bound.index - PLACES.window)
      },
    }
  }

  /** Functions of rows in the select list: each row joined with the rows that it makes. */
  #withRows(input: Node, read: (bound: Bound) => Bound): Step {
    if (this.#rows.length === 0) return { node: input, replace: null }
    const calls = this.#rows.map((call) => ({
      function: call.function,
      types: call.arguments.map(({ type }) => type),
    }))
    const widths = calls.map((call) => call.function.columns(call.types).length)
    const given = this.#rows.flatMap((call) => call.arguments)
    const arguments_ = given.map((one) => sinkInputs(read(one), 1))
    const all = together(calls)
    const columns = all.columns(given.map(({ type }) => type))
    const right: Node = {
      kind: 'tableFunction',
      function: all,
      arguments: arguments_,
      hasOrdinality: false,
      columns,
    }
    const width = input.columns.length
    const node: Node = {
      kind: 'join',
      join: 'cross',
      left: input,
      right,
      condition: null,
      isLateral: true,
      columns: [...input.columns, ...columns],
    }
    const replace: Replace = (bound, depth) => {
      if (bound.kind !== 'input' || depth > 0 || kindOf(bound.index) !== 'rows') return null
      const place = bound.index - PLACES.rows
      const before = widths.slice(0, Math.floor(place / ROWS_COLUMNS_MAX))
      const start = before.reduce((sum, one) => sum + one, width)
      return this.#moved(bound, start + (place % ROWS_COLUMNS_MAX))
    }
    return { node, replace }
  }
}

interface Step {
  readonly node: Node
  /** Null: nothing was there to compute. */
  readonly replace: Replace | null
}

const names = new WeakMap<object, string>()
let nameCount = 0

function identify(object: object): string {
  const known = names.get(object) ?? `a${(nameCount += 1)}`
  names.set(object, known)
  return known
}

function fillKey(fill: Fill): string {
  const parts: string[] = [fill.kind]
  mapFill(fill, (bound) => (parts.push(keyOf(bound)), bound))
  return parts.join(' ')
}

function rowsKey(call: RowsCall): string {
  return `${identify(call.function)}(${call.arguments.map((one) => keyOf(one)).join()})`
}
