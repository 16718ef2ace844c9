// What a role may do (has_*_privilege), and how much things take on disk (pg_*_size).

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { findObject, readObject, relationName, tableOfOid } from './object-name.ts'
import { databaseOid } from './oid.ts'
import { catalogOf, overloads, rowFunction, type Compute } from './row-function.ts'
import { rolesOf } from './server-rows.ts'
import type { CatalogSnapshot } from './snapshot.ts'

/** Privileges that only roles which write have; others are everybody's. */
const WRITES = new Set([
  'INSERT',
  'UPDATE',
  'DELETE',
  'TRUNCATE',
  'REFERENCES',
  'TRIGGER',
  'CREATE',
])
const PRIVILEGES = new Set([
  ...WRITES,
  'SELECT',
  'USAGE',
  'EXECUTE',
  'CONNECT',
  'TEMP',
  'TEMPORARY',
  'MEMBER',
  'SET',
  'ALTER SYSTEM',
])

/** Whether a role has any of the privileges of a list such as `INSERT, SELECT WITH GRANT OPTION`. */
function isAllowed(snapshot: CatalogSnapshot, role: string, list: string): boolean {
  const found = rolesOf(snapshot).find(({ name }) => name === role)
  if (!found) throw new SqlError('42704', `role "${role}" does not exist`)
  return list.split(',').some((text) => {
    const privilege = text.trim().toUpperCase()
    const bare = privilege.replace(/ WITH (?:GRANT|ADMIN) OPTION$/, '')
    if (!PRIVILEGES.has(bare)) {
      throw new SqlError('22023', `unrecognized privilege type: "${text.trim()}"`)
    }
    if (bare !== privilege) return found.isSuperuser
    return found.isSuperuser || found.canWrite || !WRITES.has(bare)
  })
}

function roleName(snapshot: CatalogSnapshot, role: unknown): string {
  if (typeof role === 'string') return role
  return rolesOf(snapshot).find(({ oid }) => oid === role)?.name ?? String(role)
}

/** Checks an object that a privilege is asked about; false: an unknown oid, which answers null. */
type Exists = (snapshot: CatalogSnapshot, object: unknown) => boolean

const relationExists: Exists = (snapshot, object) =>
  typeof object === 'string'
    ? readObject(snapshot, 'regclass', object) >= 0
    : relationName(snapshot, object as number) !== null

const schemaExists: Exists = (snapshot, object) =>
  typeof object !== 'string' || readObject(snapshot, 'regnamespace', object) >= 0

const databaseExists: Exists = ({ databases }, object) => {
  if (typeof object !== 'string') return databases.some((name) => databaseOid(name) === object)
  if (databases.includes(object)) return true
  throw new SqlError('3D000', `database "${object}" does not exist`)
}

const exists: Exists = () => true

/** `has_x_privilege([role,] object, [column,] privilege)` for names and oids of each. */
function privilegeFunctions(name: string, check: Exists, columns: readonly string[]) {
  const functions: ScalarFunction[] = []
  for (const object of ['text', 'oid']) {
    for (const column of columns) {
      const rest = [object, column, 'text'].filter((type) => type !== '').join(' ')
      for (const role of ['', 'name ', 'oid ']) {
        const hasRole = role !== ''
        functions.push(
          rowFunction(name, `${role}${rest}`, 'bool', (values, surroundings) => {
            const snapshot = catalogOf(surroundings)
            const who = hasRole ? roleName(snapshot, values[0]) : surroundings.user
            if (!check(snapshot, values[hasRole ? 1 : 0])) return null
            return isAllowed(snapshot, who, values.at(-1) as string)
          }),
        )
      }
    }
  }
  return functions
}

const hasRole: Compute = (values, surroundings) => {
  const snapshot = catalogOf(surroundings)
  const who = values.length === 3 ? roleName(snapshot, values[0]) : surroundings.user
  const role = roleName(snapshot, values.at(-2))
  const found = rolesOf(snapshot).find(({ name }) => name === who)
  if (findObject(snapshot, 'regrole', `"${role}"`) === null) {
    throw new SqlError('42704', `role "${role}" does not exist`)
  }
  return who === role || found?.isSuperuser === true
}

/** Bytes of a table (an index takes none of its own), null of what there is not. */
const relationSize: Compute = ([object], surroundings) => {
  const snapshot = catalogOf(surroundings)
  const oid =
    typeof object === 'string' ? readObject(snapshot, 'regclass', object) : (object as number)
  const found = tableOfOid(snapshot, oid)
  if (found) return BigInt(found.isIndex ? 0 : found.table.byteSize)
  return relationName(snapshot, oid) ? 0n : null
}

const indexesSize: Compute = ([oid], surroundings) =>
  relationName(catalogOf(surroundings), oid as number) ? 0n : null

/** Of the session's own database; of others nothing is known here. */
const databaseSize: Compute = ([object], surroundings) => {
  const snapshot = catalogOf(surroundings)
  if (!databaseExists(snapshot, object)) return null
  const isOwn = object === snapshot.database || object === databaseOid(snapshot.database)
  if (!isOwn) return null
  return BigInt(snapshot.tables.reduce((sum, { byteSize }) => sum + byteSize, 0))
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `10 GB`: rounded half up at each unit, which is left at 10,240 of it. Source: dbsize.c. */
export function prettySize(size: bigint): string {
  const sign = size < 0n ? -1n : 1n
  let amount = size * sign
  let unit = 0
  // From kB on the amount is held doubled, so that the last shift rounds.
  while (unit < UNITS.length - 1) {
    const limit = unit === 0 ? 10_240n : 20_479n
    if (amount < limit) break
    amount >>= unit === 0 ? 9n : 10n
    unit++
  }
  if (unit > 0) amount = (amount + 1n) / 2n
  return `${sign * amount} ${UNITS[unit]}`
}

export const accessFunctions: readonly ScalarFunction[] = [
  ...privilegeFunctions('has_table_privilege', relationExists, ['']),
  ...privilegeFunctions('has_any_column_privilege', relationExists, ['']),
  ...privilegeFunctions('has_column_privilege', relationExists, ['text', 'int2']),
  ...privilegeFunctions('has_sequence_privilege', relationExists, ['']),
  ...privilegeFunctions('has_schema_privilege', schemaExists, ['']),
  ...privilegeFunctions('has_database_privilege', databaseExists, ['']),
  ...['function', 'type', 'language', 'tablespace', 'server', 'foreign_data_wrapper'].flatMap(
    (kind) => privilegeFunctions(`has_${kind}_privilege`, exists, ['']),
  ),
  ...overloads(
    'pg_has_role',
    ['name text', 'oid text', 'name name text', 'name oid text', 'oid name text', 'oid oid text'],
    'bool',
    hasRole,
  ),
  ...['pg_total_relation_size', 'pg_table_size', 'pg_relation_size'].map((name) =>
    rowFunction(name, 'regclass', 'int8', relationSize),
  ),
  rowFunction('pg_relation_size', 'regclass text', 'int8', relationSize),
  rowFunction('pg_indexes_size', 'regclass', 'int8', indexesSize),
  ...overloads('pg_database_size', ['name', 'oid'], 'int8', databaseSize),
  ...overloads('pg_tablespace_size', ['name', 'oid'], 'int8', () => 0n),
  rowFunction('pg_size_pretty', 'int8', 'text', ([size]) => prettySize(size as bigint), {
    volatility: 'immutable',
  }),
]
