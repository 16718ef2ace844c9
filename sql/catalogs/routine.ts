// The functions that statements can call, as pg_proc lists them: with oids, kinds and types.

import { typeOf, type DataType } from '../type.ts'
import { functionOid } from './oid.ts'
import type { ScalarFunction } from '../function.ts'
import type { FunctionLists } from './snapshot.ts'
import { typeRoutines } from './type-traits.ts'

export interface Routine {
  readonly oid: number
  readonly name: string
  readonly kind: 'function' | 'aggregate' | 'table'
  readonly arguments: readonly DataType[]
  readonly isVariadic: boolean
  readonly result: DataType
  /** Names and types of a table function's columns; others: empty. */
  readonly columns: readonly { readonly name: string; readonly type: DataType }[]
  readonly isStrict: boolean
  readonly volatility: 'i' | 's' | 'v'
  /** The hypothetical argument count of ordered-set aggregates, else null. */
  readonly directCount: number | null
}

const listed = new WeakMap<FunctionLists, ReadonlyMap<number, Routine>>()

/** All routines by oid. */
export function routinesOf(functions: FunctionLists): ReadonlyMap<number, Routine> {
  let routines = listed.get(functions)
  if (!routines) {
    const all = [...scalars(functions), ...aggregates(functions), ...tables(functions), ...inputs()]
    routines = new Map(all.map((routine) => [routine.oid, routine]))
    listed.set(functions, routines)
  }
  return routines
}

function signature(name: string, kind: string, types: readonly DataType[]): number {
  return functionOid(`${kind} ${name}(${types.map((type) => type.name).join()})`)
}

/** What depends on the arguments' types is polymorphic. */
export function resultOf(result: ScalarFunction['result'], types: readonly DataType[]): DataType {
  if (typeof result !== 'function') return result
  try {
    return (result(types) as DataType | null) ?? typeOf('anyelement')
  } catch {
    return typeOf('anyelement')
  }
}

function* scalars(functions: FunctionLists): Iterable<Routine> {
  for (const {
    name,
    arguments: types,
    isVariadic,
    result,
    isStrict,
    volatility,
  } of functions.scalars) {
    yield {
      oid: signature(name, 'function', types),
      name,
      kind: 'function',
      arguments: types,
      isVariadic,
      result: resultOf(result, types),
      columns: [],
      isStrict,
      volatility: volatility[0] as Routine['volatility'],
      directCount: null,
    }
  }
}

function* aggregates(functions: FunctionLists): Iterable<Routine> {
  for (const { name, arguments: types, isVariadic, result, isOrderedSet } of functions.aggregates) {
    yield {
      oid: signature(name, 'aggregate', types),
      name,
      kind: 'aggregate',
      arguments: types,
      isVariadic,
      result: resultOf(result, types),
      columns: [],
      isStrict: false,
      volatility: 'i',
      directCount: isOrderedSet ? types.length - 1 : null,
    }
  }
}

function* tables(functions: FunctionLists): Iterable<Routine> {
  for (const { name, arguments: types, isVariadic, columns } of functions.tables) {
    const given = columns(types).map(({ name: column, type }) => {
      // Of `unnest(anyarray)`, an element of no type yet.
      return { name: column, type: (type as DataType | null) ?? typeOf('anyelement') }
    })
    yield {
      oid: signature(name, 'table', types),
      name,
      kind: 'table',
      arguments: types,
      isVariadic,
      result: given.length === 1 ? given[0]!.type : typeOf('record'),
      columns: given.length === 1 ? [] : given,
      isStrict: true,
      volatility: 's',
      directCount: null,
    }
  }
}

/** Input and output functions of types, under PostgreSQL's own oids: drivers look for `array_recv`. */
function* inputs(): Iterable<Routine> {
  for (const { oid, name } of typeRoutines()) {
    const isText = name.endsWith('out')
    yield {
      oid,
      name,
      kind: 'function',
      arguments: [],
      isVariadic: false,
      result: typeOf(isText ? 'text' : name.endsWith('send') ? 'bytea' : 'record'),
      columns: [],
      isStrict: true,
      volatility: 'i',
      directCount: null,
    }
  }
}
