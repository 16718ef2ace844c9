// The data types of SQL: PostgreSQL's names, oids and wire sizes, and how values of each lie in memory.
// Source: PostgreSQL 15, src/include/catalog/pg_type.dat (oids, sizes, categories).

/**
 * How values of a type lie in a vector:
 * `boolean` Uint8Array of 0 and 1; `number` Float64Array (floats, and integers up to 32 bits);
 * `bigint` BigInt64Array (int8, and times as nanoseconds since 1970); `text` string[];
 * `object` unknown[] of the immutable classes of value.ts (numeric, interval, arrays, bytea).
 */
export type Layout = 'boolean' | 'number' | 'bigint' | 'text' | 'object'

/** PostgreSQL's `typcategory`: what implicit casts and overloads go by. */
export type Category = 'A' | 'B' | 'D' | 'I' | 'N' | 'P' | 'S' | 'T' | 'U' | 'X' | 'Z'

export interface DataType {
  /** PostgreSQL's `typname`: `float8`, `_text`. */
  readonly name: string
  /** As psql shows it: `double precision`, `text[]`. */
  readonly title: string
  readonly oid: number
  /** Bytes on the wire in binary, -1 = any. */
  readonly size: number
  readonly category: Category
  readonly isPreferred: boolean
  readonly layout: Layout
  /** Type of the elements (also of int2vector, oidvector); null: not an array. */
  readonly element: DataType | null
  /** Oid of the array of this type, 0 = there is none. */
  readonly arrayOid: number
  /** Of a record whose columns are known: what they are. */
  readonly fields?: readonly { readonly name: string; readonly type: DataType }[]
}

const types = new Map<string, DataType>()
const byOid = new Map<number, DataType>()

interface Row {
  readonly name: string
  readonly title?: string
  readonly oid: number
  readonly arrayOid: number
  readonly size: number
  readonly category: Category
  readonly isPreferred?: true
  readonly layout: Layout
  /** `typname` of what it is a vector of; it stands above. */
  readonly elementName?: string
}

const ROWS: readonly Row[] = [
  {
    name: 'bool',
    title: 'boolean',
    oid: 16,
    arrayOid: 1000,
    size: 1,
    category: 'B',
    isPreferred: true,
    layout: 'boolean',
  },
  { name: 'bytea', oid: 17, arrayOid: 1001, size: -1, category: 'U', layout: 'object' },
  {
    name: 'char',
    title: '"char"',
    oid: 18,
    arrayOid: 1002,
    size: 1,
    category: 'Z',
    layout: 'text',
  },
  { name: 'name', oid: 19, arrayOid: 1003, size: 64, category: 'S', layout: 'text' },
  {
    name: 'int8',
    title: 'bigint',
    oid: 20,
    arrayOid: 1016,
    size: 8,
    category: 'N',
    layout: 'bigint',
  },
  {
    name: 'int2',
    title: 'smallint',
    oid: 21,
    arrayOid: 1005,
    size: 2,
    category: 'N',
    layout: 'number',
  },
  {
    name: 'int2vector',
    oid: 22,
    arrayOid: 1006,
    size: -1,
    category: 'A',
    layout: 'object',
    elementName: 'int2',
  },
  {
    name: 'int4',
    title: 'integer',
    oid: 23,
    arrayOid: 1007,
    size: 4,
    category: 'N',
    layout: 'number',
  },
  { name: 'regproc', oid: 24, arrayOid: 1008, size: 4, category: 'N', layout: 'number' },
  {
    name: 'text',
    oid: 25,
    arrayOid: 1009,
    size: -1,
    category: 'S',
    isPreferred: true,
    layout: 'text',
  },
  {
    name: 'oid',
    oid: 26,
    arrayOid: 1028,
    size: 4,
    category: 'N',
    isPreferred: true,
    layout: 'number',
  },
  { name: 'tid', oid: 27, arrayOid: 1010, size: 6, category: 'U', layout: 'text' },
  { name: 'xid', oid: 28, arrayOid: 1011, size: 4, category: 'U', layout: 'number' },
  { name: 'cid', oid: 29, arrayOid: 1012, size: 4, category: 'U', layout: 'number' },
  {
    name: 'oidvector',
    oid: 30,
    arrayOid: 1013,
    size: -1,
    category: 'A',
    layout: 'object',
    elementName: 'oid',
  },
  { name: 'json', oid: 114, arrayOid: 199, size: -1, category: 'U', layout: 'text' },
  { name: 'pg_node_tree', oid: 194, arrayOid: 0, size: -1, category: 'Z', layout: 'text' },
  {
    name: 'float4',
    title: 'real',
    oid: 700,
    arrayOid: 1021,
    size: 4,
    category: 'N',
    layout: 'number',
  },
  {
    name: 'float8',
    title: 'double precision',
    oid: 701,
    arrayOid: 1022,
    size: 8,
    category: 'N',
    isPreferred: true,
    layout: 'number',
  },
  { name: 'unknown', oid: 705, arrayOid: 0, size: -2, category: 'X', layout: 'text' },
  {
    name: 'inet',
    oid: 869,
    arrayOid: 1041,
    size: -1,
    category: 'I',
    isPreferred: true,
    layout: 'text',
  },
  { name: 'aclitem', oid: 1033, arrayOid: 1034, size: 12, category: 'U', layout: 'text' },
  {
    name: 'bpchar',
    title: 'character',
    oid: 1042,
    arrayOid: 1014,
    size: -1,
    category: 'S',
    layout: 'text',
  },
  {
    name: 'varchar',
    title: 'character varying',
    oid: 1043,
    arrayOid: 1015,
    size: -1,
    category: 'S',
    layout: 'text',
  },
  { name: 'date', oid: 1082, arrayOid: 1182, size: 4, category: 'D', layout: 'number' },
  {
    name: 'time',
    title: 'time without time zone',
    oid: 1083,
    arrayOid: 1183,
    size: 8,
    category: 'D',
    layout: 'bigint',
  },
  {
    name: 'timestamp',
    title: 'timestamp without time zone',
    oid: 1114,
    arrayOid: 1115,
    size: 8,
    category: 'D',
    layout: 'bigint',
  },
  {
    name: 'timestamptz',
    title: 'timestamp with time zone',
    oid: 1184,
    arrayOid: 1185,
    size: 8,
    category: 'D',
    isPreferred: true,
    layout: 'bigint',
  },
  {
    name: 'interval',
    oid: 1186,
    arrayOid: 1187,
    size: 16,
    category: 'T',
    isPreferred: true,
    layout: 'object',
  },
  { name: 'numeric', oid: 1700, arrayOid: 1231, size: -1, category: 'N', layout: 'object' },
  { name: 'regprocedure', oid: 2202, arrayOid: 2207, size: 4, category: 'N', layout: 'number' },
  { name: 'regoper', oid: 2203, arrayOid: 2208, size: 4, category: 'N', layout: 'number' },
  { name: 'regoperator', oid: 2204, arrayOid: 2209, size: 4, category: 'N', layout: 'number' },
  { name: 'regclass', oid: 2205, arrayOid: 2210, size: 4, category: 'N', layout: 'number' },
  { name: 'regtype', oid: 2206, arrayOid: 2211, size: 4, category: 'N', layout: 'number' },
  { name: 'record', oid: 2249, arrayOid: 2287, size: -1, category: 'P', layout: 'object' },
  { name: 'any', title: '"any"', oid: 2276, arrayOid: 0, size: 4, category: 'P', layout: 'object' },
  { name: 'anyarray', oid: 2277, arrayOid: 0, size: -1, category: 'P', layout: 'text' },
  { name: 'anyelement', oid: 2283, arrayOid: 0, size: 4, category: 'P', layout: 'object' },
  { name: 'anynonarray', oid: 2776, arrayOid: 0, size: 4, category: 'P', layout: 'object' },
  { name: 'anycompatible', oid: 5077, arrayOid: 0, size: 4, category: 'P', layout: 'object' },
  { name: 'anycompatiblearray', oid: 5078, arrayOid: 0, size: -1, category: 'P', layout: 'object' },
  { name: 'void', oid: 2278, arrayOid: 0, size: 4, category: 'P', layout: 'text' },
  { name: 'trigger', oid: 2279, arrayOid: 0, size: 4, category: 'P', layout: 'text' },
  { name: 'uuid', oid: 2950, arrayOid: 2951, size: 16, category: 'U', layout: 'text' },
  { name: 'pg_lsn', oid: 3220, arrayOid: 3221, size: 8, category: 'U', layout: 'text' },
  { name: 'pg_ndistinct', oid: 3361, arrayOid: 0, size: -1, category: 'Z', layout: 'text' },
  { name: 'pg_dependencies', oid: 3402, arrayOid: 0, size: -1, category: 'Z', layout: 'text' },
  { name: 'jsonb', oid: 3802, arrayOid: 3807, size: -1, category: 'U', layout: 'text' },
  { name: 'regnamespace', oid: 4089, arrayOid: 4090, size: 4, category: 'N', layout: 'number' },
  { name: 'regrole', oid: 4096, arrayOid: 4097, size: 4, category: 'N', layout: 'number' },
  { name: 'regcollation', oid: 4191, arrayOid: 4192, size: 4, category: 'N', layout: 'number' },
  { name: 'pg_mcv_list', oid: 5017, arrayOid: 0, size: -1, category: 'Z', layout: 'text' },
  { name: 'xid8', oid: 5069, arrayOid: 271, size: 8, category: 'U', layout: 'bigint' },
]

function enter(type: DataType): void {
  types.set(type.name, type)
  byOid.set(type.oid, type)
}

for (const { title, isPreferred = false, elementName, ...row } of ROWS) {
  const element = types.get(elementName ?? '') ?? null
  const type: DataType = { ...row, title: title ?? row.name, isPreferred, element }
  enter(type)
  if (row.arrayOid === 0) continue
  enter({
    name: `_${row.name}`,
    title: `${type.title}[]`,
    oid: row.arrayOid,
    size: -1,
    category: row.name === 'record' ? 'P' : 'A',
    isPreferred: false,
    layout: 'object',
    element: type,
    arrayOid: 0,
  })
}

/** The type of a `typname` that is known to exist; `_text` is the array of `text`. */
export function typeOf(name: string): DataType {
  return types.get(name)!
}

/** The type of a `typname`, or null. */
export function findType(name: string): DataType | null {
  return types.get(name) ?? null
}

/** Types of arrays of records with known columns. */
const recordArrays = new WeakMap<DataType, DataType>()

/** The type of arrays of a type; null: there is none. Of a record's, it knows the record's columns. */
export function arrayTypeOf(element: DataType): DataType | null {
  if (element.arrayOid === 0) return null
  const plain = typeOf(`_${element.name}`)
  if (element.fields === undefined) return plain
  const known = recordArrays.get(element) ?? { ...plain, element }
  recordArrays.set(element, known)
  return known
}

/** The type of an oid, or null. */
export function typeOfOid(oid: number): DataType | null {
  return byOid.get(oid) ?? null
}

/** All types, arrays included, for `pg_type`. */
export function allTypes(): readonly DataType[] {
  return [...types.values()]
}
