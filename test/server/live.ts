// A live server for tests: real HTTP on a free port. What it is, the project of the run says (vitest.config.ts):
// the engine in memory in this process, the command line's process on files, or the deployed Worker in
// workerd. A file whose tests know only this runs on all of them, the same cases.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { open } from '../../engine/node.ts'
import { startServer } from '../../server/node.ts'
import { startProcess } from '../e2e/process.ts'
import { startWorker } from '../e2e/worker.ts'

export type Json = Record<string, any>

/** What a live server may be. */
export type HostName = 'memory' | 'files' | 'workerd'

export const HOST = (process.env['OMENDB_TEST_HOST'] ?? 'memory') as HostName

/** Calls of one live server. */
export interface Live {
  readonly url: string
  send(path: string, body: string | Uint8Array, headers?: Record<string, string>): Promise<Sent>
  sendJson(path: string, body: unknown): Promise<Sent>
  /** GET of JSON that must be answered with `status`. */
  get(path: string, status?: number): Promise<Json>
  /** POST /v1/query that must succeed. */
  query(request: Json, database?: string): Promise<Json>
  /** Ends it, in the middle of whatever it does with SIGKILL, and starts it on what it has stored. */
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

interface Sent {
  status: number
  body: Json
}

interface Running {
  readonly url: string
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  stop(): Promise<void>
}

type Start = (directory: string, variables: Record<string, string>) => Promise<Running>

const STARTS: Readonly<Record<HostName, Start>> = {
  async memory(_directory, { OMENDB_TOKEN: token }) {
    const db = await open('memory:')
    const server = await startServer(db, { port: 0, token })
    return {
      url: server.url,
      restart: () => Promise.reject(new Error('memory does not outlive its process')),
      async stop() {
        await server.close()
        await db.close()
      },
    }
  },
  async files(directory, variables) {
    let running = await startProcess(directory, [], variables)
    const { url } = running
    return {
      url,
      async restart(signal) {
        await running.stop(signal)
        running = await startProcess(directory, ['--port', new URL(url).port], variables)
      },
      stop: async () => void (await running.stop('SIGTERM')),
    }
  },
  workerd: (directory, variables) => startWorker(inject('bundle'), directory, variables),
}

/** Starts a server before the tests of this file and stops it after them; with variables of its environment. */
export function useLiveServer(variables: Record<string, string> = {}): Live {
  let running: Running
  const directory = mkdtempSync(join(tmpdir(), 'omendb-live-'))
  const token = variables['OMENDB_TOKEN']
  const access: Record<string, string> =
    token === undefined ? {} : { Authorization: `Bearer ${token}` }
  beforeAll(async () => {
    running = await STARTS[HOST](directory, variables)
  })
  afterAll(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const send: Live['send'] = async (path, body, headers = {}) => {
    const given = { ...access, ...headers }
    const init = { method: 'POST', body: body as BodyInit, headers: given }
    const response = await fetch(running.url + path, init)
    const text = await response.text()
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as Json }
  }
  const sendJson: Live['sendJson'] = (path, body) =>
    send(path, JSON.stringify(body), { 'Content-Type': 'application/json' })
  return {
    get url() {
      return running.url
    },
    send,
    sendJson,
    async get(path, status = 200) {
      const response = await fetch(running.url + path, { headers: access })
      const body = (await response.json()) as Json
      expect([response.status, body['detail']]).toEqual([status, body['detail']])
      return body
    },
    async query(request, database = 'default') {
      const { status, body } = await sendJson(`/v1/query?db=${database}`, request)
      expect([status, body['detail']]).toEqual([200, undefined])
      return body
    },
    restart: (signal) => running.restart(signal),
  }
}
