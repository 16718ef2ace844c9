// The requests under way on all connections of a server: who must send its body until when, and whose
// connection to close when the server ends.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { TIMEOUT_CHECK_MS } from '../limits.ts'
import { answerClientError } from './refusal.ts'

/** Routes whose bodies may take as long as they go on arriving. */
const ENDLESS_BODIES = /^\/v1\/restore(\?|$)/

/** Routes whose answers end with the server. */
const ENDLESS_ANSWERS = /^\/v1\/tail(\?|$)/

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
export class Exchanges {
  private readonly server: HttpServer
  private readonly timeoutMs: number
  private readonly latest = new Map<Duplex, Exchange>()

  constructor(server: HttpServer, timeoutMs: number) {
    this.server = server
    this.timeoutMs = timeoutMs
    // Under TLS that is the event of the sockets that requests name; those below are not in the list.
    for (const event of ['connection', 'secureConnection']) {
      server.on(event, (socket: Duplex) => socket.once('close', () => this.latest.delete(socket)))
    }
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
  private hangUpAfter({ incoming, outgoing }: Exchange): void {
    if (ENDLESS_ANSWERS.test(incoming.url ?? '')) outgoing.destroy()
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
