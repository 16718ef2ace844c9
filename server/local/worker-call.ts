// Calls that cross from a page to the worker that has the database: the messages, and the page's side
// of them as a `fetch`. Answers that are JSON come whole; others in pieces that the reader pulls, so
// that an export of any size takes little memory on both sides. No stream is transferred: not every
// browser can.

/** What goes to the worker. `id` names a call; 0 is the first. */
export type ToWorker =
  | { kind: 'open'; location: string; options: object; module: WebAssembly.Module }
  | { kind: 'call'; id: number; url: string; init: CallInit }
  | { kind: 'pull' | 'cancel'; id: number }
  | { kind: 'close' }

export interface CallInit {
  readonly method: string
  readonly headers: [string, string][]
  readonly body: string | Uint8Array | Blob | null
}

/** What comes from it. `isWhole`: there are no pieces to pull. */
export type FromWorker =
  | { kind: 'opened' | 'closed' }
  | { kind: 'refused'; code: string; message: string }
  | {
      kind: 'answer'
      id: number
      status: number
      headers: [string, string][]
      isWhole: boolean
      bytes: Uint8Array<ArrayBuffer> | null
    }
  | { kind: 'piece'; id: number; bytes: Uint8Array<ArrayBuffer> | null }
  | { kind: 'broken'; id: number; message: string }

type Receive = (message: FromWorker & { id: number }) => void

/** A Worker. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void
}

/** Statuses whose Response must not have a body. */
const BODILESS = new Set([204, 205, 304])

/** The page's side: a `fetch` that the worker answers. */
export class WorkerCalls {
  private readonly port: Port
  private readonly receivers = new Map<number, Receive>()
  private nextId = 0
  /** Why no call can be answered any more. */
  private failure: Error | null = null

  constructor(port: Port) {
    this.port = port
  }

  /** Ends all calls; later ones fail, too. */
  fail(error: Error): void {
    this.failure ??= error
    for (const [id, receive] of this.receivers)
      receive({ kind: 'broken', id, message: error.message })
    this.receivers.clear()
  }

  /** A message from the worker about a call. One about a call that has ended says nothing. */
  receive(message: FromWorker & { id: number }): void {
    this.receivers.get(message.id)?.(message)
  }

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const { signal } = init
    const body = await portable(init.body ?? null)
    signal?.throwIfAborted()
    if (this.failure !== null) throw this.failure
    const id = this.nextId++
    const url = input instanceof Request ? input.url : input.toString()
    const headers = [...new Headers(init.headers)]
    const call = { method: init.method ?? 'GET', headers, body }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.end(id)
        reject(signal!.reason as Error)
      }
      signal?.addEventListener('abort', leave)
      this.receivers.set(id, (message) => {
        signal?.removeEventListener('abort', leave)
        if (message.kind === 'answer') resolve(this.responseOf(message, signal ?? null))
        else if (message.kind === 'broken') {
          this.receivers.delete(id)
          reject(new Error(message.message))
        }
      })
      this.post({ kind: 'call', id, url, init: call })
    })
  }

  private responseOf(
    { id, status, headers, isWhole, bytes }: FromWorker & { kind: 'answer' },
    signal: AbortSignal | null,
  ): Response {
    if (isWhole) this.receivers.delete(id)
    const body = isWhole ? bytes : this.streamOf(id, signal)
    return new Response(BODILESS.has(status) ? null : body, { status, headers })
  }

  private streamOf(id: number, signal: AbortSignal | null): ReadableStream<Uint8Array> {
    let leave = (): void => {}
    const done = (): void => {
      signal?.removeEventListener('abort', leave)
      this.receivers.delete(id)
    }
    let pulled = (): void => {}
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          leave = () => {
            this.end(id)
            controller.error(signal!.reason)
            pulled()
          }
          signal?.addEventListener('abort', leave)
          this.receivers.set(id, (message) => {
            if (message.kind === 'piece' && message.bytes !== null) {
              controller.enqueue(message.bytes)
            } else {
              done()
              if (message.kind === 'piece') controller.close()
              else controller.error(new Error((message as { message: string }).message))
            }
            pulled()
          })
        },
        pull: () => {
          this.post({ kind: 'pull', id })
          return new Promise<void>((resolve) => (pulled = resolve))
        },
        cancel: () => {
          done()
          this.end(id)
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** The worker need not go on. */
  private end(id: number): void {
    this.receivers.delete(id)
    this.post({ kind: 'cancel', id })
  }

  private post(message: ToWorker): void {
    if (this.failure === null) this.port.postMessage(message, [])
  }
}

/** A body as it can cross; whatever is not text or bytes becomes a Blob first. */
async function portable(body: BodyInit | null): Promise<string | Uint8Array | Blob | null> {
  const isPortable = typeof body === 'string' || body instanceof Uint8Array || body === null
  return isPortable ? body : new Response(body).blob()
}
