// Answers of Node: written to the connection as the app gives them. What goes through Hono's adapter
// becomes a Response first, which Node would have to take apart again.

import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { AnswerHeaders } from '../answer.ts'
import type { HostAnswer } from '../body.ts'
import type { Failed } from '../encode/stream.ts'
import type { NodeEnv } from './body.ts'

export type Fetch = (request: Request, env: unknown) => Response | Promise<Response>

/** What the app answers with instead of a Response, which Node would have to take apart again. */
export class NodeAnswer implements AnswerHeaders {
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
export function sendingHere(fetch: Fetch): Fetch {
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
