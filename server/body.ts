// Request bodies: one iterator of chunks for every route, that inflates gzip and zstd and counts bytes on
// the wire and inflated while they stream, so that a bomb costs no more than its limit. Hosts may
// inject a faster source and inflater (server/node.ts); without them web streams do it.

import type { CancelSignal } from '../engine/query/cancel.ts'
import { OmenError } from '../engine/error.ts'
import type { AnswerBody } from './answer.ts'
import type { Failed } from './encode/stream.ts'
import { type BodyLimits, PACE_BYTES, SHORT_BODY_BYTES } from './limits.ts'
import { inflateZstd } from './zstd.ts'

type Chunks = AsyncIterable<Uint8Array>

/** What a host can do better than web streams. Sources must stop reading when their consumer stops. */
export interface BodyHost {
  /** The raw body, or null if this request has to be read from its web stream. */
  source(env: unknown): Chunks | null
  /**
   * Inflates gzip, all members of it, or zstd, all frames of it; throws on damage, truncation and
   * trailing bytes. Without it the platform does.
   */
  inflate?(chunks: Chunks, encoding: 'gzip' | 'zstd'): Chunks
  /** True if this request has no body at all, by what its head says. */
  isEmpty(env: unknown): boolean
  /**
   * The raw body, read in one go if its head announces no more than `bytesMax` bytes; null if it does
   * not. Throws `bad_request` if the connection ends before it does.
   */
  whole(env: unknown, bytesMax: number): Promise<Uint8Array> | null
  /**
   * An answer that the host writes to the connection itself. Of the Response that it passes for, it has
   * `status`, and of `headers` what AnswerHeaders says.
   */
  answer(env: unknown, answer: HostAnswer): Response
  /** Where the request came from. */
  address(env: unknown): string
  /** The signal of this request, made without an AbortController; null if the host knows no better. */
  signal(request: Request, env: unknown): CancelSignal
  /** Breaks the connection of an answer that began and cannot go on. */
  breakOff(env: unknown): void
}

/** An answer as a host gets it; `failed` is told if its pieces end in an error. */
export interface HostAnswer {
  readonly status: number
  readonly body: AnswerBody | null
  readonly headers: Readonly<Record<string, string>>
  readonly failed: Failed
}

/** Chunks are cut to this before web streams inflate them: it bounds what one step may produce. */
const INFLATE_STEP = 16_384

/** How a body is packed, as far as it is unpacked here. */
export type Encoding = 'identity' | 'gzip' | 'zstd'

/** What `Content-Encoding` says, `identity` if nothing. */
export function givenEncoding({ headers }: Request): string {
  return headers.get('content-encoding')?.trim().toLowerCase() || 'identity'
}

/** Throws `unsupported_media_type` for other encodings, and for one inside another. */
export function checkEncoding(encoding: string): Encoding {
  if (encoding === 'identity' || encoding === 'gzip' || encoding === 'zstd') return encoding
  throw new OmenError(
    'unsupported_media_type',
    `content encoding "${encoding}" is not offered: send gzip, zstd, or none`,
  )
}

/**
 * The chunks of a request body, inflated. Throws `too_large`, `unsupported_media_type` (an encoding
 * that is not offered, in either header) and `bad_request` (a broken encoding, a body that ends early).
 * `encoding`: what it is packed in, if the route knows better than its header.
 */
export function bodyChunks(
  request: Request,
  env: unknown,
  limits: BodyLimits,
  host: BodyHost | null,
  encoding: Encoding = checkEncoding(givenEncoding(request)),
): Chunks {
  const transfer = request.headers.get('transfer-encoding') ?? 'chunked'
  if (transfer.trim().toLowerCase() !== 'chunked') {
    throw new OmenError(
      'unsupported_media_type',
      `transfer encoding "${transfer}" is not offered: send chunked, and gzip as content encoding`,
    )
  }
  refuseAnnounced(request, limits)
  const raw = host?.source(env) ?? readStream(request.body)
  const wire = countBytes(raw, limits.wireBytesMax, 'body')
  if (encoding === 'identity') return wire
  const inflated = host?.inflate
    ? host.inflate(wire, encoding)
    : encoding === 'gzip'
      ? inflateStream(wire)
      : inflateZstd(wire)
  return countBytes(guardInflated(inflated, encoding), limits.inflatedBytesMax, 'inflated body')
}

/**
 * The same bytes in chunks of at most `PACE_BYTES`, with a pause after so many: what has arrived
 * already would else be read, inflated and parsed in one turn of the event loop.
 */
export async function* pacedChunks(chunks: Chunks, pause: () => Promise<void>): Chunks {
  let due = PACE_BYTES
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      if (due === 0) {
        await pause()
        due = PACE_BYTES
      }
      const to = Math.min(chunk.length, from + due)
      yield chunk.subarray(from, to)
      due -= to - from
      from = to
    }
  }
}

/** Refuses a length that is announced and too large before a byte of it is read. */
function refuseAnnounced(request: Request, limits: BodyLimits): void {
  const length = Number(request.headers.get('content-length') ?? 0)
  if (length > limits.wireBytesMax) throw tooLarge('body', limits.wireBytesMax)
}

function tooLarge(what: string, limit: number): OmenError {
  return new OmenError('too_large', `${what}: more than ${limit} bytes; send smaller batches`)
}

async function* countBytes(chunks: Chunks, limit: number, what: string): Chunks {
  let count = 0
  for await (const chunk of chunks) {
    count += chunk.length
    if (count > limit) throw tooLarge(what, limit)
    yield chunk
  }
}

async function* readStream(stream: ReadableStream<Uint8Array> | null): Chunks {
  if (!stream) return
  const reader = stream.getReader()
  let ended = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield value
    }
    ended = true
  } catch (error) {
    ended = true
    throw new OmenError('bad_request', 'body: the connection ended before it did', { cause: error })
  } finally {
    if (!ended) await reader.cancel().catch(() => {})
  }
}

/** Gives whatever an inflater throws the code of a client's mistake. */
async function* guardInflated(chunks: Chunks, encoding: Encoding): Chunks {
  try {
    yield* chunks
  } catch (error) {
    if (error instanceof OmenError) throw error
    throw new OmenError('bad_request', `body: its ${encoding} encoding is damaged or cut short`, {
      cause: error,
    })
  }
}

/** Inflates gzip with the platform's DecompressionStream; pulls a step at a time. */
async function* inflateStream(chunks: Chunks): Chunks {
  const source = cutChunks(chunks)
  let failure: unknown = null
  const compressed = new ReadableStream<BufferSource>({
    async pull(controller) {
      try {
        const next = await source.next()
        if (next.done) controller.close()
        else controller.enqueue(next.value as Uint8Array<ArrayBuffer>)
      } catch (error) {
        failure = error
        controller.error(error)
      }
    },
    async cancel() {
      await source.return(undefined)
    },
  })
  const reader = compressed.pipeThrough(new DecompressionStream('gzip')).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    throw failure ?? error // what went wrong first: a limit, not the stream it broke
  } finally {
    await reader.cancel().catch(() => {})
  }
}

async function* cutChunks(chunks: Chunks): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i += INFLATE_STEP) {
      yield chunk.subarray(i, i + INFLATE_STEP)
    }
  }
}

/** The whole body if it is short, not encoded, and the host can read it in one go, else null. */
export function shortBody(
  { headers }: Request,
  env: unknown,
  limits: BodyLimits,
  host: BodyHost | null,
  encoding: string = headers.get('content-encoding') ?? 'identity',
): Promise<Uint8Array> | null {
  if (host === null || encoding !== 'identity' || headers.has('transfer-encoding')) return null
  return host.whole(env, Math.min(SHORT_BODY_BYTES, limits.wireBytesMax, limits.inflatedBytesMax))
}

/** The same as text. */
export function shortText(
  request: Request,
  env: unknown,
  limits: BodyLimits,
  host: BodyHost | null,
): Promise<string> | null {
  return shortBody(request, env, limits, host)?.then(decodeText) ?? null
}

const strict = new TextDecoder('utf-8', { fatal: true })

function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    throw new OmenError('bad_request', 'body: not valid UTF-8')
  }
}

/** The whole body as text; bytes that are not UTF-8 are a 400. */
export async function readText(chunks: Chunks): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parts: string[] = []
  const decode = (chunk?: Uint8Array): void => {
    try {
      parts.push(decoder.decode(chunk, { stream: chunk !== undefined }))
    } catch {
      throw new OmenError('bad_request', 'body: not valid UTF-8')
    }
  }
  for await (const chunk of chunks) decode(chunk)
  decode()
  return parts.join('')
}

/** What curl sends when nobody says otherwise; read as the route's own type, as absent is. */
const FORM = 'application/x-www-form-urlencoded'

/**
 * Which of the route's media types a body has. Absent and curl's default are the first. Throws
 * `unsupported_media_type` for others and for text that is not UTF-8.
 */
export function mediaType<T extends string>(request: Request, offered: readonly [T, ...T[]]): T {
  const header = request.headers.get('content-type') ?? ''
  const [essence = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase())
  const charset = parameters.find((part) => part.startsWith('charset='))?.slice(8)
  if (charset && !['utf-8', '"utf-8"', 'utf8', 'us-ascii'].includes(charset)) {
    throw new OmenError('unsupported_media_type', `charset ${charset}: send UTF-8`)
  }
  if (essence === '' || essence === FORM) return offered[0]
  const found = offered.find((type) => type === essence)
  if (found) return found
  throw new OmenError(
    'unsupported_media_type',
    `content type "${essence}" is not read here: send ${offered.join(' or ')}`,
  )
}
