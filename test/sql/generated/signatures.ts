// What may be called with what: the functions and operators of PostgreSQL's own catalogs that have a
// name we have too, with polymorphic types written out. So an overload that is missing here is found.

import { functionTable, scalarFunctions } from '../../../sql/functions/table.ts'
import { typeOfOid } from '../../../sql/type.ts'
import type { Postgres } from '../postgres.ts'
import { TYPES } from './values.ts'

export interface Signature {
  readonly name: string
  readonly arguments: readonly string[]
  readonly result: string
  readonly isOperator: boolean
}

const FUNCTIONS = `SELECT proname, proargtypes::text, provariadic, prorettype, prokind FROM pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset`
const OPERATORS = `SELECT oprname, concat_ws(' ', nullif(oprleft, 0), oprright), 0, oprresult, 'o'
  FROM pg_operator WHERE oprright <> 0`

/** Answers of their own: the clock, chance, the session. */
const UNSTEADY = new Set([
  ...[
    'random',
    'now',
    'clock_timestamp',
    'statement_timestamp',
    'transaction_timestamp',
    ...['pg_sleep', 'pg_sleep_for', 'pg_sleep_until'],
  ],
  // Without a name in SQL of its own.
  'like_escape',
  ...['timeofday', 'current_setting', 'set_config'],
])
/** The names that modifiers of types go by: their numbers are the binder's. */
const MODIFIERS = new Set(['numeric', 'varchar', 'timestamp', 'timestamptz', 'interval', 'bpchar'])
const ELEMENTS = ['int4', 'text', 'float8', 'numeric']

const isOurs = (type: string): boolean => TYPES.includes(type)

/** Each way of writing polymorphic types out. */
function concrete(types: readonly string[]): readonly (readonly string[])[] {
  if (!types.some((type) => type.startsWith('any'))) return [types]
  return ELEMENTS.map((element) =>
    types.map((type) =>
      type === 'any'
        ? 'any'
        : type === 'anyarray' || type === 'anycompatiblearray'
          ? `_${element}`
          : type.startsWith('any')
            ? element
            : type,
    ),
  )
}

function signaturesOf(row: readonly (string | null)[]): Signature[] {
  const [name, given, variadic, result, kind] = row as readonly string[]
  const oids = given === '' ? [] : given!.split(' ').map(Number)
  if (variadic !== '0') oids[oids.length - 1] = Number(variadic)
  const types = [...oids, Number(result)].map((oid) => typeOfOid(oid)?.name ?? '?')
  const lists = variadic === '0' ? [types] : [types, [...types.slice(0, -1), ...types.slice(-2)]]
  return lists.flatMap(concrete).flatMap((list) => {
    const [own, answer] = [list.slice(0, -1), list.at(-1)!]
    const isClock = name === 'age' && own.length === 1
    const isKnown =
      !isClock && isOurs(answer) && own.every((type) => type === 'any' || isOurs(type))
    return isKnown
      ? [{ name: name!, arguments: own, result: answer, isOperator: kind === 'o' }]
      : []
  })
}

/** By the type of the result. */
export type Signatures = ReadonlyMap<string, readonly Signature[]>

export async function readSignatures(postgres: Postgres): Promise<Signatures> {
  const ours = new Set(scalarFunctions.map(({ name }) => name))
  const scalars = new Map<string, Signature[]>()
  for (const row of (await postgres.query(FUNCTIONS)).rows) {
    const name = row[0]!
    if (!ours.has(name) || UNSTEADY.has(name) || MODIFIERS.has(name)) continue
    for (const one of signaturesOf(row)) add(scalars, one)
  }
  for (const row of (await postgres.query(OPERATORS)).rows) {
    if (functionTable.operators(row[0]!).length === 0) continue
    for (const one of signaturesOf(row)) add(scalars, one)
  }
  return scalars
}

function add(map: Map<string, Signature[]>, one: Signature): void {
  map.set(one.result, [...(map.get(one.result) ?? []), one])
}
