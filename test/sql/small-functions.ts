// A few functions, operators and casts by their signatures, for tests of the binder alone: what they
// compute is of no matter to it, but that literals are read. One line each, as psql's \df would say.

import type {
  AggregateFunction,
  CastFunction,
  FunctionTable,
  ScalarFunction,
  TableFunction,
} from '../../sql/function.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { type DataType, typeOf } from '../../sql/type.ts'

const NUMBERS = ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric']
const COMPARED = [
  ...[...NUMBERS, 'text', 'bool', 'timestamptz', 'timestamp', 'date', 'interval', 'bytea'],
  ...['uuid', 'oid', 'anyarray'],
]

const OPERATORS = [
  ...COMPARED.flatMap((type) =>
    ['=', '<>', '<', '<=', '>', '>='].map((symbol) => `${symbol}(${type},${type}) bool`),
  ),
  ...['int2', 'int4', 'int8'].flatMap((a) =>
    ['int2', 'int4', 'int8'].flatMap((b) =>
      a === b ? [] : ['=', '<>', '<', '<=', '>', '>='].map((symbol) => `${symbol}(${a},${b}) bool`),
    ),
  ),
  ...NUMBERS.flatMap((type) =>
    ['+', '-', '*', '/'].map((symbol) => `${symbol}(${type},${type}) ${type}`),
  ),
  ...NUMBERS.map((type) => `-(${type}) ${type}`),
  ...['+(timestamptz,interval) timestamptz', '-(timestamptz,interval) timestamptz'],
  ...['-(timestamptz,timestamptz) interval', '*(interval,float8) interval'],
  ...['+(interval,interval) interval', '-(timestamp,timestamp) interval', '+(date,int4) date'],
  ...['||(text,text) text', '||(anycompatiblearray,anycompatible) anycompatiblearray'],
  ...['||(anycompatiblearray,anycompatiblearray) anycompatiblearray'],
  ...['||(anynonarray,text) text', '||(text,anynonarray) text', '~~(text,text) bool'],
  ...['!~~(text,text) bool', '~~*(text,text) bool', '~(text,text) bool'],
]

const SCALARS = [
  ...['lower(text) text', 'upper(text) text', 'length(text) int4', 'abs(int4) int4'],
  ...['abs(int8) int8', 'abs(float8) float8', 'abs(numeric) numeric', 'now() timestamptz'],
  ...['round(numeric) numeric', 'round(float8) float8', 'round(numeric,int4) numeric'],
  ...['timezone(text,timestamptz) timestamp', 'timezone(text,timestamp) timestamptz'],
  ...['extract(text,timestamptz) numeric', 'extract(text,interval) numeric'],
  ...['time_bucket(interval,timestamptz) timestamptz', 'concat(any...) text'],
  ...['date_trunc(text,timestamptz) timestamptz', 'date_trunc(text,timestamp) timestamp'],
  ...['greatest(anycompatible...) anycompatible', 'least(anycompatible...) anycompatible'],
  ...['array_subscript(anyarray,int4) anyelement', 'array_length(anyarray,int4) int4'],
  ...['array_slice(anyarray,int4,int4) anyarray', 'numeric(numeric,int4) numeric'],
  ...['varchar(varchar,int4,bool) varchar', 'current_user() name', 'pg_sleep(float8) void'],
  ...['similar_to_escape(text) text', 'like_escape(text,text) text', 'current_database() name'],
  ...['substr(text,int4) text', 'pg_typeof(any) regtype', 'random() float8'],
]

const AGGREGATES = [
  ...['count() int8', 'count(any) int8', 'sum(int4) int8', 'sum(int8) numeric'],
  ...['sum(float8) float8', 'sum(numeric) numeric', 'avg(int4) numeric', 'avg(int8) numeric'],
  ...['avg(float8) float8', 'avg(numeric) numeric', 'array_agg(anynonarray) anyarray'],
  ...COMPARED.slice(0, -2).flatMap((type) => [`min(${type}) ${type}`, `max(${type}) ${type}`]),
  ...[
    'string_agg(text,text) text',
    'bool_and(bool) bool',
    'first(anyelement,timestamptz) anyelement',
  ],
]

const ORDERED_SETS = ['percentile_cont(float8,float8) float8', 'mode(anyelement) anyelement']

const TABLES = [
  ...['generate_series(int4,int4) int4', 'generate_series(int8,int8) int8'],
  ...[
    'generate_series(timestamptz,timestamptz,interval) timestamptz',
    'unnest(anyarray) anyelement',
  ],
]

/** Implicit ones, then those that assignments take, then the others; text goes to and from all. */
const CASTS: Readonly<Record<string, 'implicit' | 'assignment' | 'explicit'>> = {
  ...Object.fromEntries(
    NUMBERS.flatMap((source, a) =>
      NUMBERS.filter((target) => target !== source).map((target) => {
        const order = ['int2', 'int4', 'int8', 'numeric', 'float4', 'float8']
        const isWider = order.indexOf(target) > order.indexOf(source)
        return [`${source} ${target}`, isWider && a >= 0 ? 'implicit' : 'assignment'] as const
      }),
    ),
  ),
  'int4 bool': 'explicit',
  'bool int4': 'explicit',
  'int4 oid': 'implicit',
  'int8 oid': 'implicit',
  'name text': 'implicit',
  'bpchar text': 'implicit',
  'date timestamp': 'implicit',
  'date timestamptz': 'implicit',
  'timestamp timestamptz': 'implicit',
  'timestamptz timestamp': 'assignment',
  'timestamptz date': 'assignment',
  'timestamp date': 'assignment',
  'timestamptz time': 'assignment',
}

interface Signature {
  readonly name: string
  readonly arguments: readonly DataType[]
  readonly isVariadic: boolean
  readonly result: DataType
}

function read(line: string): Signature {
  const [, name, list, result] = /^([^(]+)\((.*)\) (.+)$/.exec(line)!
  const names = list === '' ? [] : list!.split(',')
  return {
    name: name!,
    arguments: names.map((one) => typeOf(one.replace('...', ''))),
    isVariadic: list!.endsWith('...'),
    result: typeOf(result!),
  }
}

function never(): never {
  throw new Error('the binder calls no function but the input of literals')
}

function scalar(line: string): ScalarFunction {
  return { ...read(line), isStrict: true, volatility: 'immutable', evaluate: never }
}

function aggregate(line: string, isOrderedSet: boolean): AggregateFunction {
  return { ...read(line), isOrderedSet, accumulate: never }
}

function table(line: string): TableFunction {
  const { result, ...signature } = read(line)
  const columns = (given: readonly DataType[]): { name: string; type: DataType }[] => {
    const type = result.name === 'anyelement' ? given[0]!.element! : result
    return [{ name: signature.name, type }]
  }
  return { ...signature, columns, rows: never }
}

function group<Kind extends { name: string }>(all: readonly Kind[]) {
  return (name: string): readonly Kind[] => all.filter((one) => one.name === name)
}

/** What texts of a type look like; others are 22P02, and of times 22007. */
const INPUTS: Readonly<Record<string, RegExp>> = {
  int2: /^\s*[-+]?\d+\s*$/,
  int4: /^\s*[-+]?\d+\s*$/,
  int8: /^\s*[-+]?\d+\s*$/,
  float8: /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i,
  numeric: /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i,
  bool: /^(t|f|true|false|yes|no|on|off|1|0)$/i,
  timestamptz: /^(\d{4}-|now|today|infinity)/,
  timestamp: /^(\d{4}-|now|today|infinity)/,
  date: /^(\d{4}-|now|today|infinity)/,
  interval: /\d/,
}

function input(source: DataType, target: DataType): CastFunction {
  return {
    source,
    target,
    context: 'explicit',
    evaluate: ([given]) => {
      const text = given!.values[0] as string
      if (INPUTS[target.name]?.test(text) === false) {
        const code = target.category === 'D' || target.category === 'T' ? '22007' : '22P02'
        throw new SqlError(code, `invalid input syntax for type ${target.title}: "${text}"`)
      }
      return { values: [valueOf(text, target)], valid: null }
    },
  }
}

function valueOf(text: string, { layout }: DataType): unknown {
  if (layout === 'number') return Number(text)
  if (layout === 'boolean') return Number(/^(t|y|on|1)/i.test(text))
  if (layout === 'bigint') return /^\d+$/.test(text) ? BigInt(text) : 0n
  return layout === 'object' ? { text } : text
}

function findCast(source: DataType, target: DataType): CastFunction | null {
  if (source.name === 'unknown' || source.name === 'text') return input(source, target)
  const context = CASTS[`${source.name} ${target.name}`]
  if (context !== undefined) return { source, target, context, evaluate: never }
  if (target.name === 'text') return { source, target, context: 'assignment', evaluate: never }
  return null
}

export const smallFunctions: FunctionTable = {
  scalars: group(SCALARS.map(scalar)),
  operators: group(OPERATORS.map(scalar)),
  aggregates: group([
    ...AGGREGATES.map((line) => aggregate(line, false)),
    ...ORDERED_SETS.map((line) => aggregate(line, true)),
  ]),
  tables: group(TABLES.map(table)),
  cast: findCast,
}
