// One request from its arrival to the last byte of its answer, which for a stream comes long after the
// answer began: what it took of its caller's share is given back then, and its line of the log written.

import type { ServerContext } from './endpoint.ts'
import type { Grant } from './grant.ts'

/** What a log says of a request; nothing of it is secret, and nothing comes out of a query. */
export interface RequestRecord {
  /** Milliseconds since 1970 when it arrived. */
  readonly time: number
  readonly id: string
  readonly method: string
  /** The pattern of its route, not its path. */
  readonly route: string
  readonly status: number
  /** Of the answer's body, as far as it was sent. */
  readonly bytes: number
  readonly durationMs: number
  /** Name of the token. */
  readonly token: string | null
  readonly database: string | null
  /** The answer broke off. */
  readonly isBroken: boolean
}

export type RequestLog = (record: RequestRecord) => void

export class Course {
  readonly startedAt = performance.now()
  readonly time = Date.now()
  /** Bytes of the body so far. */
  bytes = 0
  status = 0
  /** Gives back what the request took of its caller's share. */
  leave: (() => void) | null = null
  private isStream = false
  private isOver = false
  private readonly c: ServerContext
  private readonly log: RequestLog | null

  constructor(c: ServerContext, log: RequestLog | null) {
    this.c = c
    this.log = log
  }

  /** Whether anybody wants to know how long a text is. */
  get isCounted(): boolean {
    return this.log !== null
  }

  get elapsedMs(): number {
    return performance.now() - this.startedAt
  }

  /** The head of the answer is made; so is the request if its body is whole. */
  answered(): void {
    if (!this.isStream) this.end(false)
  }

  /** The same pieces for as long as the grant holds: a stream must not outlive its token. */
  follow(pieces: AsyncIterator<Uint8Array>, grant: Grant): AsyncIterator<Uint8Array> {
    this.isStream = true
    const finish = async (): Promise<IteratorReturnResult<undefined>> => {
      this.end(false)
      await pieces.return?.()
      return { done: true, value: undefined }
    }
    return {
      next: async () => {
        try {
          const next = await pieces.next()
          if (next.done === true) this.end(false)
          else this.bytes += next.value.length
          if (next.done !== true && grant.holder !== null) grant.check()
          return next
        } catch (error) {
          this.end(true)
          await pieces.return?.()
          throw error
        }
      },
      return: finish,
    }
  }

  private end(isBroken: boolean): void {
    if (this.isOver) return
    this.isOver = true
    this.leave?.()
    this.log?.(this.record(isBroken))
  }

  private record(isBroken: boolean): RequestRecord {
    const { c, time, status, bytes } = this
    return {
      ...{ time, id: c.get('requestId'), method: c.req.raw.method, route: c.get('route') },
      // A HEAD runs as GET, and sends nothing of what that would.
      ...{ status, bytes: c.req.raw.method === 'HEAD' ? 0 : bytes, durationMs: this.elapsedMs },
      token: c.get('grant').holder?.name ?? null,
      database: knownName(c.get('database')),
      isBroken,
    }
  }
}

/** A database's name, if it can be one: others could be anything. */
function knownName(database: string | undefined): string | null {
  return database !== undefined && /^[\w.-]{1,63}$/.test(database) ? database : null
}
