// Names of functions' parameters, and what those that may be left out are then: PostgreSQL 15's own for
// the functions that have any in pg_proc, TimescaleDB's for time_bucket.

import { type DataType, typeOf } from '../type.ts'

export interface Parameter {
  readonly name: string
  readonly type: DataType
  /** Undefined: it must be given. */
  readonly ifAbsent: unknown
}

/** `name(parameter type = default, …)`. */
const SIGNATURES = [
  'make_interval(years int4 = 0, months int4 = 0, weeks int4 = 0, days int4 = 0, hours int4 = 0, mins int4 = 0, secs float8 = 0)',
  'make_date(year int4, month int4, day int4)',
  'make_time(hour int4, min int4, sec float8)',
  'make_timestamp(year int4, month int4, mday int4, hour int4, min int4, sec float8)',
  'make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec float8)',
  'make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec float8, timezone text)',
  'jsonb_set(jsonb_in jsonb, path _text, replacement jsonb, create_if_missing bool = true)',
  'jsonb_insert(jsonb_in jsonb, path _text, replacement jsonb, insert_after bool = false)',
  'parse_ident(str text, strict bool = true)',
  'time_bucket(bucket_width interval, ts timestamptz, origin timestamptz)',
  'time_bucket(bucket_width interval, ts timestamptz, timezone text)',
  'time_bucket(bucket_width interval, ts timestamptz)',
  'histogram(value float8, min float8, max float8, nbuckets int4)',
]

const signatures = new Map<string, Parameter[][]>()

for (const text of SIGNATURES) {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(text)!
  const parameters = list!.split(', ').map((one): Parameter => {
    const [declared, written] = one.split(' = ')
    const [parameter, type] = declared!.split(' ')
    const ifAbsent = written === undefined ? undefined : JSON.parse(written)
    return { name: parameter!, type: typeOf(type!), ifAbsent }
  })
  signatures.set(name!, [...(signatures.get(name!) ?? []), parameters])
}

/** The lists of parameters of a function that has names for them. */
export function parametersOf(name: string): readonly (readonly Parameter[])[] {
  return signatures.get(name) ?? []
}
