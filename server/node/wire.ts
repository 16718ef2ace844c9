// PostgreSQL's wire beside the HTTP server of a process: the same database, the same tokens.

import type { ServedDatabase } from '../endpoint.ts'
import type { TlsFiles } from '../node.ts'
import { startPostgres } from '../postgres/server.ts'
import { plainScopes } from '../token-row.ts'
import type { TokenStore } from '../token-store.ts'
import { sessionsOf } from '../../sql/database.ts'
import { doorkeeperOf } from './doorkeeper.ts'
import { provideNodeGrammar } from './grammar.ts'

export interface WireOptions {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  readonly tokens: TokenStore
  /** The admin token of the environment. */
  readonly token?: string | undefined
  readonly tls?: TlsFiles
}

export interface RunningWire {
  readonly port: number
  /** `127.0.0.1:5432`. */
  readonly address: string
  /** Every client hears 57P01; resolves when all have gone. */
  close(): Promise<void>
  destroy(): void
  setTls(tls: TlsFiles): void
}

/** Starts to listen. Throws `conflict` when the port is taken, `unavailable` for other reasons. */
export async function startNodeWire(
  db: ServedDatabase,
  { host, port, tokens, token, tls }: WireOptions,
): Promise<RunningWire> {
  provideNodeGrammar()
  const roles = () =>
    tokens.list().map(({ name, scopes }) => {
      const own = Object.values(plainScopes(scopes)).flat()
      return { name, isSuperuser: own.includes('admin'), canWrite: own.includes('write') }
    })
  const wire = await startPostgres({
    host,
    port,
    open: sessionsOf(db, { roles }),
    doorkeeper: await doorkeeperOf(tokens, token),
    ...(tls === undefined ? {} : { tls }),
  })
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return {
    port: wire.port,
    address: `${name}:${wire.port}`,
    close: () => wire.close(),
    destroy: () => wire.destroy(),
    setTls: (files) => wire.setTls(files),
  }
}
