// Aggregates and windows that generated statements call. Lists, and frames of rows, have an order that
// leaves nothing open; means and sums are of types that both databases answer alike.

import type { Item, Scope } from './statement-expressions.ts'
import type { Statements } from './statements.ts'

/** By the type that they answer; `{}` of the form stands for a type that is picked. */
const AGGREGATES: Readonly<Record<string, readonly string[]>> = {
  int8: ['count(*)', 'count({any})', 'count(DISTINCT {any})', 'sum({int4})'],
  numeric: ['sum({int8})::numeric', 'sum({numeric})', 'round(avg({numeric})::numeric, 6)'],
  float8: [
    'sum({float8})',
    'avg({float8})',
    'stddev_samp({float8})',
    'var_pop({float8})',
    'stddev({float8})',
    'variance({float8})',
    'percentile_cont(0.5) WITHIN GROUP (ORDER BY {float8})',
    'percentile_cont(0.9) WITHIN GROUP (ORDER BY {float8} DESC)',
    'avg({int8}::float8)',
  ],
  bool: ['bool_and({bool})', 'bool_or({bool})', 'every({bool})'],
  interval: ['sum({interval})', 'avg({interval})'],
  text: [
    "string_agg({text}, ',' ORDER BY 1=)",
    "string_agg(DISTINCT {text}, '|' ORDER BY 1=)",
    'array_agg({any} ORDER BY 1=)::text',
    'array_agg(DISTINCT {any} ORDER BY 1= DESC)::text',
    'jsonb_agg({int8} ORDER BY 1=)::text',
  ],
}

const OF_ANY = [
  'min({})',
  'max({})',
  'min({})',
  'max({})',
  'mode() WITHIN GROUP (ORDER BY {})',
  'percentile_disc(0.5) WITHIN GROUP (ORDER BY {})',
]

/** An aggregate of a type, or of any, over the columns. */
export function aggregate(statements: Statements, scope: Scope, wanted?: string): Item {
  const { random, expressions } = statements
  const type = wanted ?? expressions.anyType()
  const own = AGGREGATES[type] ?? []
  const isGeneral = type !== 'bool' && (own.length === 0 || random.chance(0.25))
  const form = isGeneral ? random.pick(OF_ANY).replace('{}', `{${type}}`) : random.pick(own)
  const filled = form.replace(
    /\{(\w+)\}(.*?)(1=|$)/,
    (_, one: string, rest: string, by: string) => {
      // A query that is written twice is not one expression to PostgreSQL, as ORDER BY of DISTINCT wants.
      const depth = form.includes('DISTINCT') ? 1 : 2
      const text = expressions.make(one === 'any' ? expressions.anyType() : one, scope, depth, [])
      return text + rest + (by === '' ? '' : text)
    },
  )
  if (!random.chance(0.15)) return { text: filled, type }
  const filter = ` FILTER (WHERE ${expressions.make('bool', scope, 2, [])})`
  const cast = /^(.*\))(::text|::numeric)$/.exec(filled)
  if (filled.startsWith('round(')) return { text: filled, type }
  return { text: cast === null ? filled + filter : `(${cast[1]}${filter})${cast[2]}`, type }
}

const WINDOWS: Readonly<Record<string, readonly string[]>> = {
  int8: ['row_number()', 'rank()', 'dense_rank()', 'count(*)', 'count({any})', 'sum({int4})'],
  int4: ['ntile(3)'],
  float8: ['percent_rank()', 'cume_dist()', 'sum({float8})', 'avg({float8})'],
  numeric: ['sum({numeric})'],
  bool: ['bool_or({bool})'],
}
const WINDOWS_OF_ANY = [
  ...['lag({})', 'lead({}, 2)', 'lag({}, 1, {})', 'first_value({})', 'last_value({})'],
  ...['nth_value({}, 2)', 'min({})', 'max({})'],
]
const BOUNDS = ['UNBOUNDED PRECEDING', '2 PRECEDING', '1 PRECEDING', 'CURRENT ROW', '1 FOLLOWING']

function frame(statements: Statements): string {
  const { random } = statements
  if (random.chance(0.5)) return ''
  const start = random.int(BOUNDS.length)
  const end = random.pick([...BOUNDS.slice(Math.max(start, 1)), 'UNBOUNDED FOLLOWING'])
  const unit = random.pick(['ROWS', 'GROUPS'])
  const without = random.pick(['', '', ' EXCLUDE CURRENT ROW', ' EXCLUDE TIES', ' EXCLUDE GROUP'])
  return ` ${unit} BETWEEN ${BOUNDS[start]} AND ${end}${without}`
}

/** A call over a window whose order names all columns. */
export function windowCall(
  statements: Statements,
  type: string,
  scope: Scope,
  outer: Scope,
): string | null {
  const { random, expressions } = statements
  if (scope.length === 0) return null
  const own = WINDOWS[type] ?? []
  const isGeneral = type !== 'bool' && (own.length === 0 || random.chance(0.4))
  const form = random.pick(isGeneral ? WINDOWS_OF_ANY : own)
  const call = form.replaceAll(/\{(\w*)\}/g, (_, one: string) => {
    const given = one === '' ? type : one === 'any' ? expressions.anyType() : one
    return expressions.make(given, scope, 1, outer)
  })
  const partition = random.chance(0.5) ? `PARTITION BY ${random.pick(scope).text} ` : ''
  const first = expressions.make(expressions.anyType(), scope, 1, outer)
  const down = random.pick(['', ' DESC', ' NULLS FIRST'])
  const order = [`${first}${down}`, ...scope.map(({ text }) => text)].join(', ')
  return `${call} OVER (${partition}ORDER BY ${order}${frame(statements)})`
}
