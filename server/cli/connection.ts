// How a command reaches its data: over HTTP at `--url`, or with `--data` in a directory that it
// opens itself. Both go through the same client and the same app; in the second case nothing is
// between them but a function call.

import { existsSync } from 'node:fs'
import { createClient, type Client } from '../../client/index.ts'
import { reasonOf } from '../../client/transport.ts'
import type { Flag, Given } from './flags.ts'
import { CommandError, UsageError, type Terminal } from './terminal.ts'

export const URL_DEFAULT = 'http://127.0.0.1:8080'

/** Options of every command that reaches for data. */
export const CONNECTION_FLAGS = {
  url: { value: 'URL', help: `server to talk to (OMENDB_URL, default ${URL_DEFAULT})` },
  token: { value: 'TOKEN', help: 'its token (OMENDB_TOKEN)' },
  db: { value: 'NAME', help: 'database (default: default)' },
  data: { value: 'DIR', help: 'open this directory instead; no server may be using it' },
} as const satisfies Record<string, Flag>

export interface Connection {
  readonly client: Client
  /** Sends what the client has no call for; bodies and answers may be streams of any length. */
  readonly request: (path: string, init?: RequestInit) => Promise<Response>
  /** Stores and lets go of the directory; nothing over HTTP. */
  readonly close: () => Promise<void>
}

/** A read of a directory that is not there is refused: it would make an empty one. */
export type Access = 'read' | 'write'

/** Throws UsageError and CommandError, and what opening a directory throws (`locked`, `corrupt`). */
export async function connect(
  flags: Given<typeof CONNECTION_FLAGS>,
  { env }: Terminal,
  access: Access,
): Promise<Connection> {
  if (flags.data !== undefined) {
    if (flags.url !== undefined) throw new UsageError('--url and --data exclude each other')
    return openDirectory(flags.data, flags.db, access)
  }
  const url = flags.url ?? (env['OMENDB_URL'] || URL_DEFAULT)
  const token = flags.token ?? env['OMENDB_TOKEN']
  // A read that nobody answers should say so at once; a write is worth a few more tries.
  const retry = access === 'read' ? false : {}
  try {
    const client = createClient({ url, token, db: flags.db, retry, timeoutMs: 600_000 })
    const base = url.replace(/\/+$/, '')
    const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
      const headers = new Headers(init.headers)
      if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
      try {
        return await fetch(base + path, { ...init, headers })
      } catch (cause) {
        throw new CommandError(`no answer from ${base}: ${reasonOf(cause)}`, { cause })
      }
    }
    return { client, request, close: async () => {} }
  } catch (cause) {
    throw new UsageError(`--url ${url} is not an http address`, { cause })
  }
}

async function openDirectory(
  path: string,
  database: string | undefined,
  access: Access,
): Promise<Connection> {
  if (access === 'read' && !existsSync(path)) throw new CommandError(`${path}: no such directory`)
  // Only here: the other commands should not wait for an engine that they do not use.
  const [{ open }, { createApp }, { nodeSql }] = await Promise.all([
    import('../../engine/node.ts'),
    import('../app.ts'),
    import('../node/sql.ts'),
  ])
  const db = await open(path)
  const app = createApp(db, { trusted: true, sql: nodeSql })
  const client = createClient({
    url: URL_DEFAULT,
    db: database,
    retry: false,
    timeoutMs: 2 ** 31 - 1,
    fetch: async (input, init) => app.request(input as string, init),
  })
  return {
    client,
    request: async (path, init) => app.request(URL_DEFAULT + path, init),
    close: () => db.close(),
  }
}
