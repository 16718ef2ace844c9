// Oids of what has none of its own: a hash of its kind and name, so that a table keeps its oid over
// restarts and has the same one on every shard. Those that PostgreSQL gives its own things are below
// 16,384 and never made here.

const FIRST = 16_384
/** Oids stay below 2^31, as some clients read them as signed. */
const SPAN = 2 ** 31 - FIRST
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** 32-bit FNV-1a of UTF-16 units, then MurmurHash3's last mixing, as FNV leaves high bits alike. */
function hash(text: string): number {
  let state = FNV_OFFSET
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), FNV_PRIME)
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 0
}

const oidOf = (kind: string, name: string): number => FIRST + (hash(`${kind}/${name}`) % SPAN)

/** Oid of a table in schema `public`; unique in its database but for one pair in 2^31. */
export const tableOid = (name: string): number => oidOf('table', name)

/** Oid of the index of a table's primary key. */
export const indexOid = (table: string): number => oidOf('index', table)

/** Oid of the constraint of a table's primary key. */
export const constraintOid = (table: string): number => oidOf('constraint', table)

/** Oid of a database. */
export const databaseOid = (name: string): number => oidOf('database', name)

/** Oid of a function that PostgreSQL has under no oid we know: of its name and argument types. */
export const functionOid = (signature: string): number => oidOf('function', signature)

/** The bootstrap superuser's oid in PostgreSQL: who owns everything. */
export const OWNER_OID = 10

/** Oid of a role. */
export const roleOid = (name: string): number => oidOf('role', name)
