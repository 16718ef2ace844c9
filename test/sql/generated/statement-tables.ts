// Four small tables that generated statements read, by line protocol in OmenDB and by INSERT in PostgreSQL: nulls,
// integers at the ends of their type, texts of several scripts, booleans, times with microseconds. Floats
// are eighths, so that sums are exact in any order; NaN and infinities no plain write stores.

import type { Random } from '../../random.ts'

export interface Column {
  readonly name: string
  readonly type: string
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  /** With `time` they are the key; most may be null. */
  readonly tags: readonly string[]
  readonly rowCount: number
}

const columns = (text: string): Column[] =>
  text.split(', ').map((one) => {
    const [name, type] = one.split(' ')
    return { name: name!, type: type! }
  })

export const TABLES: readonly Table[] = [
  {
    name: 'readings',
    columns: columns(
      'time timestamptz, host text, zone text, x float8, n int8, big int8, s text, b bool',
    ),
    tags: ['host', 'zone'],
    rowCount: 44,
  },
  {
    name: 'events',
    columns: columns('time timestamptz, host text, kind text, level int8, note text, ok bool'),
    tags: ['host', 'kind'],
    rowCount: 26,
  },
  {
    name: 'prices',
    columns: columns('time timestamptz, sym text, bid float8, ask float8, size int8'),
    tags: ['sym'],
    rowCount: 30,
  },
  {
    name: 'hosts',
    columns: columns('time timestamptz, host text, city text, cores int8, weight float8'),
    tags: ['host'],
    rowCount: 5,
  },
]

const HOSTS = ['h0', 'h1', 'h2', 'h3', 'web-ü']
const TEXTS = [
  ...[
    '',
    'a',
    'abc',
    'Abc',
    'Hello World',
    'ÄÖü',
    '😀x',
    '日本語',
    '  pad ',
    '12',
    '-3.5',
    'a,b,c',
  ],
  ...['foo_bar%', 'zz', "it's", 'x1y22'],
]
const BIG = ['9223372036854775807', '-9223372036854775808', '4294967296', '0', '-1', '2147483648']

/** Days around the ends of summer time and of a leap February; times of one table are often equal. */
const DAYS = ['2024-02-28', '2024-02-29', '2024-03-31', '2024-10-27', '2024-12-31', '1969-12-31']

type Value = string | number | bigint | boolean | null

/** Microseconds since 1970. */
function time(random: Random): bigint {
  const day = BigInt(Date.parse(`${random.pick(DAYS)}T00:00:00Z`)) * 1000n
  const minutes = random.int(24) * 60 + random.pick([0, 15, 30, random.int(60)])
  const seconds = random.chance(0.7) ? 0 : random.int(60)
  const micros = random.chance(0.2) ? random.int(1_000_000) : 0
  return day + BigInt((minutes * 60 + seconds) * 1_000_000 + micros)
}

const TAG_VALUES: Readonly<Record<string, readonly string[]>> = {
  zone: ['east', 'west'],
  kind: ['deploy', 'alert', 'é'],
  sym: ['A', 'B', 'ß'],
}

function cell(random: Random, { name, type }: Column): Value {
  if (name === 'time') return time(random)
  if (name === 'host') return random.pick(HOSTS)
  if (random.chance(0.18)) return null
  if (name in TAG_VALUES) return random.pick(TAG_VALUES[name]!)
  if (name === 'big' && random.chance(0.6)) return BigInt(random.pick(BIG))
  switch (type) {
    case 'float8':
      return (random.int(400) - 150) / 8
    case 'int8':
      return BigInt(name === 'big' ? random.int(1000) - 500 : random.int(12) - 3)
    case 'bool':
      return random.chance(0.5)
    default:
      return random.pick(TEXTS)
  }
}

type Row = readonly Value[]

/** No two with one key, none without a field. */
function rowsOf(random: Random, table: Table): Row[] {
  const isKey = ({ name }: Column): boolean => name === 'time' || table.tags.includes(name)
  const rows = new Map<string, Row>()
  while (rows.size < table.rowCount) {
    const row = table.columns.map((column) => cell(random, column))
    const key = row.filter((_, index) => isKey(table.columns[index]!))
    const hasField = row.some((value, index) => value !== null && !isKey(table.columns[index]!))
    if (hasField) rows.set(key.join(), row)
  }
  return [...rows.values()]
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

function sqlOf(value: Value, { name }: Column): string {
  if (value === null) return 'NULL'
  if (name === 'time') return `'epoch'::timestamptz + ${value} * interval '1 microsecond'`
  return typeof value === 'string' ? quoted(value) : String(value)
}

function lineOf(table: Table, row: Row): string {
  const tags: string[] = []
  const fields: string[] = []
  for (const [index, value] of row.entries()) {
    const { name, type } = table.columns[index]!
    if (value === null || name === 'time') continue
    if (table.tags.includes(name)) tags.push(`,${name}=${value}`)
    else if (type === 'text') fields.push(`${name}="${value}"`)
    else fields.push(`${name}=${value}${type === 'int8' ? 'i' : ''}`)
  }
  return `${table.name}${tags.join('')} ${fields.join()} ${(row[0] as bigint) * 1000n}`
}

export interface Setup {
  /** What PostgreSQL runs. Tags may be null, so there is no key. */
  readonly statements: readonly string[]
  /** Line protocol, in three writes whose times are mixed: later ones come late. */
  readonly writes: readonly string[]
}

export function setupOf(random: Random, table: Table): Setup {
  const rows = rowsOf(random, table)
  const list = table.columns.map(({ name, type }) => `${name} ${type}`)
  const values = rows.map(
    (row) => `(${row.map((value, index) => sqlOf(value, table.columns[index]!)).join(', ')})`,
  )
  const third = Math.ceil(rows.length / 3)
  return {
    statements: [
      `CREATE TABLE ${table.name} (${list.join(', ')})`,
      `INSERT INTO ${table.name} VALUES ${values.join(', ')}`,
    ],
    writes: [0, 1, 2].map((part) =>
      rows
        .slice(part * third, (part + 1) * third)
        .map((row) => lineOf(table, row))
        .join('\n'),
    ),
  }
}
