// Random expressions of a type: every function and operator of the signatures, casts, CASE, IN, BETWEEN,
// LIKE, arrays and their like, over the columns of values.ts.

import type { Random } from '../../random.ts'
import type { Signature, Signatures } from './signatures.ts'
import { TYPES, columnOf, literal, written } from './values.ts'

const UNITS = [
  ...['year', 'month', 'day', 'hour', 'minute', 'second', 'week', 'quarter', 'decade', 'century'],
  ...[
    'millennium',
    'milliseconds',
    'microseconds',
    'epoch',
    'dow',
    'isodow',
    'doy',
    'isoyear',
    'julian',
  ],
  ...['timezone', 'nothing'],
]
const PATTERNS = [
  ...[
    'a',
    '^a',
    'b.',
    '[0-9]+',
    '(a|b)c?',
    '\\d+',
    'x*',
    '(l+)o',
    '^$',
    '\\w+',
    '[[:alpha:]]+',
    '.',
  ],
  ...['(', 'a{2}', '\\mw', 'o\\M', '\\s', 'A', '(\\d)(\\d)?'],
]
const STEPS = ['a', 'b', '0', '1', '-1']
const TEMPLATES = ['999.99', 'FM9990.0', 'S09', '9EEEE', 'HH24:MI:SS', 'YYYY-MM-DD', '']
const FLAGS = ['', 'i', 'g', 'n', 'q!', 'gi']
const REPLACE_FLAGS = ['', 'g', 'i', 'gi', '1', '2', '-1']
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', '+05:30', 'Nowhere/None', 'Asia/Kolkata']
const LIKES = ['%', 'a%', '%b%', '_bc', 'foo\\_%', '%\\%%', '', 'H%d', 'abc\\', 'ABC%']
const SIZES = ['-3', '-1', '0', '1', '2', '3', '5', '12']
const CODES = ['65', '233', '8364', '128512', '0', '48']
const FORMATS = ['%s', '%s-%s', '%I', '%L', '%%', '%2$s', '%-5s|', '%5s', 'none', '%x']

/** Arguments that mean something, by function and place. */
const SPECIAL: Readonly<Record<string, Readonly<Record<number, readonly string[]>>>> = {
  date_trunc: { 0: UNITS, 2: ZONES },
  date_part: { 0: UNITS },
  extract: { 0: UNITS },
  timezone: { 0: ZONES },
  '~': { 1: PATTERNS },
  '~*': { 1: PATTERNS },
  '!~': { 1: PATTERNS },
  '!~*': { 1: PATTERNS },
  '~~': { 1: LIKES },
  '~~*': { 1: LIKES },
  '!~~': { 1: LIKES },
  '!~~*': { 1: LIKES },
  like: { 1: LIKES },
  regexp_match: { 1: PATTERNS, 2: FLAGS },
  regexp_replace: {
    1: PATTERNS,
    2: ['', 'X', '<\\1>', '[\\&]', '\\0\\\\'],
    3: REPLACE_FLAGS,
    4: SIZES,
    5: FLAGS,
  },
  regexp_split_to_array: { 1: PATTERNS, 2: FLAGS },
  regexp_count: { 1: PATTERNS, 2: SIZES, 3: FLAGS },
  regexp_like: { 1: PATTERNS, 2: FLAGS },
  regexp_instr: { 1: PATTERNS, 2: SIZES, 3: SIZES, 4: ['0', '1', '2'], 5: FLAGS, 6: SIZES },
  regexp_substr: { 1: PATTERNS, 2: SIZES, 3: SIZES, 4: FLAGS, 5: SIZES },
  substring: { 1: PATTERNS, 2: ['\\', '#', '', '##'] },
  json_extract_path: { 1: STEPS },
  jsonb_extract_path: { 1: STEPS },
  normalize: { 1: ['NFC', 'nfd', 'NFKC', 'x'] },
  is_normalized: { 1: ['NFC', 'nfd', 'NFKC', 'x'] },
  similar_to_escape: { 0: LIKES, 1: ['\\', '#', '', '##'] },
  repeat: { 1: SIZES },
  lpad: { 1: SIZES },
  rpad: { 1: SIZES },
  left: { 1: SIZES },
  right: { 1: SIZES },
  substr: { 1: SIZES, 2: SIZES },
  split_part: { 1: [',', '', 'a', ' ', '2'], 2: SIZES },
  chr: { 0: CODES },
  format: { 0: FORMATS },
  round: { 1: SIZES },
  trunc: { 1: SIZES },
  array_fill: { 1: ['{2}', '{0}', '{1,2}'] },
  trim_array: { 1: SIZES },
  to_char: { 1: TEMPLATES },
  to_number: { 1: TEMPLATES },
  encode: { 1: ['hex', 'base64', 'escape', 'none'] },
  decode: { 0: ['00ff', 'YWJj', 'a\\000b', 'zz'], 1: ['hex', 'base64', 'escape', 'none'] },
  '<<': { 1: ['0', '1', '5', '31'] },
  '>>': { 1: ['0', '1', '5', '31'] },
  power: { 1: ['0', '0.5', '2', '-1', '3', '10'] },
  pow: { 1: ['0', '0.5', '2', '-1', '3', '10'] },
  '^': { 1: ['0', '0.5', '2', '-1', '3', '10'] },
  exp: { 0: ['0', '1', '-1', '2.5', '10', '100', 'NaN', '-20'] },
}

/** Results that differ in their last digits from one C library to another: never inside of others. */
const INEXACT = new Set([
  ...[
    'sin',
    'cos',
    'tan',
    'asin',
    'acos',
    'atan',
    'atan2',
    'sinh',
    'cosh',
    'tanh',
    'exp',
    'ln',
    'log',
  ],
  ...[
    'log10',
    'power',
    'pow',
    '^',
    'cbrt',
    '||/',
    'degrees',
    'radians',
    'asinh',
    'acosh',
    'atanh',
    'cot',
  ],
])

/** Names that have a syntax of their own. */
const FORMS = new Set(['extract', 'position', 'overlay', 'timezone'])

const CASTS: Readonly<Record<string, readonly string[]>> = {
  int2: ['int4', 'int8', 'float8', 'numeric', 'text', 'float4'],
  int4: ['int2', 'int8', 'float8', 'numeric', 'text', 'bool', 'float4'],
  int8: ['int2', 'int4', 'float8', 'numeric', 'text', 'float4'],
  float4: ['int4', 'float8', 'numeric', 'text'],
  float8: ['int4', 'int8', 'float4', 'numeric', 'text'],
  numeric: ['int4', 'int8', 'float4', 'float8', 'text'],
  bool: ['int4', 'text'],
  text: TYPES,
  date: ['timestamp', 'timestamptz', 'text'],
  time: ['timestamp', 'timestamptz', 'interval', 'text'],
  timestamp: ['date', 'timestamptz', 'text'],
  timestamptz: ['date', 'timestamp', 'text'],
  interval: ['time', 'text'],
  json: ['jsonb', 'text'],
  jsonb: ['json', 'text'],
  bytea: ['text'],
  _int4: ['_int8', '_float8', 'text', '_text'],
  _text: ['_int4', '_bool', 'text'],
}

export class Expressions {
  readonly random: Random
  private readonly signatures: Signatures

  constructor(random: Random, signatures: Signatures) {
    this.random = random
    this.signatures = signatures
  }

  anyType(): string {
    return this.random.pick(TYPES)
  }

  /** An expression of a type; `depth` bounds how far calls nest. */
  make(type: string, depth: number, isInner = false): string {
    const { random } = this
    if (depth <= 0 || random.chance(0.15)) return this.leaf(type)
    const kind = random.next()
    if (kind < 0.62) return this.call(type, depth, isInner)
    if (kind < 0.74) return this.cast(type, depth)
    if (kind < 0.86 && type === 'bool') return this.condition(depth)
    return this.form(type, depth)
  }

  leaf(type: string): string {
    return this.random.chance(0.6) ? columnOf(type) : literal(this.random, type)
  }

  private call(type: string, depth: number, isInner: boolean): string {
    const all = this.signatures.get(type) ?? []
    const usable = isInner ? all.filter(({ name }) => !INEXACT.has(name)) : all
    if (usable.length === 0) return this.form(type, depth)
    // Names first, so that many overloads of one do not hide the others.
    const name = this.random.pick([...new Set(usable.map((one) => one.name))])
    return this.write(this.random.pick(usable.filter((one) => one.name === name)), depth)
  }

  private write({ name, arguments: types, isOperator }: Signature, depth: number): string {
    const parts = types.map((type, place) => this.argument(name, type, place, depth))
    if (isOperator) {
      return parts.length === 1 ? `(${name} ${parts[0]})` : `(${parts[0]} ${name} ${parts[1]})`
    }
    return `${FORMS.has(name) ? 'pg_catalog.' : ''}${name}(${parts.join(', ')})`
  }

  private argument(name: string, type: string, place: number, depth: number): string {
    const { random } = this
    const special = SPECIAL[name]?.[place] ?? []
    if (special.length > 0 && type !== 'any' && random.chance(0.93)) {
      return `'${random.pick(special)}'::${written(type)}`
    }
    const own = type === 'any' ? this.anyType() : type
    return this.make(own, depth - 1, true)
  }

  private cast(type: string, depth: number): string {
    const sources = CASTS[type] ?? ['text']
    const source = this.random.pick(sources)
    const inner = this.make(source, depth - 1, true)
    return `(${inner})::${written(type)}`
  }

  private condition(depth: number): string {
    const { random } = this
    const type = random.pick(TYPES.filter((one) => one !== 'json'))
    const part = (): string => this.make(type, depth - 1, true)
    const not = random.chance(0.3) ? 'NOT ' : ''
    switch (random.int(9)) {
      case 0:
        return `(${part()} ${not}BETWEEN ${part()} AND ${part()})`
      case 1:
        return `(${part()} ${not}IN (${part()}, ${part()}, ${part()}))`
      case 2:
        return `(${part()} IS ${not}DISTINCT FROM ${part()})`
      case 3:
        return `(${part()} IS ${not}NULL)`
      case 4:
        return `(${this.make('bool', depth - 1, true)} IS ${not}${random.pick(['TRUE', 'FALSE', 'UNKNOWN'])})`
      case 5:
        return `(${this.make('bool', depth - 1, true)} ${random.pick(['AND', 'OR'])} ${this.make('bool', depth - 1, true)})`
      case 6:
        return `(NOT ${this.make('bool', depth - 1, true)})`
      case 7:
        return `(${part()} ${random.pick(['=', '<', '>=', '<>'])} ${part()})`
      default: {
        const array = random.pick(TYPES.filter((one) => one.startsWith('_')))
        const left = this.make(array.slice(1), depth - 1, true)
        const operator = random.pick(['=', '<>', '<', '>='])
        const list = this.make(array, depth - 1, true)
        return `(${left} ${operator} ${random.pick(['ANY', 'ALL'])} (${list}))`
      }
    }
  }

  /** What is written with words and brackets. */
  private form(type: string, depth: number): string {
    const { random } = this
    const part = (): string => this.make(type, depth - 1, true)
    const element = type.startsWith('_') ? type.slice(1) : null
    const canCompare = type !== 'json'
    switch (random.int(5)) {
      case 0:
        return `CASE WHEN ${this.make('bool', depth - 1, true)} THEN ${part()} ELSE ${part()} END`
      case 1:
        return `COALESCE(${part()}, ${part()})`
      case 2:
        return canCompare ? `NULLIF(${part()}, ${part()})` : part()
      case 3:
        return canCompare ? `${random.pick(['GREATEST', 'LEAST'])}(${part()}, ${part()})` : part()
      default:
        if (element !== null) {
          const list = [0, 1, 2].map(() => this.make(element, depth - 1, true))
          return `ARRAY[${list.join(', ')}]`
        }
        return TYPES.includes(`_${type}`)
          ? `(${this.make(`_${type}`, depth - 1, true)})[${random.pick(['1', '2', '0', '-1'])}]`
          : this.leaf(type)
    }
  }
}
