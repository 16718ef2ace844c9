// A call inside the process: what the app reads of a Request and the client of a Response, and no more.
// The real ones (with their headers, signals and streams) cost several times what a small write or
// query does. Bodies that are neither text nor bytes come in a real Request.

import type { CancelSignal } from '../../engine/query/cancel.ts'
import type { AnswerHeaders } from '../answer.ts'
import type { App } from '../app.ts'
import type { BodyHost, HostAnswer } from '../body.ts'
import { byteBody } from '../encode/stream.ts'

/** What the app is given beside the request. */
interface LocalEnv {
  /** Null: the request has none, or has it itself. */
  readonly body: string | Uint8Array | null
  readonly isEmpty: boolean
  readonly signal: CancelSignal
}

const encoder = new TextEncoder()
const NEVER: CancelSignal = { aborted: false, addEventListener() {}, removeEventListener() {} }

const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === 'string' ? encoder.encode(body) : body

/** Bodies that are here already, and answers that stay here. */
export const localBodies: BodyHost = {
  source: (env) => {
    const { body } = env as LocalEnv
    return body === null ? null : whole(body)
  },
  isEmpty: (env) => (env as LocalEnv).isEmpty,
  whole: (env, bytesMax) => {
    const { body } = env as LocalEnv
    if (body === null || body.length > bytesMax) return null
    const bytes = bytesOf(body)
    return bytes.length > bytesMax ? null : Promise.resolve(bytes)
  },
  answer: (_env, answer) => new LocalAnswer(answer) as unknown as Response,
  address: () => 'this process',
  signal: (_request, env) => (env as LocalEnv).signal,
  // The stream of its pieces fails; there is no connection that would have to.
  breakOff() {},
}

async function* whole(body: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytesOf(body)
}

/** A `fetch` that asks the app, for absolute URLs. Rejects with the reason of its signal. */
export function fetchOf(app: App): typeof fetch {
  return async (input, init = {}) => {
    const { method = 'GET', headers, body = null, signal } = init
    signal?.throwIfAborted()
    const isHere = body === null || typeof body === 'string' || body instanceof Uint8Array
    const request = isHere
      ? new LocalRequest(input as string, method, headers as Headers, signal ?? NEVER)
      : new Request(input, init)
    const env: LocalEnv = {
      body: isHere ? body : null,
      isEmpty: body === null,
      signal: signal ?? NEVER,
    }
    const answer = app.fetch(request as Request, env)
    return signal ? unlessAborted(answer, signal) : answer
  }
}

type Headers = Readonly<Record<string, string>>

/** The answer, or the signal's reason as soon as there is one. */
function unlessAborted<T>(answer: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error)
    const done = (): void => signal.removeEventListener('abort', leave)
    signal.addEventListener('abort', leave)
    Promise.resolve(answer).then(resolve, reject).finally(done)
  })
}

/** As much of a Request as Hono and the app look at. */
class LocalRequest {
  readonly url: string
  readonly method: string
  readonly headers: LocalHeaders
  readonly signal: CancelSignal
  readonly body = null

  constructor(url: string, method: string, headers: Headers | undefined, signal: CancelSignal) {
    this.url = url
    this.method = method
    this.headers = new LocalHeaders(headers)
    this.signal = signal
  }
}

class LocalHeaders implements AnswerHeaders {
  /** By name in lower case. */
  private readonly values = new Map<string, string>()

  constructor(headers: Headers = {}) {
    for (const [name, value] of Object.entries(headers)) this.set(name, value)
  }

  has(name: string): boolean {
    return this.values.has(name.toLowerCase())
  }

  get(name: string): string | null {
    return this.values.get(name.toLowerCase()) ?? null
  }

  set(name: string, value: string): void {
    this.values.set(name.toLowerCase(), value)
  }
}

/** As much of a Response as the app and the client look at. */
class LocalAnswer {
  readonly status: number
  readonly headers: LocalHeaders
  private readonly answer: HostAnswer

  constructor(answer: HostAnswer) {
    this.status = answer.status
    this.headers = new LocalHeaders(answer.headers)
    this.answer = answer
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  get body(): ReadableStream<Uint8Array> | null {
    const { body, failed } = this.answer
    if (body === null) return null
    const isWhole = typeof body === 'string' || body instanceof Uint8Array
    return isWhole ? new Response(body).body : byteBody(body, failed)
  }

  async text(): Promise<string> {
    const { body, failed } = this.answer
    if (body === null || typeof body === 'string') return body ?? ''
    const decoder = new TextDecoder()
    if (body instanceof Uint8Array) return decoder.decode(body)
    const parts: string[] = []
    try {
      for (;;) {
        const next = await body.next()
        if (next.done) return parts.join('') + decoder.decode()
        parts.push(decoder.decode(next.value, { stream: true }))
      }
    } catch (error) {
      failed(error)
      throw error
    }
  }
}
