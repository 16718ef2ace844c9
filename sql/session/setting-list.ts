// Run-time parameters: PostgreSQL's names, first values and what they take. Most exist because clients
// set them; those that change what a statement does here are read by the session.
// Source: PostgreSQL 15, its manual's chapter 20, and src/backend/utils/misc/guc.c.

import type { CatalogSetting } from '../catalogs/snapshot.ts'
import { SqlError } from '../sql-error.ts'
import { findZone } from '../zone.ts'

export interface SettingDefinition extends Omit<CatalogSetting, 'value' | 'name'> {
  /** As PostgreSQL writes it: `TimeZone`. */
  readonly name: string
  /** Clients are told when it changes. */
  readonly isReported: boolean
  /** The value as it is kept; throws 22023. */
  readonly accept: (value: string) => string
}

type Kind = Pick<SettingDefinition, 'type' | 'accept'> & { readonly unit?: string }

const invalid = (name: string, value: string, hint?: string): SqlError =>
  new SqlError('22023', `invalid value for parameter "${name}": "${value}"`, { hint })

const text = (): Kind => ({ type: 'string', accept: (value) => value })

function flag(name: string): Kind {
  const accept = (value: string): string => {
    const word = value.trim().toLowerCase()
    if (['on', 'true', 'yes', '1', 't', 'y'].includes(word)) return 'on'
    if (['off', 'false', 'no', '0', 'f', 'n'].includes(word)) return 'off'
    throw new SqlError('22023', `parameter "${name}" requires a Boolean value`)
  }
  return { type: 'bool', accept }
}

function oneOf(name: string, ...values: readonly string[]): Kind {
  const accept = (value: string): string => {
    const word = value.trim().toLowerCase()
    const found = values.find((one) => one.toLowerCase() === word)
    if (found !== undefined) return found
    throw invalid(name, value, `Available values: ${values.join(', ')}.`)
  }
  return { type: 'enum', accept }
}

function integer(name: string, least: number, most: number): Kind {
  const accept = (value: string): string => {
    const number = Number(value)
    if (value.trim() === '' || !Number.isInteger(number)) throw invalid(name, value)
    if (number >= least && number <= most) return String(number)
    const message = `${number} is outside the valid range for parameter "${name}" (${least} .. ${most})`
    throw new SqlError('22023', message)
  }
  return { type: 'integer', accept }
}

const MILLISECONDS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

/** Milliseconds of a kept value. */
export function readDuration(name: string, value: string): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(value) ?? []
  const factor = unit === '' ? 1 : MILLISECONDS.find(([one]) => one === unit)?.[1]
  const duration = Math.round(Number(number) * (factor ?? NaN))
  if (duration >= 0 && duration < 2 ** 31) return duration
  throw invalid(
    name,
    value,
    'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
  )
}

/** Kept in the largest unit that is exact, as SHOW prints it. */
function duration(name: string): Kind {
  const accept = (value: string): string => {
    const given = readDuration(name, value)
    if (given === 0) return '0'
    const [unit, factor] = MILLISECONDS.find(([, one]) => given % one === 0)!
    return `${given / factor}${unit}`
  }
  return { type: 'integer', accept, unit: 'ms' }
}

function timeZone(name: string): Kind {
  const accept = (value: string): string => {
    const zone = findZone(value)
    if (zone === null) throw invalid(name, value)
    return zone.name === '' ? value.trim() : zone.name
  }
  return { type: 'string', accept }
}

const UTF8_NAMES = ['utf8', 'unicode']

function encoding(name: string): Kind {
  const accept = (value: string): string => {
    // As PostgreSQL looks names up: asyncpg sends `'utf-8'`, with its quotes.
    if (UTF8_NAMES.includes(value.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))) return 'UTF8'
    throw invalid(name, value, 'Texts are UTF8.')
  }
  return { type: 'string', accept }
}

/** Dates are printed as ISO 8601 has them; the order is that of ambiguous input, which is not read. */
function dateStyle(name: string): Kind {
  const accept = (value: string): string => {
    const words = value.toUpperCase().split(/\s*,\s*/)
    const order = words.find((word) => /^(MDY|DMY|YMD)$/.test(word)) ?? 'MDY'
    const isKnown = words.every((word) => /^(ISO|MDY|DMY|YMD|DEFAULT)$/.test(word.trim()))
    if (!isKnown) throw invalid(name, value, 'Dates are printed as ISO 8601 has them.')
    return `ISO, ${order}`
  }
  return { type: 'string', accept }
}

/** The only value that there is. */
function always(value: string): (name: string) => Kind {
  return (name) => oneOf(name, value)
}

interface More {
  readonly category?: string
  readonly isReported?: boolean
  readonly context?: CatalogSetting['context']
}

function define(
  name: string,
  initial: string,
  kind: (name: string) => Kind,
  description: string,
  { category = 'Client Connection Defaults', isReported = false, context = 'user' }: More = {},
): SettingDefinition {
  const { type, accept, unit = null } = kind(name)
  return { name, initial, description, category, type, unit, isReported, context, accept }
}

const TOLD = { isReported: true }
const FIXED = { category: 'Preset Options', context: 'internal' } as const
const ISOLATION = ['serializable', 'repeatable read', 'read committed', 'read uncommitted']
const isolation = (name: string): Kind => oneOf(name, ...ISOLATION)
const PLANNER = { category: 'Query Tuning' }

/** Knobs of PostgreSQL's planner, which clients turn and nothing here reads. */
const planner = [
  ...['hashagg', 'hashjoin', 'indexonlyscan', 'indexscan', 'bitmapscan', 'material', 'memoize'],
  ...['mergejoin', 'nestloop', 'seqscan', 'sort', 'tidscan', 'incremental_sort'],
].map((name) => define(`enable_${name}`, 'on', flag, 'Has no effect.', PLANNER))

export const SETTINGS: readonly SettingDefinition[] = [
  define('application_name', '', text, 'The name that the client gives itself.', TOLD),
  define('bytea_output', 'hex', always('hex'), 'The output format for bytea.'),
  define('check_function_bodies', 'on', flag, 'Has no effect.'),
  define('client_encoding', 'UTF8', encoding, 'The encoding of the client.', TOLD),
  define(
    'client_min_messages',
    'notice',
    (name) => oneOf(name, 'debug5', 'debug1', 'log', 'notice', 'warning', 'error', 'debug'),
    'Has no effect: there are no notices.',
  ),
  define('DateStyle', 'ISO, MDY', dateStyle, 'How dates are printed.', TOLD),
  define('default_table_access_method', 'heap', always('heap'), 'Has no effect.'),
  define('default_tablespace', '', text, 'Has no effect.'),
  define('default_transaction_deferrable', 'off', flag, 'Has no effect.'),
  define(
    'default_transaction_isolation',
    'read committed',
    isolation,
    'The isolation of new transactions; each statement reads one state, whatever it is.',
  ),
  define(
    'default_transaction_read_only',
    'off',
    flag,
    'Whether new transactions refuse to write.',
    TOLD,
  ),
  define(
    'extra_float_digits',
    '1',
    (name) => integer(name, -15, 3),
    'Has no effect: floats are exact.',
  ),
  define('idle_in_transaction_session_timeout', '0', duration, 'Has no effect.'),
  define('in_hot_standby', 'off', flag, 'Whether this is a standby.', { ...FIXED, ...TOLD }),
  define('integer_datetimes', 'on', flag, 'Times are integers.', { ...FIXED, ...TOLD }),
  define('IntervalStyle', 'postgres', always('postgres'), 'How intervals are printed.', TOLD),
  define('is_superuser', 'off', flag, 'Whether the role may do everything.', { ...FIXED, ...TOLD }),
  define('jit', 'off', flag, 'Has no effect.', PLANNER),
  ...['lc_collate', 'lc_ctype'].map((name) => define(name, 'C', text, 'The locale.', FIXED)),
  ...['lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time'].map((name) =>
    define(name, 'C', text, 'Has no effect.'),
  ),
  define('lock_timeout', '0', duration, 'Has no effect: nothing is locked.'),
  define('max_connections', '100', (name) => integer(name, 1, 1e6), 'The most connections.', {
    category: 'Connections and Authentication',
    context: 'postmaster',
  }),
  define('max_identifier_length', '63', (name) => integer(name, 63, 63), 'Bytes of a name.', FIXED),
  define(
    'max_index_keys',
    '32',
    (name) => integer(name, 32, 32),
    'The most keys of an index.',
    FIXED,
  ),
  define(
    'password_encryption',
    'scram-sha-256',
    always('scram-sha-256'),
    'How verifiers of passwords are made.',
  ),
  define('role', 'none', text, 'Has no effect.'),
  define('row_security', 'on', flag, 'Has no effect.'),
  define('search_path', '"$user", public', text, 'Tables are in public, whatever it is.'),
  define('server_encoding', 'UTF8', encoding, 'The encoding of the server.', { ...FIXED, ...TOLD }),
  define('server_version', '15.0 (OmenDB)', text, 'The version that is spoken.', {
    ...FIXED,
    ...TOLD,
  }),
  define('server_version_num', '150000', text, 'The version as a number.', FIXED),
  define('session_authorization', '', text, 'Who is connected.', { ...FIXED, ...TOLD }),
  define('ssl', 'off', flag, 'Whether there is TLS.', FIXED),
  define(
    'standard_conforming_strings',
    'on',
    always('on'),
    'Backslashes in strings are backslashes.',
    TOLD,
  ),
  define(
    'statement_timeout',
    '0',
    duration,
    'How long a statement may run; 0: as long as it takes.',
  ),
  define(
    'synchronous_commit',
    'on',
    (name) => oneOf(name, 'on', 'off', 'local', 'remote_write', 'remote_apply'),
    'Has no effect: what is acknowledged is durable.',
  ),
  define('TimeZone', 'UTC', timeZone, 'The zone that times are printed and read in.', TOLD),
  define('transaction_deferrable', 'off', flag, 'Has no effect.'),
  define(
    'transaction_isolation',
    'read committed',
    isolation,
    'The isolation of this transaction.',
  ),
  define('transaction_read_only', 'off', flag, 'Whether this transaction refuses to write.'),
  define('wal_level', 'replica', text, 'Has no effect.', FIXED),
  define('work_mem', '4MB', text, 'Has no effect.'),
  define('xmloption', 'content', text, 'Has no effect.'),
  ...planner,
]
