// The server on Node: the app behind node:http, with Node's faster way to read and inflate bodies,
// its timeouts against slow senders, and problem documents also for what the HTTP parser refuses.
// The only file of the server, besides the command line, that knows Node.

import { randomUUID } from 'node:crypto'
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, type Duplex } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { getRequestListener } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { OmenError } from '../engine/error.ts'
import { createApp, type AppOptions } from './app.ts'
import type { AnswerHeaders } from './answer.ts'
import type { BodyHost, HostAnswer } from './body.ts'
import type { Failed } from './encode/stream.ts'
import { refuseBinding } from './config.ts'
import type { ServedDatabase } from './endpoint.ts'
import {
  HEADER_BYTES_MAX,
  HEADER_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  TIMEOUT_CHECK_MS,
} from './limits.ts'
import { describeProblem, problemResponse } from './problem.ts'

export { createApp, type AppOptions } from './app.ts'
export { refuseBinding } from './config.ts'

export interface ServerOptions extends Omit<AppOptions, 'bodyHost'> {
  /** Default 127.0.0.1. Other machines are served only with a token, or `insecure`. */
  readonly host?: string
  /** Default 8080; 0 = any free port. */
  readonly port?: number
  /** Milliseconds a client has for its request head, and for the whole request. */
  readonly headerTimeoutMs?: number
  readonly requestTimeoutMs?: number
}

/** A server that listens. The database stays its owner's: close the server first. */
export interface RunningServer {
  readonly port: number
  /** `http://127.0.0.1:8080`, with the real port. */
  readonly url: string
  /** Accepts no more, resolves when the requests in flight are answered. */
  close(): Promise<void>
  /** Drops every connection at once. */
  destroy(): void
}

/**
 * Starts to listen. Throws `forbidden` for an address that may not be served without a token,
 * `conflict` when the port is taken, `unavailable` when the address cannot be had.
 */
export async function startServer(
  db: ServedDatabase,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 8080, token, insecure } = options
  const refusal = refuseBinding({ host, token, insecure })
  if (refusal) throw new OmenError('forbidden', refusal)
  const app = createApp(db, { ...options, bodyHost: nodeBodies })
  const server = createHttpServer(options)
  const exchanges = new Exchanges(server, options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS)
  serveRequests(server, exchanges, app.fetch as Fetch)
  await listen(server, host, port)
  const { port: boundPort } = server.address() as AddressInfo
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return {
    port: boundPort,
    url: `http://${name}:${boundPort}`,
    close: () => exchanges.close(),
    destroy: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

type Fetch = (request: Request, env: unknown) => Response | Promise<Response>

/** What Hono's adapter gives the app as its environment. */
interface NodeEnv {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

function createHttpServer(options: ServerOptions): HttpServer {
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
  const headersTimeout = Math.min(options.headerTimeoutMs ?? HEADER_TIMEOUT_MS, requestTimeout)
  return createServer({
    requireHostHeader: false, // Node's own answer has no body; the app's has
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: 0, // for Exchanges: Node knows one limit for all routes
    headersTimeout,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, headersTimeout),
  })
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

/** Routes whose bodies may take as long as they go on arriving. */
const ENDLESS_BODIES = /^\/v1\/restore(\?|$)/

/** A request and its answer. */
interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** When its body has to be here, on the clock of `performance`. */
  deadline: number
  /** What had come of an endless body at its last deadline. */
  bytesSeen: number
}

/**
 * The last exchange of each connection: one timer looks at all, where timers and listeners of each
 * request would cost more than to answer many of them.
 */
class Exchanges {
  private readonly server: HttpServer
  private readonly timeoutMs: number
  private readonly latest = new Map<Duplex, Exchange>()

  constructor(server: HttpServer, timeoutMs: number) {
    this.server = server
    this.timeoutMs = timeoutMs
    server.on('connection', (socket) => socket.once('close', () => this.latest.delete(socket)))
    // A server that cannot listen is never closed.
    server.once('listening', () => {
      const timer = setInterval(() => this.check(), Math.min(TIMEOUT_CHECK_MS, timeoutMs)).unref()
      server.once('close', () => clearInterval(timer))
    })
  }

  begin(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const deadline = performance.now() + this.timeoutMs
    const exchange = { incoming, outgoing, deadline, bytesSeen: -1 }
    this.latest.set(incoming.socket, exchange)
    if (!this.server.listening) this.hangUpAfter(exchange)
  }

  /** Resolves when the requests in flight are answered. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve())
      this.server.closeIdleConnections()
      for (const exchange of this.latest.values()) this.hangUpAfter(exchange)
    })
  }

  /** A connection that stays open after its answer would hold up a server that is closing. */
  private hangUpAfter({ outgoing }: Exchange): void {
    const hangUp = (): void => void setImmediate(() => this.server.closeIdleConnections())
    if (outgoing.closed) hangUp()
    else outgoing.on('close', hangUp)
  }

  /** Ends requests whose bodies have not arrived in time, or of endless ones: nothing of them. */
  private check(): void {
    const now = performance.now()
    for (const [socket, exchange] of this.latest) {
      const { incoming, outgoing, deadline, bytesSeen } = exchange
      if (incoming.complete) {
        if (outgoing.closed) this.latest.delete(socket)
        continue
      }
      if (now < deadline) continue
      const { bytesRead } = incoming.socket
      if (ENDLESS_BODIES.test(incoming.url ?? '') && bytesRead !== bytesSeen) {
        exchange.bytesSeen = bytesRead
        exchange.deadline = now + this.timeoutMs
      } else {
        const error = Object.assign(new Error('timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
        answerClientError(error, socket)
      }
    }
  }
}

/** Headers of an answer that the app has no part in. */
function bareHeaders(requestId: string): Record<string, string> {
  return {
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
    'Server-Timing': 'total;dur=0',
    'X-Content-Type-Options': 'nosniff',
  }
}

/** A request whose target or Host cannot be made a URL never reaches the app. */
function refuseUnreadable(cause: unknown): Response {
  const message = cause instanceof Error ? cause.message : 'unreadable request'
  const requestId = randomUUID()
  return problemResponse(new OmenError('bad_request', message), requestId, bareHeaders(requestId))
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

// --- bodies

/** Reads from Node's own streams: 1.7 times as fast as web streams over them. */
const nodeBodies: BodyHost = {
  source(env) {
    return readIncoming((env as NodeEnv).incoming)
  },
  inflate: inflateGzip,
  isEmpty(env) {
    const { headers } = (env as NodeEnv).incoming
    const length = headers['content-length']
    return (length === undefined || length === '0') && headers['transfer-encoding'] === undefined
  },
  whole(env, bytesMax) {
    const { incoming } = env as NodeEnv
    const length = Number(incoming.headers['content-length'] ?? Infinity)
    return length <= bytesMax ? readWhole(incoming, length) : null
  },
  answer: (_env, answer) => new NodeAnswer(answer) as unknown as Response,
  signal(request, env) {
    const { outgoing } = env as NodeEnv
    return {
      get aborted() {
        return outgoing.destroyed
      },
      addEventListener: (...given: Listening) => request.signal.addEventListener(...given),
      removeEventListener: (...given: Listening) => request.signal.removeEventListener(...given),
    }
  },
  breakOff(env) {
    // Hono's adapter would send the error's text and an end that looks like any other.
    ;(env as NodeEnv).outgoing.destroy()
  },
}

type Listening = [type: string, listener: EventListenerOrEventListenerObject]

/** All `size` bytes of a body. Node ends one that is shorter or longer than its head says. */
async function readWhole(incoming: IncomingMessage, size: number): Promise<Uint8Array> {
  await Promise.resolve() // a body that came with its head is parsed after it, in the same turn
  const isHere = incoming.complete && size > 0 && incoming.readableLength === size
  return isHere ? (incoming.read() as Buffer) : collect(incoming)
}

function collect(incoming: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const fail = (cause?: unknown): void => {
      // Also closes what has ended: an error costs more than to read a short body.
      if (incoming.readableEnded) return
      reject(new OmenError('bad_request', 'body: the connection ended before it did', { cause }))
    }
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    incoming.once('error', fail)
    incoming.once('close', fail)
  })
}

/** Stopping early leaves the connection alive, so that the answer (a 413, say) still arrives. */
async function* readIncoming(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } catch (error) {
    throw new OmenError('bad_request', 'body: the connection ended before it did', { cause: error })
  }
}

async function* inflateGzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sent = 0
  async function* count(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      sent += chunk.length
      yield chunk
    }
  }
  const source = Readable.from(count())
  const gunzip = createGunzip({ chunkSize: 65_536 })
  source.on('error', (error) => gunzip.destroy(error))
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Uint8Array>
    // zlib ends at the last member and says nothing of bytes after it: they were points, perhaps.
    if (gunzip.bytesWritten !== sent) throw new Error('bytes after the end of gzip')
  } finally {
    source.destroy()
    gunzip.destroy()
  }
}

// --- answers

/** What the app answers with instead of a Response, which Node would have to take apart again. */
class NodeAnswer implements AnswerHeaders {
  readonly status: number
  private readonly answer: HostAnswer
  /** Names and values in turn. */
  private readonly list: string[] = []

  constructor(answer: HostAnswer) {
    this.status = answer.status
    this.answer = answer
    for (const [name, value] of Object.entries(answer.headers)) this.list.push(name, value)
  }

  get headers(): AnswerHeaders {
    return this
  }

  has(name: string): boolean {
    return this.find(name) !== -1
  }

  set(name: string, value: string): void {
    const at = this.find(name)
    if (at === -1) this.list.push(name, value)
    else this.list[at + 1] = value
  }

  send(outgoing: ServerResponse): void {
    const { body, failed } = this.answer
    if (body === null) {
      outgoing.writeHead(this.status, this.list).end()
      return
    }
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
      outgoing.writeHead(this.status, this.list)
      void sendPieces(body, outgoing, failed)
      return
    }
    this.list.push('Content-Length', String(Buffer.byteLength(body)))
    outgoing.writeHead(this.status, this.list)
    outgoing.end(body)
  }

  private find(name: string): number {
    const wanted = name.toLowerCase()
    for (let i = 0; i < this.list.length; i += 2) {
      const known = this.list[i]!
      if (known.length === name.length && known.toLowerCase() === wanted) return i
    }
    return -1
  }
}

/** Passes Responses on to Hono's adapter, and tells it of other answers that they are sent. */
function sendingHere(fetch: Fetch): Fetch {
  const send = (answer: unknown, env: unknown): Response => {
    if (!(answer instanceof NodeAnswer)) return answer as Response
    answer.send((env as NodeEnv).outgoing)
    return SENT
  }
  return (request, env) => {
    const answer = fetch(request, env)
    return answer instanceof Promise ? answer.then((found) => send(found, env)) : send(answer, env)
  }
}

/** What tells Hono's adapter that there is nothing to send: two entries, not a sorted copy of them each time. */
class SentHeaders extends Headers {
  private readonly pairs = [...RESPONSE_ALREADY_SENT.headers]

  override has(): boolean {
    return false // it asks for cookies
  }

  override [Symbol.iterator]() {
    return this.pairs.values()
  }
}

/** RESPONSE_ALREADY_SENT as far as the adapter looks at it. */
class SentResponse extends Response {
  override readonly headers = new SentHeaders()
  override readonly body = null
}

const SENT = new SentResponse()

/** Writes as fast as the client reads; one that leaves returns the pieces. */
async function sendPieces(
  pieces: AsyncIterator<Uint8Array>,
  outgoing: ServerResponse,
  failed: Failed,
): Promise<void> {
  try {
    for (;;) {
      const next = await pieces.next()
      if (outgoing.destroyed) await pieces.return?.()
      else if (next.done) outgoing.end()
      if (outgoing.destroyed || next.done) return
      if (!outgoing.write(next.value)) await drained(outgoing)
    }
  } catch (error) {
    failed(error)
  }
}

/** Resolves when there is room to write again, or nobody to write to. */
function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      outgoing.off('drain', go)
      outgoing.off('close', go)
      resolve()
    }
    if (outgoing.destroyed) return resolve()
    outgoing.on('drain', go)
    outgoing.on('close', go)
  })
}

// --- what the parser refuses

const PARSER_ERRORS: Readonly<Record<string, { status: number; error: OmenError }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    error: new OmenError('too_large', `request head: more than ${HEADER_BYTES_MAX} bytes`),
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    error: new OmenError('timeout', 'the request took too long to arrive'),
  },
}

/** The parser's reason, one of llhttp's own texts, helps whoever typed a URL with an umlaut in it. */
function unparsed({ code, reason }: ParserError): { status: number; error: OmenError } {
  const advice = code === 'HPE_INVALID_URL' ? ' (percent-encode what is not ASCII)' : ''
  const message = `not an HTTP request${reason ? `: ${reason}${advice}` : ''}`
  return { status: 400, error: new OmenError('bad_request', message) }
}

type ParserError = NodeJS.ErrnoException & { reason?: string }

/** Writes a problem document onto the socket of a request that has no response object, and ends it. */
function answerClientError(cause: ParserError, socket: Duplex): void {
  const response = (socket as { _httpMessage?: ServerResponse })._httpMessage
  if (!socket.writable || cause.code === 'ECONNRESET' || response?.headersSent) {
    socket.destroy()
    return
  }
  const { status, error } = PARSER_ERRORS[cause.code ?? ''] ?? unparsed(cause)
  const requestId = randomUUID()
  const body = JSON.stringify({ ...describeProblem(error, requestId), status })
  const headers = {
    Connection: 'close',
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    ...bareHeaders(requestId),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join('\r\n')
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy())
}
