// A writer: takes points one by one, sends them in batches, and sends a batch again until it is stored.
// Points have their time before they are sent first (without one: the client's clock), so a batch that
// arrived although no answer came back is the same points when it comes again: nothing is lost, nothing
// doubled. One batch is on its way at a time, because a later point of the same time must win.

import type { RetryOptions } from './backoff.ts'
import { OmenDBError, failure } from './error.ts'
import { encodePoint, joinEntries, type Encoded } from './points.ts'
import type { Points, Precision } from './shapes.ts'
import type { CallOptions } from './transport.ts'

export interface WriterOptions<P> extends CallOptions {
  /** A batch is sent when it has so many points (default 5,000) … */
  maxPoints?: number | undefined
  /** … or so many characters of JSON (1 Mi) … */
  maxBytes?: number | undefined
  /** … or when its first point is so old (1,000). */
  maxDelayMs?: number | undefined
  /** What may wait, that on its way included (64 Mi): with more of it `add` refuses. */
  maxBufferBytes?: number | undefined
  /** How a batch is tried again: any number of attempts within three minutes, unless given. */
  retry?: Partial<RetryOptions> | false | undefined
  /** Unit of integer times; default `ms`. */
  precision?: Precision | undefined
  ack?: 'fsync' | 'memory' | undefined
  /** Is told of points that will not be stored, and why; as they were added. */
  onError?: ((error: OmenDBError, points: P[]) => void) | undefined
}

/** Nothing here throws but what it says. */
export interface Writer<P> {
  /**
   * Takes a point, columns, or a list of them. False: something was refused, because the buffer is
   * full (`buffer_full`), the writer closed or the point malformed; `onError` has it.
   */
  add(input: P | readonly P[]): boolean
  /** Resolves when there is room for one more `add`. */
  ready(): Promise<void>
  /**
   * Sends what is there and resolves when everything added before is stored. Rejects with the first
   * error if anything since the last `flush` was refused or given up, and only then.
   */
  flush(): Promise<void>
  /** `flush`, and takes nothing more. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /** Points that are not stored yet. */
  readonly pending: number
}

/** Sends a body of `POST /v1/points`. */
export type Post = (body: string) => Promise<unknown>

interface Item extends Encoded {
  readonly size: number
  readonly input: unknown
}

type Fail = (thrown: unknown, items: readonly Pick<Item, 'input'>[]) => void

/** `prepare` makes points of what is added; it may throw. */
export function createWriter<P>(
  post: Post,
  options: WriterOptions<P>,
  prepare: (input: P) => Points,
): Writer<P> {
  const { maxBufferBytes = 1 << 26, signal, onError } = options
  let first: OmenDBError | null = null
  let isClosed = false
  const fail: Fail = (thrown, items) => {
    const error = asError(thrown)
    first ??= error
    // A turn later: what it throws is nobody's to catch, and must not stop the writer.
    queueMicrotask(() =>
      onError?.(
        error,
        items.map(({ input }) => input as P),
      ),
    )
  }
  const queue = createQueue(post, options, fail)
  const isFull = (): boolean => queue.size >= maxBufferBytes
  const take = (input: P): boolean => {
    try {
      signal?.throwIfAborted()
      if (isClosed) throw failure('closed', 'the writer is closed')
      if (isFull()) throw failure('buffer_full', `${maxBufferBytes} bytes wait already`)
      queue.push(encodePoint(prepare(input)), input)
      return true
    } catch (thrown) {
      fail(thrown, [{ input }])
      return false
    }
  }

  const writer: Omit<Writer<P>, typeof Symbol.asyncDispose> = {
    get pending() {
      return queue.points
    },
    add: (input) =>
      !(Array.isArray(input) ? (input as P[]) : [input as P]).map(take).includes(false),
    async ready() {
      while (isFull()) await queue.send()
    },
    async flush() {
      const { taken } = queue
      while (queue.settled < taken) await queue.send()
      const error = first
      // Others that wait for the same points are told, too.
      queueMicrotask(() => (first = first === error ? null : first))
      if (error) throw error
    },
    close() {
      isClosed = true
      return writer.flush()
    },
  }
  // Where there is no such symbol there is no `await using`.
  return Object.assign(writer, { [Symbol.asyncDispose]: writer.close }) as Writer<P>
}

interface Queue {
  /** What waits, that on its way included. */
  points: number
  size: number
  /** Items ever taken, and those of them that are stored or given up. */
  taken: number
  settled: number
  push(encoded: Encoded, input: unknown): void
  /** Starts to send, if it does not; settles with the batch that is on its way. */
  send(): Promise<void>
}

/** Sends what is pushed when there is enough of it, or after a while. */
function createQueue(
  post: Post,
  { maxPoints = 5_000, maxBytes = 1 << 20, maxDelayMs = 1_000 }: WriterOptions<never>,
  fail: Fail,
): Queue {
  const items: Item[] = []
  let running: Promise<void> | null = null
  let batch: Promise<void> | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const sendNext = async (): Promise<void> => {
    const sent = takeBatch(items, maxPoints, maxBytes)
    await sendBatch(post, sent, fail)
    for (const item of sent) count(item, -1)
    queue.settled += sent.length
  }
  const run = async (): Promise<void> => {
    await Promise.resolve() // whatever is added in this turn goes along
    clearTimeout(timer)
    timer = undefined
    while (items.length > 0) await (batch = sendNext())
    running = null
  }
  const send = async (): Promise<void> => {
    running ??= run()
    await batch
  }
  const count = (item: Item, sign: number): void => {
    queue.points += sign * item.count
    queue.size += sign * item.size
  }
  const queue: Queue = {
    points: 0,
    size: 0,
    taken: 0,
    settled: 0,
    send,
    push(encoded, input) {
      const item = { ...encoded, input, size: encoded.head.length + encoded.text.length }
      items.push(item)
      queue.taken++
      count(item, 1)
      if (queue.points >= maxPoints || queue.size >= maxBytes) running ??= run()
      else timer ??= setTimeout(send, maxDelayMs)
    },
  }
  return queue
}

function asError(thrown: unknown): OmenDBError {
  return thrown instanceof OmenDBError ? thrown : failure('refused', String(thrown), thrown)
}

/** Removes the next batch: what can go in one request, but one item at least. */
function takeBatch(queue: Item[], maxPoints: number, maxBytes: number): Item[] {
  let points = 0
  let bytes = 0
  const end = queue.findIndex((item, index) => {
    points += item.count
    bytes += item.size
    return index > 0 && (points > maxPoints || bytes > maxBytes)
  })
  return queue.splice(0, end < 0 ? queue.length : end)
}

/** Sends until each item is stored or given up; never throws. */
async function sendBatch(post: Post, items: readonly Item[], fail: Fail): Promise<void> {
  const { body, places } = joinEntries(items)
  try {
    await post(body)
  } catch (thrown) {
    const { status, errors } = asError(thrown)
    const named = errors.map(({ pointer }) => /^\/\d+(\/rows\/\d+)?/.exec(pointer ?? '')?.[0])
    const isBad = (_item: Item, index: number): boolean => named.includes(places[index])
    const middle = items.length >> 1
    // One bad point refuses a request: the others go again without it. Too large a one goes in halves.
    const parts =
      status === 413
        ? [items.slice(0, middle), items.slice(middle)]
        : [items.filter((item, index) => !isBad(item, index))]
    const { length } = parts[0]!
    if (length === 0 || length === items.length) return fail(thrown, items)
    if (named.length > 0) fail(thrown, items.filter(isBad))
    for (const part of parts) await sendBatch(post, part, fail)
  }
}
