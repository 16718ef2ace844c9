// The calls that a page or Worker seldom makes: about databases, tokens, backups, and what a table is made
// of; and SQL. They are loaded by the first of them (deferred.ts), so that reading and writing stay small.
// Nothing of the first load is imported here: what both need is given, and bundlers make one chunk of this.

import type { dateless, decodeTime } from './answer.ts'
import type { Client } from './client.ts'
import type { SERVER_CALLS, TABLE_CALLS } from './deferred.ts'
import { sqlCall } from './sql.ts'
import type { TableDescription, TimeFormat } from './shapes.ts'
import type { DescribeOptions, Table } from './table.ts'
import type { CallOptions, Method, Outgoing, Send } from './transport.ts'
import type { AnyTable } from './typed.ts'

/** What these calls share with those that are always there. */
export interface Core {
  readonly send: Send
  readonly dateless: typeof dateless
  readonly decodeTime: typeof decodeTime
}

/** Calls about the server as a whole. */
export function serverCalls(core: Core): Pick<Client, (typeof SERVER_CALLS)[number]> {
  const { send } = core
  const list =
    (name: string) =>
    async (call?: CallOptions): Promise<never> =>
      (await send('GET', `/v1/${name}`, call))[name]
  const one =
    (method: Method, path: string) =>
    (name: string, call?: CallOptions): Promise<never> =>
      send(method, `/v1/${path}/${encodeURIComponent(name)}`, call)
  const databases = list('databases')
  return {
    sql: sqlCall(core),
    tables: list('tables'),
    databases: async (call) => ((await databases(call)) as Named[]).map(({ name }) => name),
    createDatabase: one('PUT', 'databases'),
    dropDatabase: one('DELETE', 'databases'),
    tokens: list('tokens'),
    createToken: (body, call) => send('POST', '/v1/tokens', { ...call, retry: false, body }),
    token: one('GET', 'tokens'),
    revokeToken: one('DELETE', 'tokens'),
    async backup({ since, ...call } = {}) {
      const outgoing = { ...call, parameters: { since }, isStream: true }
      const { headers, body }: Response = await send('GET', '/v1/backup', outgoing)
      return { id: headers.get('OmenDB-Backup-Id')!, body: body! }
    },
    restore(body, call) {
      const headers = { 'Content-Type': 'application/x-tar' }
      return send('POST', '/v1/restore', { ...call, retry: false, headers, body })
    },
    health: (call) => send('GET', '/health', { ...call, anyStatus: true }),
    ready: (call) => send('GET', '/ready', { ...call, anyStatus: true, read: ({ ok }) => ok }),
    metrics: (call) => send('GET', '/metrics', { ...call, read: (response) => response.text() }),
  }
}

/** Calls about what a table is, not about its points. */
export function tableCalls(
  { send, dateless, decodeTime }: Core,
  name: string,
): Pick<Table<AnyTable>, (typeof TABLE_CALLS)[number]> {
  const path = `/v1/tables/${encodeURIComponent(name)}`
  const described = async (
    method: Method,
    { time, ...options }: DescribeOptions<TimeFormat> & Outgoing,
  ): Promise<never> => {
    const parameters = dateless({ time })
    const found: TableDescription = await send(method, path, { ...options, parameters })
    found.firstTime = decodeTime(found.firstTime, time)
    found.lastTime = decodeTime(found.lastTime, time)
    return found as never
  }
  return {
    describe: (options = {}) => described('GET', options),
    set: (body = {}, options = {}) => described('PUT', { ...options, body }),
    stats: (options) => send('GET', `${path}/stats`, options),
    series: (parameters, options) => send('GET', `${path}/series`, { ...options, parameters }),
    tags: async (options) => (await send('GET', `${path}/tags`, options))['tags'],
    tagValues: (key, parameters, options) =>
      send('GET', `${path}/tags/${encodeURIComponent(key)}/values`, { ...options, parameters }),
    deleteRows: (parameters, options) => send('DELETE', `${path}/rows`, { ...options, parameters }),
    dropColumn: (column, options) =>
      send('DELETE', `${path}/columns/${encodeURIComponent(column)}`, options),
    drop: (options) => send('DELETE', path, options),
  }
}

interface Named {
  name: string
}
