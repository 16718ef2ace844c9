// The dedicated worker that has a database of a page, and answers its calls with the server's app. It
// is started by `open` (browser.ts), opens what the first message says, and ends with `close` or its
// page; what it acknowledged is on disk by then.

import { openBrowserDatabase } from '../../engine/browser-database.ts'
import type { Database, OpenOptions } from '../../engine/database.ts'
import { OmenError, messageOf } from '../../engine/error.ts'
import { type App, createApp } from '../app.ts'
import { browserSql } from './browser-sql.ts'
import type { CallInit, FromWorker, ToWorker } from './worker-call.ts'

/** The part of the global scope that is used. */
interface Scope {
  addEventListener(type: 'message', listen: (event: MessageEvent<ToWorker>) => void): void
  postMessage(message: FromWorker, transfer: Transferable[]): void
  close(): void
}

const scope = globalThis as unknown as Scope

function tell(message: FromWorker, bytes: Uint8Array<ArrayBuffer> | null = null): void {
  scope.postMessage(message, bytes === null ? [] : [bytes.buffer])
}

function refuse(error: unknown): void {
  const code = error instanceof OmenError ? error.code : 'internal'
  tell({ kind: 'refused', code, message: messageOf(error) })
}

/** A call that is under way. */
interface Call {
  readonly abort: AbortController
  reader: ReadableStreamDefaultReader<Uint8Array> | null
}

const calls = new Map<number, Call>()
let database: Database | null = null
let app: App | null = null

/** Calls that one page makes are not rationed, and need no token: it is the owner's. */
const UNLIMITED = { perSecond: 0, atOnce: 0 }

async function open({ location, options, module }: ToWorker & { kind: 'open' }): Promise<void> {
  try {
    database = await openBrowserDatabase(module, location, options as OpenOptions)
    app = createApp(database, { trusted: true, requestLimits: UNLIMITED, sql: browserSql })
    tell({ kind: 'opened' })
  } catch (error) {
    refuse(error)
  }
}

async function answer(id: number, url: string, init: CallInit): Promise<void> {
  const call: Call = { abort: new AbortController(), reader: null }
  calls.set(id, call)
  try {
    const request = new Request(url, { ...(init as RequestInit), signal: call.abort.signal })
    await send(id, call, await app!.fetch(request))
  } catch (error) {
    calls.delete(id)
    tell({ kind: 'broken', id, message: messageOf(error) })
  }
}

async function send(id: number, call: Call, response: Response): Promise<void> {
  const { status, body } = response
  const headers = [...response.headers]
  const isWhole = body === null || /json(;|$)/.test(response.headers.get('content-type') ?? '')
  if (!isWhole) {
    call.reader = body.getReader()
    tell({ kind: 'answer', id, status, headers, isWhole, bytes: null })
    return
  }
  const bytes = body === null ? null : new Uint8Array(await response.arrayBuffer())
  calls.delete(id)
  tell({ kind: 'answer', id, status, headers, isWhole, bytes }, bytes)
}

/** Sends the next piece of an answer; null ends it. */
async function pull(id: number): Promise<void> {
  const reader = calls.get(id)?.reader
  if (!reader) return
  try {
    const { value } = await reader.read()
    // A copy: the piece may be a part of a buffer that is used again.
    const bytes = value === undefined ? null : new Uint8Array(value)
    if (bytes === null) calls.delete(id)
    tell({ kind: 'piece', id, bytes }, bytes)
  } catch (error) {
    calls.delete(id)
    tell({ kind: 'broken', id, message: messageOf(error) })
  }
}

function cancel(id: number): void {
  const call = calls.get(id)
  calls.delete(id)
  call?.abort.abort()
  void call?.reader?.cancel().catch(() => {})
}

async function close(): Promise<void> {
  for (const id of calls.keys()) cancel(id)
  try {
    await database?.close()
    tell({ kind: 'closed' })
  } catch (error) {
    refuse(error)
  }
  scope.close()
}

scope.addEventListener('message', ({ data }) => {
  if (data.kind === 'open') void open(data)
  else if (data.kind === 'call') void answer(data.id, data.url, data.init)
  else if (data.kind === 'pull') void pull(data.id)
  else if (data.kind === 'cancel') cancel(data.id)
  else void close()
})
