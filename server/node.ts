// The server on Node: the app behind node:http, with Node's faster way to read and inflate bodies
// (node/body.ts) and to send answers (node/answer.ts), its timeouts against slow senders
// (node/exchanges.ts), and problem documents also for what the HTTP parser refuses (node/refusal.ts).

import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { OmenError } from '../engine/error.ts'
import { createApp, createTokenStore, type AppOptions } from './app.ts'
import { refuseBinding } from './config.ts'
import type { ServedDatabase } from './endpoint.ts'
import {
  HEADER_BYTES_MAX,
  HEADER_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  TIMEOUT_CHECK_MS,
} from './limits.ts'
import { sendingHere, type Fetch } from './node/answer.ts'
import { nodeBodies } from './node/body.ts'
import { Exchanges } from './node/exchanges.ts'
import { answerClientError, refuseUnreadable } from './node/refusal.ts'
import { nodeSql } from './node/sql.ts'

export { createApp, createTokenStore, type AppOptions } from './app.ts'
export { refuseBinding } from './config.ts'

export interface ServerOptions extends Omit<AppOptions, 'bodyHost'> {
  /** Default 127.0.0.1. Other machines are served only with a token, or `insecure`. */
  readonly host?: string
  /** Default 8080; 0 = any free port. */
  readonly port?: number
  /** Milliseconds a client has for its request head, and for the whole request. */
  readonly headerTimeoutMs?: number
  readonly requestTimeoutMs?: number
  /** HTTPS instead of HTTP. */
  readonly tls?: TlsFiles
}

/** PEM: the certificate with those that sign it behind it, and its key. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

/** A server that listens. The database stays its owner's: close the server first. */
export interface RunningServer {
  readonly port: number
  /** `http://127.0.0.1:8080`, or https, with the real port. */
  readonly url: string
  /** Accepts no more, resolves when the requests in flight are answered. */
  close(): Promise<void>
  /** Drops every connection at once. */
  destroy(): void
  /** Connections from now on get another certificate. Throws `bad_request` if it is none. */
  setTls(tls: TlsFiles): void
}

/**
 * Starts to listen. Throws `forbidden` for an address that may not be served without a token,
 * `bad_request` for a certificate and key that are none, `conflict` when the port is taken, `unavailable` when the address cannot be had.
 */
export async function startServer(
  db: ServedDatabase,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 8080, token, insecure } = options
  const tokens = options.tokens ?? createTokenStore(db, options)
  await tokens.load()
  const refusal = refuseBinding({ host, token, insecure, hasTokens: tokens.size > 0 })
  if (refusal) throw new OmenError('forbidden', refusal)
  const app = createApp(db, { sql: nodeSql, ...options, tokens, bodyHost: nodeBodies })
  const server = createHttpServer(options)
  const exchanges = new Exchanges(server, options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS)
  serveRequests(server, exchanges, app.fetch as Fetch)
  await listen(server, host, port)
  const { port: boundPort } = server.address() as AddressInfo
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return {
    port: boundPort,
    url: `${options.tls ? 'https' : 'http'}://${name}:${boundPort}`,
    close: () => exchanges.close(),
    destroy: () => {
      server.close()
      server.closeAllConnections()
    },
    setTls: (tls) => readTls(() => (server as TlsServer).setSecureContext(tls)),
  }
}

function createHttpServer(options: ServerOptions): HttpServer {
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
  const headersTimeout = Math.min(options.headerTimeoutMs ?? HEADER_TIMEOUT_MS, requestTimeout)
  const settings = {
    requireHostHeader: false, // Node's own answer has no body; the app's has
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: 0, // for Exchanges: Node knows one limit for all routes
    headersTimeout,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, headersTimeout),
  }
  const { tls } = options
  if (tls === undefined) return createServer(settings)
  return readTls(() => createTlsServer({ ...settings, ...tls, minVersion: 'TLSv1.2' }))
}

/** What OpenSSL says of a certificate or key, as an operating error; it never repeats them. */
function readTls<T>(use: () => T): T {
  try {
    return use()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new OmenError('bad_request', `TLS: certificate and key cannot be used: ${why}`, { cause })
  }
}

function serveRequests(server: HttpServer, exchanges: Exchanges, fetch: Fetch): void {
  const listener = getRequestListener(sendingHere(fetch), {
    overrideGlobalObjects: false,
    errorHandler: refuseUnreadable,
  })
  server.on('request', (incoming, outgoing) => {
    exchanges.begin(incoming, outgoing)
    void listener(incoming, outgoing)
  })
  // An `Expect` that is unknown may be ignored (RFC 9110, 10.1.1); Node's own 417 says nothing.
  server.on('checkExpectation', (incoming, outgoing) => server.emit('request', incoming, outgoing))
  server.on('connect', (_incoming, socket) => answerClientError(new Error('CONNECT'), socket))
  server.on('clientError', answerClientError)
}

function listen(server: HttpServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      const message = taken
        ? `port ${port} of ${host} is taken by another process`
        : `cannot listen on ${host}:${port}: ${error.message}`
      reject(new OmenError(taken ? 'conflict' : 'unavailable', message, { cause: error }))
    })
    // Brackets belong to URLs, not to addresses.
    server.listen(port, host.replace(/^\[(.*)\]$/, '$1'), () => resolve())
  })
}
