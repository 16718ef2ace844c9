// The function table of SQL: what the binder looks names and symbols up in. Catalogs add theirs to the
// lists (`functionTableOf`).

import type {
  AggregateFunction,
  CastFunction,
  FunctionTable,
  ScalarFunction,
  TableFunction,
} from '../function.ts'
import { aggregates } from './aggregate.ts'
import { arithmetic } from './arithmetic.ts'
import { arrays } from './array.ts'
import { byteFunctions } from './bytea.ts'
import { castOf } from './cast.ts'
import { comparisons } from './comparison.ts'
import { formats } from './format.ts'
import { identifiers } from './identifier.ts'
import { intervalTexts } from './interval-char.ts'
import { intervals } from './interval.ts'
import { jsonChanges } from './json-change.ts'
import { jsonAggregates, jsonPieces, jsonRows } from './json-parts.ts'
import { jsons } from './json.ts'
import { modifiers } from './modifier.ts'
import { numberTexts } from './number-char.ts'
import { numericFunctions } from './numeric.ts'
import { overlapping } from './overlaps.ts'
import { regexpRows, regexps } from './regexp.ts'
import { rowFunctions } from './rows.ts'
import { sleeps } from './sleep.ts'
import { texts } from './text.ts'
import { timesFromText } from './time-from-text.ts'
import { times } from './time.ts'
import { timeTexts } from './to-char.ts'

/** What others add. */
export interface Additions {
  readonly scalars?: readonly ScalarFunction[]
  /** Taken before those of this folder. */
  readonly casts?: readonly CastFunction[]
  readonly tables?: readonly TableFunction[]
}

const isSymbol = ({ name }: ScalarFunction): boolean => !/^[a-z]/.test(name)

function byName<Kind extends { readonly name: string }>(all: readonly Kind[]) {
  const map = new Map<string, Kind[]>()
  for (const one of all) map.set(one.name, [...(map.get(one.name) ?? []), one])
  return (name: string): readonly Kind[] => map.get(name) ?? []
}

const own = [
  ...arithmetic,
  ...arrays,
  ...byteFunctions,
  ...comparisons,
  ...formats,
  ...identifiers,
  ...intervalTexts,
  ...intervals,
  ...jsonChanges,
  ...jsonPieces,
  ...jsons,
  ...modifiers,
  ...numberTexts,
  ...numericFunctions,
  ...overlapping,
  ...regexps,
  ...sleeps,
  ...texts,
  ...times,
  ...timesFromText,
  ...timeTexts,
]
/** All functions but operators and casts. */
export const scalarFunctions: readonly ScalarFunction[] = own.filter((one) => !isSymbol(one))
export const operatorFunctions: readonly ScalarFunction[] = own.filter(isSymbol)
export const aggregateFunctions: readonly AggregateFunction[] = [...aggregates, ...jsonAggregates]
export const tableFunctions: readonly TableFunction[] = [
  ...rowFunctions,
  ...regexpRows,
  ...jsonRows,
]

/** The table with what others add. */
export function functionTableOf({
  scalars = [],
  casts = [],
  tables = [],
}: Additions = {}): FunctionTable {
  const added = new Map(casts.map((cast) => [`${cast.source.name} ${cast.target.name}`, cast]))
  return {
    scalars: byName([...scalarFunctions, ...scalars]),
    aggregates: byName(aggregateFunctions),
    tables: byName([...tableFunctions, ...tables]),
    operators: byName(operatorFunctions),
    cast: (source, target) => added.get(`${source.name} ${target.name}`) ?? castOf(source, target),
  }
}

/** The table of this folder alone. */
export const functionTable: FunctionTable = functionTableOf()
