// A live server for tests: real HTTP on a free port, the real engine in memory.

import { afterAll, beforeAll, expect } from 'vitest'
import { open } from '../../engine/node.ts'
import { startServer, type RunningServer } from '../../server/node.ts'

export type Json = Record<string, any>

/** Calls of one live server. */
export interface Live {
  readonly url: string
  send(path: string, body: string | Uint8Array, headers?: Record<string, string>): Promise<Sent>
  sendJson(path: string, body: unknown): Promise<Sent>
  /** GET of JSON that must be answered with `status`. */
  get(path: string, status?: number): Promise<Json>
  /** POST /v1/query that must succeed. */
  query(request: Json, database?: string): Promise<Json>
}

interface Sent {
  status: number
  body: Json
}

/** Starts a server before the tests of this file and stops it after them. */
export function useLiveServer(): Live {
  let db: Awaited<ReturnType<typeof open>>
  let server: RunningServer
  beforeAll(async () => {
    db = await open('memory:')
    server = await startServer(db, { port: 0 })
  })
  afterAll(async () => {
    await server.close()
    await db.close()
  })
  const send: Live['send'] = async (path, body, headers = {}) => {
    const init = { method: 'POST', body: body as BodyInit, headers }
    const response = await fetch(server.url + path, init)
    const text = await response.text()
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as Json }
  }
  const sendJson: Live['sendJson'] = (path, body) =>
    send(path, JSON.stringify(body), { 'Content-Type': 'application/json' })
  return {
    get url() {
      return server.url
    },
    send,
    sendJson,
    async get(path, status = 200) {
      const response = await fetch(server.url + path)
      const body = (await response.json()) as Json
      expect([response.status, body['detail']]).toEqual([status, body['detail']])
      return body
    },
    async query(request, database = 'default') {
      const { status, body } = await sendJson(`/v1/query?db=${database}`, request)
      expect([status, body['detail']]).toEqual([200, undefined])
      return body
    },
  }
}
