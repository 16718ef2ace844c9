// One request to the server: address, token, deadline, and another attempt where that may help.
// Bodies are whole (text or bytes), so that every attempt can send them; writes may be repeated,
// because a point is named by its series and time.

import { RETRY_DEFAULTS, retryDelay, type RetryOptions } from './backoff.ts'
import { OmenDBError, readError } from './error.ts'

/** Where and how a client sends. */
export interface TransportOptions {
  /** Address of the server, with a path if it is behind a proxy's: `http://127.0.0.1:8080`. */
  url: string
  /** Sent as `Authorization: Bearer …`. */
  token?: string | undefined
  /** Instead of the global `fetch`: an app in the same process, a service binding, a test. */
  fetch?: typeof fetch | undefined
  /** `false` = one attempt. */
  retry?: Partial<RetryOptions> | false | undefined
  /** For a call with all of its attempts (of an export: until it begins). Default 60,000. */
  timeoutMs?: number | undefined
}

export interface Outgoing {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path with its parts already escaped. */
  path: string
  /** Absent, null and undefined ones are not sent. */
  parameters?: Record<string, string | number | boolean | null | undefined>
  contentType?: string
  body?: string | Uint8Array
  signal?: AbortSignal | undefined
}

export interface Transport {
  /** Sends and reads the whole answer as JSON (null for 204). Throws OmenDBError or the signal's reason. */
  json(request: Outgoing): Promise<unknown>
  /** Sends and hands out the body, which then has no deadline but `signal`. */
  stream(request: Outgoing): Promise<ReadableStream<Uint8Array>>
}

export const TIMEOUT_DEFAULT_MS = 60_000

/** Refuses a wrong `url` with a TypeError; contacts nobody. */
export function createTransport(options: TransportOptions): Transport {
  const base = readBase(options.url)
  const retry =
    options.retry === false
      ? { ...RETRY_DEFAULTS, attempts: 1 }
      : { ...RETRY_DEFAULTS, ...options.retry }
  const timeoutMs = options.timeoutMs ?? TIMEOUT_DEFAULT_MS
  const call: typeof fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))

  async function attempt<T>(
    request: Outgoing,
    signal: AbortSignal,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const response = await call(base + request.path + encodeParameters(request.parameters), {
      method: request.method,
      headers: headersOf(request, options.token),
      signal,
      ...(request.body === undefined ? {} : { body: request.body as BodyInit }),
    })
    if (!response.ok) throw await readError(response, Date.now())
    return read(response)
  }

  async function send<T>(
    request: Outgoing,
    read: (response: Response) => Promise<T>,
    isStream: boolean,
  ): Promise<T> {
    const deadline = startDeadline(timeoutMs, request.signal)
    try {
      for (let count = 1; ; count++) {
        try {
          return await attempt(request, deadline.signal, read)
        } catch (thrown) {
          const error = deadline.explain(thrown, base)
          const delay = retryDelay(error, count, retry, Math.random())
          if (delay === null || delay > deadline.remainingMs()) throw error
          await deadline.wait(delay)
        }
      }
    } finally {
      deadline.stop(isStream)
    }
  }

  return {
    json: (request) => send(request, readJson, false),
    stream: (request) => send(request, readStream, true),
  }
}

function readBase(url: string): string {
  const { protocol, origin, pathname } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new TypeError(`url "${url}" is neither http nor https`)
  }
  return origin + pathname.replace(/\/+$/, '')
}

function encodeParameters(parameters: Outgoing['parameters']): string {
  const given = Object.entries(parameters ?? {}).filter(
    (entry): entry is [string, string | number | boolean] =>
      entry[1] !== undefined && entry[1] !== null,
  )
  if (given.length === 0) return ''
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`
}

function headersOf(request: Outgoing, token: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  if (token) headers['Authorization'] = `Bearer ${token}`
  if (request.contentType) headers['Content-Type'] = request.contentType
  return headers
}

async function readJson(response: Response): Promise<unknown> {
  if (response.status === 204) return null
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch (cause) {
    const detail = `the answer is not JSON: is ${response.url || 'this'} an OmenDB server?`
    throw new OmenDBError(response.status, { code: 'not_json', detail }, { cause })
  }
}

async function readStream(response: Response): Promise<ReadableStream<Uint8Array>> {
  return response.body ?? new Response('').body!
}

interface Deadline {
  readonly signal: AbortSignal
  remainingMs(): number
  /** The error to report for what an attempt threw; throws the caller's reason if the caller aborted. */
  explain(thrown: unknown, base: string): OmenDBError
  wait(delayMs: number): Promise<void>
  /** Ends the deadline. An answer still being read stays under the caller's own signal. */
  stop(keepsSignal: boolean): void
}

/** One AbortSignal out of a timer and the caller's signal (AbortSignal.any is younger than Node 20). */
function startDeadline(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  outer?.throwIfAborted()
  const controller = new AbortController()
  const end = Date.now() + timeoutMs
  let isPassed = false
  const timer = setTimeout(() => {
    isPassed = true
    controller.abort()
  }, timeoutMs)
  const abort = (): void => controller.abort(outer!.reason)
  outer?.addEventListener('abort', abort, { once: true })

  function explain(thrown: unknown, base: string): OmenDBError {
    if (outer?.aborted) throw outer.reason
    if (isPassed) {
      const detail = `no answer from ${base} within ${timeoutMs} ms`
      return new OmenDBError(0, { code: 'timeout', detail }, { cause: thrown })
    }
    if (thrown instanceof OmenDBError) return thrown
    const detail = `cannot reach ${base}: ${reasonOf(thrown)}`
    return new OmenDBError(0, { code: 'unreachable', detail }, { cause: thrown })
  }

  return {
    signal: controller.signal,
    explain,
    remainingMs: () => end - Date.now(),
    wait: (delayMs) => sleep(delayMs, outer),
    stop(keepsSignal) {
      clearTimeout(timer)
      if (!keepsSignal) outer?.removeEventListener('abort', abort)
    },
  }
}

/** Waits; rejects with the signal's reason when it aborts. */
function sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal!.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Node says "fetch failed" and hides why in the cause. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const cause = thrown.cause as (Error & { code?: string; errors?: Error[] }) | undefined
  if (cause === undefined || cause === null) return thrown.message
  return cause.code ?? (cause.message || thrown.message)
}
