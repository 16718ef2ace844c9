// PostgreSQL's own functions, operators, aggregates and casts as the binder's table, read from its
// catalogs: what overloads are chosen from is then just what PostgreSQL chooses from.

import type { CastFunction, FunctionTable } from '../../sql/function.ts'
import { type DataType, findType, typeOf, typeOfOid } from '../../sql/type.ts'
import type { Postgres } from './postgres.ts'
import { smallFunctions } from './small-functions.ts'

interface Row {
  readonly name: string
  readonly kind: string
  readonly given: string
  readonly variadic: number
  readonly result: number
  readonly isSet: boolean
}

const PROCEDURES = `SELECT proname AS name, prokind AS kind, proargtypes::text AS given,
  provariadic::int4 AS variadic, prorettype::int4 AS result, proretset AS "isSet"
  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace`
const OPERATORS = `SELECT oprname AS name, 'o' AS kind, concat_ws(' ', nullif(oprleft, 0), oprright) AS given,
  0 AS variadic, oprresult::int4 AS result, false AS "isSet" FROM pg_operator WHERE oprright <> 0`
const CASTS = `SELECT castsource::int4 AS source, casttarget::int4 AS target, castcontext AS context
  FROM pg_cast WHERE castsource <> casttarget`
const ORDERED = `SELECT proname AS name FROM pg_proc JOIN pg_aggregate ON aggfnoid = pg_proc.oid
  WHERE aggkind <> 'n'`

interface Signature {
  readonly name: string
  readonly arguments: readonly DataType[]
  readonly isVariadic: boolean
  readonly result: DataType
}

/** Null where a type is none of ours. */
function signatureOf({ name, given, variadic, result }: Row): Signature | null {
  const oids = given === '' ? [] : given.split(' ').map(Number)
  if (variadic !== 0) oids[oids.length - 1] = variadic
  const types = oids.map(typeOfOid)
  const resultType = typeOfOid(result)
  if (resultType === null || types.includes(null)) return null
  return { name, arguments: types as DataType[], isVariadic: variadic !== 0, result: resultType }
}

function never(): never {
  throw new Error('the binder calls no function but the input of literals')
}

const SCALAR = { isStrict: true, volatility: 'immutable', evaluate: never } as const

function readRow([name, kind, given, variadic, result, isSet]: readonly (string | null)[]): Row {
  return {
    name: name!,
    kind: kind!,
    given: given!,
    variadic: Number(variadic),
    result: Number(result),
    isSet: isSet === 't',
  }
}

export async function readFunctions(postgres: Postgres): Promise<FunctionTable> {
  const procedures = (await postgres.query(PROCEDURES)).rows.map(readRow)
  const ordered = new Set((await postgres.query(ORDERED)).rows.map(([name]) => name!))
  const select = (
    all: readonly Row[],
    isWanted: (row: Row) => boolean,
  ): Map<string, Signature[]> => {
    const byName = new Map<string, Signature[]>()
    for (const row of all) {
      const signature = isWanted(row) ? signatureOf(row) : null
      if (signature === null) continue
      byName.set(row.name, [...(byName.get(row.name) ?? []), signature])
    }
    return byName
  }
  const scalars = select(procedures, ({ kind, isSet }) => kind === 'f' && !isSet)
  const tables = select(procedures, ({ kind, isSet }) => kind === 'f' && isSet)
  const aggregates = select(procedures, ({ kind }) => kind === 'a')
  const operators = select((await postgres.query(OPERATORS)).rows.map(readRow), () => true)
  const casts = readCasts((await postgres.query(CASTS)).rows)
  const OWN = new Set(['greatest', 'least', 'array_subscript', 'array_slice', 'current_user'])
  const each = <Kind>(all: Map<string, Signature[]>, make: (one: Signature) => Kind) => {
    const made = new Map([...all].map(([name, some]) => [name, some.map(make)] as const))
    return (name: string): readonly Kind[] => made.get(name) ?? []
  }
  const scalar = each(scalars, (one) => ({ ...one, ...SCALAR }))
  return {
    scalars: (name) => (OWN.has(name) ? smallFunctions.scalars(name) : scalar(name)),
    operators: each(operators, (one) => ({ ...one, ...SCALAR })),
    aggregates: each(aggregates, (one) => {
      return { ...one, isOrderedSet: ordered.has(one.name), accumulate: never }
    }),
    tables: each(tables, ({ result, ...one }) => {
      const columns = (given: readonly DataType[]): { name: string; type: DataType }[] => {
        const type = result.name === 'anyelement' ? given[0]!.element! : result
        return [{ name: one.name, type }]
      }
      return { ...one, columns, rows: never }
    }),
    cast: casts,
  }
}

function readCasts(rows: readonly (readonly (string | null)[])[]): FunctionTable['cast'] {
  const known = new Map(rows.map(([source, target, context]) => [`${source} ${target}`, context]))
  const CONTEXTS = { i: 'implicit', a: 'assignment', e: 'explicit' } as const
  const find = (source: DataType, target: DataType): CastFunction | null => {
    if (source.name === 'unknown') return smallFunctions.cast(source, target)
    const letter = known.get(`${source.oid} ${target.oid}`)
    const make = (context: CastFunction['context']): CastFunction => ({
      source,
      target,
      context,
      evaluate: smallFunctions.cast(typeOf('unknown'), target)!.evaluate,
    })
    if (letter !== undefined) return make(CONTEXTS[letter as 'i' | 'a' | 'e'])
    if (source.name.startsWith('_') && target.name.startsWith('_')) {
      const element = find(source.element!, target.element!)
      return element && make(element.context)
    }
    if (target.category === 'S' && findType(source.name) !== null) return make('assignment')
    return source.category === 'S' ? make('explicit') : null
  }
  return find
}
