// Which columns the table of a rollup has: those that users select, and beside them what it takes to
// put buckets together again: of each field its count and, by the functions asked, both halves of its
// sum, least and greatest, first and last with their times. A column that a user selects anyway is not
// stored twice; the others are hidden, and their names begin with `~`, which no selected one does.

import type { ValueType } from '../query/query.ts'
import type { Output, ResultName } from '../query/selection.ts'
import type { RollupDefinition, StoredFunction, StoredSelect } from './definition.ts'

/** What is stored of a field, in the order of the kernel's stored columns (aggregate-stored.ts). */
export const STATE_PARTS = [
  ...(['count', 'sumLow', 'sumHigh', 'least', 'greatest'] as const),
  ...(['first', 'firstTime', 'last', 'lastTime'] as const),
] as const
export type StatePart = (typeof STATE_PARTS)[number]

export interface StoredField {
  readonly name: string
  readonly type: ValueType
  /** Names of the columns in the rollup's table. */
  readonly parts: ReadonlyMap<StatePart, string>
}

export interface RollupLayout {
  /** Fields of the source, in the order of their first select. */
  readonly fields: readonly StoredField[]
  /** Name of the column that counts points; null if the rollup does not. */
  readonly rows: string | null
  /** All columns; `field` is an index in `fields`, -1 for `rows`. */
  readonly columns: readonly Output[]
}

/** The state that a function is worked out from, beside the count. */
const PARTS: Record<StoredFunction, readonly StatePart[]> = {
  rows: [],
  count: [],
  sum: ['sumLow', 'sumHigh'],
  mean: ['sumLow', 'sumHigh'],
  least: ['least'],
  greatest: ['greatest'],
  spread: ['least', 'greatest'],
  first: ['first', 'firstTime'],
  last: ['last', 'lastTime'],
}

/** Lays out a definition; `typeOf` gives the type of each field of the source that it names. */
export function layoutOf(
  { select }: RollupDefinition,
  typeOf: (field: string) => ValueType,
): RollupLayout {
  const names = [...new Set(select.flatMap(({ field }) => (field === null ? [] : [field])))]
  const indexOf = (field: string | null): number => (field === null ? -1 : names.indexOf(field))
  const columns = select.map((item): Output => {
    const type = item.field === null ? 'integer' : typeOf(item.field)
    return { name: item.name, field: indexOf(item.field), ...shownAs(item.result, type) }
  })
  const fields = names.map((name, index): StoredField => {
    const type = typeOf(name)
    const parts = new Map<StatePart, string>()
    for (const part of partsOf(select, name, type)) {
      parts.set(part, placeOf(columns, index, part, type))
    }
    return { name, type, parts }
  })
  const rows = columns.find(({ result }) => result === 'rows')?.name ?? null
  return { fields, rows, columns }
}

/** Is it a column that no listing shows? Only of a rollup's table. */
export function isHidden(column: string): boolean {
  return column.startsWith('~')
}

/** Parts of the state that a query for this function of a field reads; null: of none. */
export function partsFor(result: ResultName, type: ValueType): readonly StatePart[] | null {
  if (!Object.hasOwn(PARTS, result)) return null
  return withCount(PARTS[result as StoredFunction], type)
}

function partsOf(select: readonly StoredSelect[], name: string, type: ValueType): StatePart[] {
  const asked = select.filter(({ field }) => field === name)
  return withCount([...new Set(asked.flatMap(({ result }) => PARTS[result]))], type)
}

/** The sum of floats is one number. */
function withCount(parts: readonly StatePart[], type: ValueType): StatePart[] {
  return ['count', ...parts.filter((part) => part !== 'sumHigh' || type !== 'float')]
}

/** The name of the column that holds a part, which is added to `columns` unless it is shown anyway. */
function placeOf(columns: Output[], field: number, part: StatePart, type: ValueType): string {
  const shown = part === 'sumLow' && type === 'float' ? 'sum' : part
  const found = columns.find((column) => column.field === field && column.result === shown)
  if (found !== undefined) return found.name
  const name = `~${field}.${part}`
  columns.push({ name, field, result: part, type: typeOfPart(part, type) })
  return name
}

function typeOfPart(part: StatePart, type: ValueType): ValueType {
  if (part === 'sumLow') return type === 'float' ? 'float' : 'integer'
  return part === 'least' || part === 'greatest' || part === 'first' || part === 'last'
    ? type
    : 'integer'
}

/** What users see of a function; an integer that does not hold its result is null. */
function shownAs(result: StoredFunction, type: ValueType): Pick<Output, 'result' | 'type'> {
  if (result === 'rows' || result === 'count') return { result, type: 'integer' }
  if (result === 'mean') return { result, type: 'float' }
  if (type === 'float') return { result, type }
  if (result === 'sum') return { result: 'sumOrNull', type }
  if (result === 'spread') return { result: 'spreadOrNull', type }
  return { result, type }
}
