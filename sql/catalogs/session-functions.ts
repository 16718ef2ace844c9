// Functions about the session and the server: who, where, which version, what is visible on its path.

import type { ScalarFunction, Surroundings } from '../function.ts'
import { typed } from '../functions/define.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf, typeOfOid } from '../type.ts'
import { arrayOf } from './array.ts'
import { relationName } from './object-name.ts'
import { routinesOf } from './routine.ts'
import { catalogOf, rowFunction, type Compute } from './row-function.ts'
import { rolesOf } from './server-rows.ts'

/** Whether an unqualified name finds it: all but information_schema is on the path. */
const isRelationVisible: Compute = ([oid], surroundings) => {
  const found = relationName(catalogOf(surroundings), oid as number)
  return found && found.schema !== 'information_schema'
}

const VISIBLE_NOTHING = [
  'pg_operator_is_visible',
  'pg_conversion_is_visible',
  'pg_statistics_obj_is_visible',
  'pg_ts_config_is_visible',
  'pg_ts_dict_is_visible',
  'pg_ts_parser_is_visible',
  'pg_ts_template_is_visible',
]

const visible: readonly ScalarFunction[] = [
  rowFunction('pg_table_is_visible', 'oid', 'bool', isRelationVisible),
  rowFunction('pg_type_is_visible', 'oid', 'bool', ([oid]) =>
    typeOfOid(oid as number) ? true : null,
  ),
  rowFunction('pg_function_is_visible', 'oid', 'bool', ([oid], surroundings) =>
    routinesOf(catalogOf(surroundings).functions).has(oid as number) ? true : null,
  ),
  ...['pg_collation_is_visible', 'pg_opclass_is_visible', 'pg_opfamily_is_visible'].map((name) =>
    rowFunction(name, 'oid', 'bool', () => true),
  ),
  ...VISIBLE_NOTHING.map((name) => rowFunction(name, 'oid', 'bool', () => null)),
]

const currentSchemas: Compute = ([withImplicit]) =>
  arrayOf(typeOf('_name'), withImplicit ? ['pg_catalog', 'public'] : ['public'])

const user: Compute = (_, surroundings) => surroundings.user
const database: Compute = (_, surroundings) => surroundings.database

const userOfOid: Compute = ([oid], surroundings) =>
  rolesOf(catalogOf(surroundings)).find((role) => role.oid === oid)?.name ??
  `unknown (OID=${String(oid)})`

function settingOf(name: string, isMissingOk: boolean, value: string | null): string | null {
  if (value !== null || isMissingOk) return value
  throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
}

const ENCODINGS = new Map([
  [0, 'SQL_ASCII'],
  [6, 'UTF8'],
  [8, 'LATIN1'],
])

const session: readonly ScalarFunction[] = [
  ...['current_user', 'session_user', 'user', 'current_role'].map((name) =>
    rowFunction(name, '', 'name', user),
  ),
  ...['current_database', 'current_catalog'].map((name) => rowFunction(name, '', 'name', database)),
  rowFunction('current_schema', '', 'name', () => 'public'),
  rowFunction('current_schemas', 'bool', '_name', currentSchemas),
  rowFunction('version', '', 'text', (_, surroundings) => versionText(surroundings)),
  rowFunction('pg_backend_pid', '', 'int4', (_, surroundings) => catalogOf(surroundings).processId),
  rowFunction('pg_get_userbyid', 'oid', 'name', userOfOid),
  rowFunction('current_setting', 'text', 'text', ([name], surroundings) =>
    settingOf(name as string, false, surroundings.setting((name as string).toLowerCase())),
  ),
  rowFunction('current_setting', 'text bool', 'text', ([name, isMissingOk], surroundings) =>
    settingOf(
      name as string,
      isMissingOk as boolean,
      surroundings.setting((name as string).toLowerCase()),
    ),
  ),
  rowFunction(
    'pg_encoding_to_char',
    'int4',
    'name',
    ([code]) => ENCODINGS.get(code as number) ?? '',
  ),
  rowFunction(
    'pg_client_encoding',
    '',
    'name',
    (_, surroundings) => surroundings.setting('client_encoding') ?? 'UTF8',
  ),
  rowFunction(
    'pg_char_to_encoding',
    'name',
    'int4',
    ([name]) =>
      [...ENCODINGS].find((each) => each[1] === (name as string).toUpperCase())?.[0] ?? -1,
  ),
  typed('pg_typeof', 'any', 'regtype', (_, call) => call.arguments[0]!.oid, { isStrict: false }),
  rowFunction('getdatabaseencoding', '', 'name', () => 'UTF8'),
]

/** What drivers read the version from: PostgreSQL's number first, then who it really is. */
export function versionText(surroundings: Surroundings): string {
  const version = surroundings.setting('server_version') ?? '15.0'
  return `PostgreSQL ${/^[\d.]+/.exec(version)?.[0] ?? version} (OmenDB)`
}

const no: Compute = () => false
const nothing: Compute = () => null

/** A number that grows: statements have one each, as transactions are one statement long. */
let transactionId = 3n

const server: readonly ScalarFunction[] = [
  rowFunction('pg_is_in_recovery', '', 'bool', no),
  rowFunction('pg_is_wal_replay_paused', '', 'bool', no),
  rowFunction('pg_is_other_temp_schema', 'oid', 'bool', no),
  rowFunction('pg_my_temp_schema', '', 'oid', () => 0),
  rowFunction('pg_relation_is_publishable', 'regclass', 'bool', no),
  rowFunction('row_security_active', 'oid', 'bool', no),
  rowFunction('pg_tablespace_location', 'oid', 'text', () => ''),
  rowFunction(
    'pg_postmaster_start_time',
    '',
    'timestamptz',
    (_, surroundings) => catalogOf(surroundings).startedAt,
  ),
  rowFunction(
    'pg_conf_load_time',
    '',
    'timestamptz',
    (_, surroundings) => catalogOf(surroundings).startedAt,
  ),
  ...['inet_server_addr', 'inet_client_addr'].map((name) => rowFunction(name, '', 'inet', nothing)),
  ...['inet_server_port', 'inet_client_port'].map((name) => rowFunction(name, '', 'int4', nothing)),
  rowFunction('txid_current', '', 'int8', () => ++transactionId, { volatility: 'volatile' }),
  rowFunction('pg_current_xact_id', '', 'xid8', () => ++transactionId, { volatility: 'volatile' }),
  rowFunction('txid_current_if_assigned', '', 'int8', nothing),
  rowFunction('pg_current_xact_id_if_assigned', '', 'xid8', nothing),
  rowFunction('age', 'xid', 'int4', () => 0),
  rowFunction('mxid_age', 'xid', 'int4', () => 0),
  rowFunction('pg_relation_filenode', 'regclass', 'oid', ([oid]) => oid),
  rowFunction('pg_stat_get_numscans', 'oid', 'int8', () => 0n),
]

export const sessionFunctions: readonly ScalarFunction[] = [...visible, ...session, ...server]
