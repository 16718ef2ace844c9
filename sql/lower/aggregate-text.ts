// An aggregate of SQL → the engine's text of one that means the same for every value (docs/http.md,
// "Functions"), or null.

import { ENGINE_AGGREGATES } from '../functions/aggregate.ts'
import type { TableRelation } from '../tables/table-relation.ts'
import type { AggregateCall, Bound } from '../tree.ts'
import { columnOf, quoted } from './source.ts'

const NUMBERS = new Set(['float8', 'int8'])
const ORDERED = new Set(['float8', 'int8', 'text'])

/** Names of the engine's, the types of fields that they mean the same of, and that of the result. */
interface Meaning {
  readonly name: string
  readonly fields: ReadonlySet<string>
  /** Null: the field's own. */
  readonly result: string | null
}

const same = (name: string, fields: ReadonlySet<string>, result: string | null): Meaning => ({
  name,
  fields,
  result,
})

const MEANINGS: Readonly<Record<string, Meaning>> = {
  sum: same('sum', NUMBERS, null),
  avg: same('mean', NUMBERS, 'float8'),
  min: same('min', ORDERED, null),
  max: same('max', ORDERED, null),
  stddev: same('stddev', NUMBERS, 'float8'),
  stddev_samp: same('stddev', NUMBERS, 'float8'),
  variance: same('variance', NUMBERS, 'float8'),
  var_samp: same('variance', NUMBERS, 'float8'),
  median: same('median', NUMBERS, 'float8'),
  ...Object.fromEntries(
    ENGINE_AGGREGATES.map((name) => [name, same(name, NUMBERS, 'float8')] as const),
  ),
}

export function aggregateText(call: AggregateCall, table: TableRelation): string | null {
  if (call.filter !== null) return null
  const { name, isOrderedSet } = call.function
  if (isOrderedSet) return name === 'percentile_cont' ? percentileText(call, table) : null
  if (call.order.length > 0) return null
  if (name === 'count') return countText(call, table)
  if (call.isDistinct) return null
  if (name === 'first' || name === 'last') return edgeText(name, call, table)
  if (call.arguments.length !== 1 || !Object.hasOwn(MEANINGS, name)) return null
  const meaning = MEANINGS[name]!
  const field = fieldOf(call.arguments[0]!, table)
  if (field === null || !meaning.fields.has(field.type)) return null
  if (call.type.name !== (meaning.result ?? field.type)) return null
  return `${meaning.name}(${field.name})`
}

interface Field {
  /** Quoted. */
  readonly name: string
  readonly type: string
}

/** A field, or an integer one as a float, which is what the engine makes of it where it computes. */
function fieldOf(bound: Bound, table: TableRelation): Field | null {
  const isFloat = bound.kind === 'cast' && bound.type.name === 'float8'
  const column = columnOf(isFloat ? bound.operand : bound, table)
  if (column?.kind !== 'field') return null
  if (isFloat && column.type.name !== 'int8') return null
  return { name: quoted(column.name), type: column.type.name }
}

function countText({ arguments: given, isDistinct }: AggregateCall, table: TableRelation) {
  const [operand] = given
  if (operand === undefined) return 'count(*)'
  const column = columnOf(operand, table)
  if (column?.kind === 'time') return isDistinct ? null : 'count(*)'
  if (column?.kind !== 'field') return null
  if (!isDistinct) return `count(${quoted(column.name)})`
  const isExact = column.type.name === 'int8' || column.type.name === 'text'
  return isExact ? `distinct_count(${quoted(column.name)})` : null
}

/** `first(value, time)`: by the time of the points, and of no other column. */
function edgeText(name: string, { arguments: given }: AggregateCall, table: TableRelation) {
  const [value, by] = given
  if (value === undefined || by === undefined || columnOf(by, table)?.kind !== 'time') return null
  const column = columnOf(value, table)
  return column?.kind === 'field' ? `${name}(${quoted(column.name)})` : null
}

function percentileText(call: AggregateCall, table: TableRelation): string | null {
  const [fraction, value] = call.arguments
  const [key] = call.order
  if (fraction?.kind !== 'constant' || typeof fraction.value !== 'number') return null
  if (value === undefined || call.isDistinct || key === undefined || key.isDescending) return null
  const field = fieldOf(value, table)
  if (field === null || !NUMBERS.has(field.type) || call.type.name !== 'float8') return null
  const { value: part } = fraction
  return part >= 0 && part <= 1 ? `quantile(${field.name}, ${decimalText(part)})` : null
}

/** Without an exponent, if it has to do with so few digits. */
function decimalText(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(20) : text
}
