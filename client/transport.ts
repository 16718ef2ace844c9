// One request to the server: address, token, deadline, and another attempt where that may help.
// Bodies are whole (text or bytes), so that every attempt can send them; writes may be repeated,
// because a point is named by its series and time.

import { RETRY_DEFAULTS, retryDelay, sleep, type RetryOptions } from './backoff.ts'
import { OmenDBError, failure, readError } from './error.ts'
import { encodeJson } from './json.ts'

/** Where and how a client sends. */
export interface TransportOptions {
  /** Database of every call that names no other; the server's default is `default`. */
  db?: string | undefined
  /** Address of the server, with a path if it is behind a proxy's: `http://127.0.0.1:8080`. */
  url: string
  /** Sent as `Authorization: Bearer …`. */
  token?: string | undefined
  /** Instead of the global `fetch`: an app in the same process, a service binding, a test. */
  fetch?: typeof fetch | undefined
  /** `false` = one attempt. */
  retry?: Partial<RetryOptions> | false | undefined
  /** For each attempt (of a stream: until it begins). Default 30,000. */
  timeoutMs?: number | undefined
}

/** What every call takes. */
export interface CallOptions {
  /** Database of this call. */
  db?: string | undefined
  /** Ends the call, also while it waits to try again; the call rejects with its reason. */
  signal?: AbortSignal | undefined
  /** Instead of the client's. */
  timeoutMs?: number | undefined
  /** Instead of the client's. */
  retry?: Partial<RetryOptions> | false | undefined
}

export interface Outgoing extends CallOptions {
  /** Absent, null and undefined ones are not sent; lists get commas, objects are JSON text. */
  parameters?: object | undefined
  headers?: Record<string, string> | undefined
  /** An object that is none of fetch's bodies is sent as JSON. */
  body?: BodyInit | object | undefined
  /** Reads the answer whatever its status. */
  anyStatus?: boolean
  /** Resolves to the answer itself, whose body goes on to come. */
  isStream?: boolean
  /** Makes of the answer what the call resolves to: its JSON, unless given. */
  read?: (response: Response) => unknown
}

/**
 * Sends, and reads what was answered 2xx, under the deadline; an answer that is a stream has none but
 * `signal` once it began. Throws OmenDBError or the signal's reason. Whoever asks knows what comes.
 */
export type Send = (method: Method, path: string, request?: Outgoing) => Promise<never>

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** Refuses a wrong `url` with a TypeError; contacts nobody. */
export function createTransport(options: TransportOptions): Send {
  const { token, fetch: call = (input, init) => fetch(input, init) } = options
  const base = readBase(options.url)

  return async (method, path, request = {}) => {
    const { signal, timeoutMs = options.timeoutMs ?? 30_000, read = readJson } = request
    const { retry = options.retry } = request
    const once = retry === false && { attempts: 1 }
    const settings = { ...RETRY_DEFAULTS, ...options.retry, ...retry, ...once }
    const db = ONE_DATABASE.test(path) ? (request.db ?? options.db) : null
    const url = base + path + encodeParameters({ db, ...request.parameters })
    const init = initOf(method, request, token)
    const startedAt = Date.now()
    for (let count = 1; ; count++) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), timeoutMs)
      try {
        signal?.throwIfAborted()
        const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal
        const response = await call(url, { ...init, signal: either })
        if (!response.ok && !request.anyStatus) throw await readError(response, Date.now())
        if (request.isStream) return response as never
        return (await read(response)) as never
      } catch (cause) {
        signal?.throwIfAborted()
        const error = explain(cause, base, late.signal.aborted && timeoutMs)
        const delay = retryDelay(error, count, settings, Math.random())
        if (delay === null || Date.now() + delay > startedAt + settings.withinMs) throw error
        await sleep(delay, signal)
      } finally {
        clearTimeout(timer)
      }
    }
  }
}

function readBase(url: string): string {
  if (!/^https?:/.test(new URL(url).href)) throw new TypeError(`url ${url} is not http`)
  return url.replace(/[?#].*|\/+$/g, '')
}

/** `?` and the parameters, or nothing. */
function encodeParameters(parameters: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters) as [string, unknown][]) {
    if (value !== undefined && value !== null) query.set(name, urlText(value))
  }
  return String(query) && `?${query}`
}

/** What URLSearchParams makes the right text of. */
function urlText(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' && !Array.isArray(value) ? encodeJson(value) : (value as string)
}

function initOf(
  method: Method,
  { headers, body }: Outgoing,
  token: string | undefined,
): RequestInit {
  const isJson = body?.constructor === Object
  return {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(isJson && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: isJson ? encodeJson(body) : ((body as BodyInit | undefined) ?? null),
    // Fetch wants it of a stream, and of nothing else minds it.
    duplex: 'half',
  } as RequestInit
}

/** Routes that are about one database. */
const ONE_DATABASE = /^\/v1\/(?!databases|tokens|backup|restore)/

/** The whole answer as JSON; null for 204. */
async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return text ? JSON.parse(text) : null
  } catch (cause) {
    const detail = 'not JSON: is this an OmenDB server?'
    throw new OmenDBError(response.status, { code: 'not_json', detail }, { cause })
  }
}

/** What an attempt threw, as an error of ours. */
function explain(cause: unknown, base: string, passedMs: number | false): OmenDBError {
  if (cause instanceof OmenDBError) return cause
  return passedMs === false
    ? failure('unreachable', `cannot reach ${base}: ${reasonOf(cause)}`, cause)
    : failure('timeout', `no answer from ${base} within ${passedMs} ms`, cause)
}

/** Node says "fetch failed" and hides why in the cause. */
export function reasonOf(thrown: unknown): string {
  const { cause, message } = thrown as Error & { cause?: Error & { code?: string } }
  return cause?.code ?? (cause?.message || message)
}
