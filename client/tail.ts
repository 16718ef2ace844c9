// Points as they are written: server-sent events over fetch, which unlike EventSource can send a token.
// A connection that breaks, or on which not even a comment came for a while, is made again, with the id
// of the last event, so that the server goes on behind it. What it no longer has is told as a gap.

import { decodeSeries, exactly } from './answer.ts'
import { sleep } from './backoff.ts'
import { OmenDBError, problemOf } from './error.ts'
import { linesOf } from './lines.ts'
import type { AnswerColumn, TailRequest } from './shapes.ts'
import type { CallOptions, Send } from './transport.ts'
import type { AnyTable, TailEvent } from './typed.ts'

export interface TailOptions extends CallOptions {
  /** Id of the last event that was seen: go on behind it. */
  lastEventId?: string | undefined
  /** Milliseconds without a sign of life after which the connection is made again; default 45,000. */
  idleMs?: number | undefined
}

interface Message {
  id: string
  event: string
  data: string
}

const ENDLESS = { attempts: Infinity, withinMs: Infinity }

/** Ends only by the reader, the signal, or an error that another attempt would meet again. */
export async function* followTail<R extends TailRequest>(
  send: Send,
  asked: R,
  { lastEventId = '', idleMs = 45_000, ...call }: TailOptions = {},
): AsyncGenerator<TailEvent<AnyTable, R>, void> {
  const decode = createDecoder(asked)
  const parameters = exactly(asked)
  for (;;) {
    try {
      const headers = { Accept: 'text/event-stream', 'Last-Event-ID': lastEventId }
      const outgoing = { retry: ENDLESS, ...call, parameters, headers, isStream: true }
      const response = await send('GET', '/v1/tail', outgoing)
      for await (const message of messagesOf(linesOf(response, idleMs))) {
        const event = decode(message)
        if (event) yield event as TailEvent<AnyTable, R>
        lastEventId = message.id || lastEventId
      }
    } catch (thrown) {
      // Errors that the server names, and ours; whatever else ends a stream is a lost connection.
      const isFinal =
        thrown instanceof OmenDBError ? !thrown.retryable : thrown instanceof SyntaxError
      if (isFinal) throw thrown
    }
    await sleep(Math.random() * 1_000, call.signal)
  }
}

/**
 * Messages of a stream (WHATWG HTML, 9.2.6). One that the stream breaks off is none. Lines of `data` are
 * put together without their ends, which mean nothing in JSON.
 */
async function* messagesOf(lines: AsyncIterable<string>): AsyncGenerator<Message, void> {
  let message: Message = { id: '', event: '', data: '' }
  for await (const line of lines) {
    const [, name, value] = /^(id|event|data): ?(.*)/.exec(line) ?? []
    if (name) message[name as keyof Message] = (name === 'data' ? message.data : '') + value!
    if (line) continue
    if (message.data) yield message
    message = { id: message.id, event: '', data: '' }
  }
}

/** Makes events of messages; of a kind that it does not know, nothing. Throws what an `error` says. */
function createDecoder({ time }: TailRequest): (message: Message) => unknown {
  let columns: AnswerColumn[] = []
  return ({ id, event, data }) => {
    if (event === 'error') {
      const problem = { status: 0, code: event, detail: data, ...problemOf(data) }
      throw new OmenDBError(problem.status, problem)
    }
    const parsed = JSON.parse(data) as { columns?: AnswerColumn[]; series: object[] }
    if (event === 'gap') return { kind: event, id, detail: parsed }
    if (event !== 'points' && event !== 'buckets') return null
    // They come when they are others than before.
    columns = parsed.columns ?? columns
    return decodeSeries({ kind: event, id, series: parsed.series }, columns, time)
  }
}
