// Listens for clients of PostgreSQL: connections up to a limit, cancellations that find theirs by a
// secret, and an end that every client hears of.

import { randomInt, timingSafeEqual } from 'node:crypto'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { OmenError } from '../../engine/error.ts'
import type { OpenSession } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { Connection, type Doorkeeper } from './connection.ts'
import { CONNECTIONS_MAX, KEEP_ALIVE_MS, REFUSED_MAX } from './limits.ts'

export interface PostgresOptions {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  readonly open: OpenSession
  /** Null: nobody is asked for a token. Asked anew for every connection. */
  readonly doorkeeper: () => Doorkeeper | null
  /** PEM; without, clients that ask for TLS hear that there is none. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly connectionsMax?: number
  /** Hears of every error that a client is sent. */
  readonly onError?: (error: SqlError) => void
}

export interface PostgresServer {
  readonly port: number
  /** What has happened since the start, for metrics. */
  readonly counts: {
    readonly connections: number
    readonly statements: number
    readonly errors: number
  }
  /** Every client hears 57P01; resolves when all have gone. */
  close(): Promise<void>
  /** Drops every connection at once. */
  destroy(): void
  /** Connections from now on get another certificate. */
  setTls(tls: { readonly cert: string; readonly key: string }): void
}

class Listener {
  readonly connections = new Map<number, Connection>()
  /** Those that are not quite over. */
  readonly runs = new Set<Promise<void>>()
  readonly server: Server
  context: SecureContext | null
  statements = 0
  errors = 0
  private readonly options: PostgresOptions

  constructor(options: PostgresOptions) {
    this.options = options
    const { tls } = options
    this.context = tls === undefined ? null : createSecureContext({ ...tls, minVersion: 'TLSv1.2' })
    const settings = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, noDelay: true }
    this.server = createServer(settings, (socket) => {
      const run = this.accept(socket)
      this.runs.add(run)
      void run.finally(() => this.runs.delete(run))
    })
  }

  private async accept(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy())
    const most = this.options.connectionsMax ?? CONNECTIONS_MAX
    if (this.connections.size >= most + REFUSED_MAX) {
      socket.destroy()
      return
    }
    const isFull = this.connections.size >= most
    const processId = this.freeId()
    const connection = new Connection(socket, processId, {
      open: this.options.open,
      doorkeeper: this.options.doorkeeper,
      secureContext: () => this.context,
      cancel: (id, secret) => this.cancel(id, secret),
      onStatement: () => {
        this.statements++
      },
      onError: (error) => {
        this.errors++
        this.options.onError?.(error)
      },
    })
    const refusal = isFull ? new SqlError('53300', 'sorry, too many clients already') : null
    this.connections.set(processId, connection)
    await connection.run(refusal)
    this.connections.delete(processId)
  }

  private freeId(): number {
    for (;;) {
      const id = randomInt(1, 2 ** 31)
      if (!this.connections.has(id)) return id
    }
  }

  /** Silent whatever comes of it, as the protocol wants. */
  private cancel(processId: number, secret: Buffer): void {
    const connection = this.connections.get(processId)
    const own = connection?.secret
    if (own?.length === secret.length && timingSafeEqual(own, secret)) connection!.cancel()
  }
}

/** Starts to listen. Rejects with `conflict` when the port is taken, `unavailable` for other reasons. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const listener = new Listener(options)
  const { server, connections } = listener
  await listen(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    get counts() {
      const { statements, errors } = listener
      return { connections: connections.size, statements, errors }
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all(Array.from(connections.values(), (one) => one.shutDown()))
      await Promise.all([closed, ...listener.runs])
    },
    destroy: () => {
      server.close()
      for (const connection of connections.values()) connection.destroy()
    },
    setTls: (tls) => {
      listener.context = createSecureContext({ ...tls, minVersion: 'TLSv1.2' })
    },
  }
}

function listen(server: Server, { host, port }: PostgresOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE'
      const message = isTaken
        ? `port ${port} of ${host} is taken by another process`
        : `cannot listen on ${host}:${port}: ${cause.message}`
      reject(new OmenError(isTaken ? 'conflict' : 'unavailable', message, { cause }))
    })
    server.listen(port, host.replace(/^\[(.*)\]$/, '$1'), () => resolve())
  })
}
