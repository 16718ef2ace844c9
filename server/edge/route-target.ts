// Which object a request is for, by its method and URL alone: the routes of the API with the rule of
// each, in the few words that the router needs. It has no schemas, so that a new isolate forwards its
// first request without evaluating any; whatever it does not know, or finds odd, goes to the Worker's own
// app, which says what is wrong with it in the words and the shape of that route. A test holds the list
// against the API document.

import type { AccessRule } from '../grant.ts'
import { neonDatabase } from '../neon.ts'
import { readParameters } from '../parameters.ts'
import type { Credentials } from '../tokens.ts'

/** What a route does with the database that it names. */
export interface ShardRoute {
  readonly kind: 'shard'
  readonly rule: Extract<AccessRule, 'read' | 'write' | 'admin'>
  readonly credentials: Credentials
  /** Makes the database if it is missing. */
  readonly creates: boolean
}

/** About all databases, or the whole of one. */
export type Route =
  | ShardRoute
  /** A whole shard comes or goes. */
  | { readonly kind: 'archive'; readonly rule: 'server'; readonly credentials: Credentials }
  | { readonly kind: 'catalog'; readonly rule: AccessRule; readonly credentials: Credentials }

type Methods = Readonly<Record<string, Route>>

const shard = (
  rule: ShardRoute['rule'],
  creates = false,
  credentials: Credentials = 'bearer',
): Route => ({ kind: 'shard', rule, credentials, creates })
const catalog = (rule: AccessRule): Route => ({ kind: 'catalog', rule, credentials: 'bearer' })

const WRITE: Methods = { POST: shard('write', true) }
const PEER_WRITE: Methods = { POST: shard('write', true, 'influx1') }
const READ: Methods = { GET: shard('read') }
const ASK: Methods = { GET: shard('read'), POST: shard('read') }
const REMOVE: Methods = { DELETE: shard('admin') }
const ARCHIVE: Route = { kind: 'archive', rule: 'server', credentials: 'bearer' }

/** By path, as the API document writes it. */
export const ROUTES: Readonly<Record<string, Methods>> = {
  '/v1/write': WRITE,
  '/v1/points': WRITE,
  '/v1/import': WRITE,
  '/v1/metrics': WRITE,
  '/write': PEER_WRITE,
  '/api/v2/write': PEER_WRITE,
  '/api/v3/write_lp': PEER_WRITE,
  '/api/v1/write': PEER_WRITE,
  '/v1/query': ASK,
  '/v1/export': ASK,
  '/v1/latest': READ,
  '/v1/tail': READ,
  '/v1/sql': ASK,
  '/query': { POST: shard('read') },
  '/sql': { POST: shard('read', false, 'neon') },
  '/v1/tables': READ,
  '/v1/tables/{table}': {
    GET: shard('read'),
    PUT: shard('admin', true),
    DELETE: shard('admin'),
  },
  '/v1/tables/{table}/columns/{column}': REMOVE,
  '/v1/tables/{table}/rows': REMOVE,
  '/v1/tables/{table}/series': READ,
  '/v1/tables/{table}/tags': READ,
  '/v1/tables/{table}/tags/{key}/values': READ,
  '/v1/tables/{table}/stats': READ,
  '/v1/backup': { GET: ARCHIVE },
  '/v1/restore': { POST: ARCHIVE },
  '/v1/databases': { GET: catalog('listing') },
  '/v1/databases/{db}': { PUT: catalog('admin'), DELETE: catalog('admin') },
  '/v1/tokens': { GET: catalog('server'), POST: catalog('server') },
  '/v1/tokens/{id}': { GET: catalog('server'), DELETE: catalog('server') },
  '/metrics': { GET: catalog('reader') },
}

const fixed = new Map(Object.entries(ROUTES).filter(([path]) => !path.includes('{')))
const patterns = Object.entries(ROUTES)
  .filter(([path]) => path.includes('{'))
  .map(([path, methods]) => {
    const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
    return { pattern, methods }
  })

/** The route of a request, null for those that the Worker answers itself. */
export function routeOf(method: string, path: string): Route | null {
  const decoded = decodePath(path)
  const methods =
    fixed.get(decoded) ?? patterns.find(({ pattern }) => pattern.test(decoded))?.methods
  const name = method === 'HEAD' ? 'GET' : method
  return methods !== undefined && Object.hasOwn(methods, name) ? methods[name]! : null
}

/** As the app's router reads it: escapes of other characters than `/` and its like are undone. */
function decodePath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

const DATABASE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/

/**
 * The database of a request of a shard's route: `db`, on InfluxDB 2's route `bucket` without its
 * retention policy, on `/sql` that of the connection string; null for a name, or for parameters, that the route refuses.
 */
export function databaseOf(
  path: string,
  search: string,
  connection: string | null = null,
): string | null {
  let parameters: Record<string, string>
  try {
    parameters = readParameters(search)
  } catch {
    return null
  }
  const { db, bucket } = parameters
  const named = path === '/sql' ? neonDatabase(connection ?? undefined) : null
  const isPeer = path === '/write' || path.startsWith('/api/v')
  const given = path === '/api/v2/write' ? (db ?? bucket?.split('/')[0]) : db
  // InfluxDB's routes take an empty name for none.
  const own = isPeer && path !== '/api/v1/write' ? given || undefined : given
  const name = named ?? own ?? 'default'
  return DATABASE_NAME.test(name) && !name.startsWith('_omendb') ? name : null
}
