// Names of types as `format_type` prints and `regtype` reads them. Source: format_type.c and the grammar
// of PostgreSQL 15.

import { allTypes, findType, typeOfOid, type DataType } from '../type.ts'

const VARIABLE_HEADER = 4
const NUMERIC_SCALE_BITS = 0x7ff

function modifierText({ name }: DataType, modifier: number): string {
  const hasHeader = name === 'bpchar' || name === 'varchar'
  if (hasHeader) return modifier > VARIABLE_HEADER ? `(${modifier - VARIABLE_HEADER})` : ''
  if (name !== 'numeric') return `(${modifier})`
  if (modifier < VARIABLE_HEADER) return ''
  const packed = modifier - VARIABLE_HEADER
  const scale = ((packed & NUMERIC_SCALE_BITS) ^ 1024) - 1024
  return `(${(packed >> 16) & 0xffff},${scale})`
}

/** Types whose modifier stands within their name: `time(3) without time zone`. */
const TIMES = new Set(['time', 'timestamp', 'timestamptz'])
/** Types whose names the grammar has, without a modifier. */
const UNMODIFIED = new Set(['bool', 'int2', 'int4', 'int8', 'float4', 'float8'])

/** `timestamp(3) without time zone`, `text[]`; `-` of oid 0, `???` of an unknown one. */
export function formatType(oid: number, modifier: number | null): string {
  if (oid === 0) return '-'
  const type = typeOfOid(oid)
  if (!type) return '???'
  if (type.name.startsWith('_')) return `${formatType(type.element!.oid, modifier)}[]`
  if (type.name === 'bpchar' && modifier === -1) return 'bpchar'
  if (modifier === null || modifier < 0 || UNMODIFIED.has(type.name)) return type.title
  const text = modifierText(type, modifier)
  if (!TIMES.has(type.name)) return `${type.title}${text}`
  const [first, ...rest] = type.title.split(' ')
  return [`${first}${text}`, ...rest].join(' ')
}

const SYNONYMS: Readonly<Record<string, string>> = {
  int: 'int4',
  decimal: 'numeric',
  dec: 'numeric',
  float: 'float8',
  char: 'bpchar',
  'char varying': 'varchar',
  time: 'time',
  'time without time zone': 'time',
  timestamp: 'timestamp',
}

const titles = new Map(allTypes().map((type) => [type.title, type]))

/** The type of a written name: `double precision`, `pg_catalog.int4`, `varchar(20)[]`; null: none. */
export function readTypeName(text: string): DataType | null {
  const array = /^(.*?)\s*\[\s*\d*\s*\]$/su.exec(text.trim())
  if (array) {
    const element = readTypeName(array[1]!)
    return element && typeOfOid(element.arrayOid)
  }
  const quoted = /^(?:pg_catalog\.)?"([^"]+)"$/.exec(text.trim())
  if (quoted) return findType(quoted[1]!)
  const bare = text.toLowerCase().replace(/\([\d\s,]*\)/, ' ')
  const name = bare
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replace(/^pg_catalog\./, '')
  return findType(SYNONYMS[name] ?? name) ?? titles.get(name) ?? null
}
