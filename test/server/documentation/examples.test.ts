// The API document beside a server: each operation's example is sent, and what comes back has the status,
// type and shape that the document says, and is the answer that it shows. Errors have theirs.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../../engine/node.ts'
import { createApp } from '../../../server/app.ts'
import { nodeSql } from '../../../server/node/sql.ts'
import { startProcess } from '../../e2e/process.ts'
import { bundleWorker, startWorker } from '../../e2e/worker.ts'
import { misfits } from './shape.ts'
import {
  document,
  operations,
  remoteWrite,
  requestOf,
  type Found,
  type Operation,
  type Sent,
} from './walk.ts'

const TOKEN = 'omen_of_the_walk'

type Fetch = (sent: Sent) => Promise<Response>

let send: Fetch
/** To a server without data, for what wants one. */
let sendFresh: Fetch
let found: Found
let isWorker = false
/** What the walk has in `default` when it makes an archive of that alone. */
const ONE_RESTORED = { databases: 1, tables: 2, points: 8 }
let stop: () => Promise<void>

async function start(host: string): Promise<void> {
  found = { parameters: {}, bodies: { prometheusWrite: remoteWrite() } }
  isWorker = host === 'a Worker'
  await STARTS[host]!()
}

const STARTS: Readonly<Record<string, () => Promise<void>>> = {
  'an app': startApps,
  'a process': startProcesses,
  'a Worker': startWorkers,
}

async function startApps(): Promise<void> {
  const all = [await open('memory:'), await open('memory:')]
  const [first, second] = all.map((db): Fetch => {
    const app = createApp(db, { token: TOKEN, log: () => {}, sql: nodeSql })
    return async ({ path, init }) => await app.request(`http://localhost${path}`, init)
  })
  send = first!
  sendFresh = second!
  stop = async () => void (await Promise.all(all.map((db) => db.close())))
}

async function startProcesses(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-walk-'))
  const names = ['one', 'two'].map((name) => join(directory, name))
  const all = await Promise.all(
    names.map((name) => startProcess(name, [], { OMENDB_TOKEN: TOKEN })),
  )
  const [first, second] = all.map(
    ({ url }): Fetch =>
      ({ path, init }) =>
        fetch(url + path, { ...init, redirect: 'manual' }),
  )
  send = first!
  sendFresh = second!
  stop = async () => {
    await Promise.all(all.map((one) => one.stop('SIGTERM')))
    rmSync(directory, { recursive: true })
  }
}

/** Two deployments of the bundle, in workerd. */
async function startWorkers(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-walk-'))
  const bundle = join(directory, 'bundle')
  await bundleWorker(bundle)
  const variables = { OMENDB_TOKEN: TOKEN }
  const all = await Promise.all(
    ['one', 'two'].map((name) => startWorker(bundle, join(directory, name), variables)),
  )
  const [first, second] = all.map(
    ({ url }): Fetch =>
      ({ path, init }) =>
        fetch(url + path, { ...init, redirect: 'manual' }),
  )
  send = first!
  sendFresh = second!
  stop = async () => {
    await Promise.all(all.map((one) => one.stop()))
    rmSync(directory, { recursive: true })
  }
}

const typeOf = (response: Response): string =>
  (response.headers.get('content-type') ?? '').split(';')[0]!

async function answerTo(operation: Operation): Promise<{ response: Response; body: unknown }> {
  const isFresh = operation.operationId === 'restore'
  const { path, init } = requestOf(operation, found, TOKEN)
  // There an archive is of one database, and the walk has made two.
  const one = isWorker && operation.operationId === 'backup' ? `${path}?db=default` : path
  const response = await (isFresh ? sendFresh : send)({ path: one, init })
  const bytes = await bytesOf(response)
  if (operation.operationId === 'backup') found.bodies['restore'] = bytes
  const text = new TextDecoder().decode(bytes)
  const body: unknown = typeOf(response).endsWith('json') ? JSON.parse(text) : text
  if (operation.operationId === 'createToken') {
    found.parameters['id'] = (body as { id: string }).id
  }
  return { response, body }
}

/** All of an answer; of a stream that does not end, what comes first. */
async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  if (typeOf(response) !== 'text/event-stream') return new Uint8Array(await response.arrayBuffer())
  const reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>
  const { value } = await reader.read()
  await reader.cancel()
  return value ?? new Uint8Array()
}

/** What no two runs have alike, at any depth. */
const VOLATILE = new Set(['elapsedMs', 'id', 'createdAt', 'token', 'diskBytes'])

function steady(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(steady)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      VOLATILE.has(name) ? typeof one : steady(one),
    ]),
  )
}

/** The answer to a request has a status, a type and a shape that the operation says. */
function expectDocumented({ responses }: Operation, response: Response, body: unknown): void {
  const documented = responses[String(response.status)] ?? responses['default']
  expect(documented, `status ${response.status}: ${JSON.stringify(body)}`).toBeDefined()
  const { content } = documented!
  if (content === undefined) return expect(body).toBe('')
  const media = content[typeOf(response)]
  expect(media, `${typeOf(response)} is not documented`).toBeDefined()
  expect(misfits(document, media!.schema, body)).toEqual([])
}

/** Errors are problem documents, and no parameter is passed over. */
const isNative = ([, { path, responses }]: readonly [string, Operation]): boolean =>
  path.startsWith('/v1/') && 'application/problem+json' in (responses['default']?.content ?? {})

const named = operations.map((one) => [one.operationId, one] as const)

describe.each(Object.keys(STARTS))('beside %s the example of', (host) => {
  beforeAll(() => start(host), 60_000)
  afterAll(() => stop())

  test.each(named)('%s is answered as the document says', async (_name, operation) => {
    const { response, body } = await answerTo(operation)
    const documented = operation.responses[String(response.status)]
    expect(documented, `status ${response.status}: ${JSON.stringify(body)}`).toBeDefined()
    expectDocumented(operation, response, body)
    const example = documented!.content?.[typeOf(response)]?.example
    if (example === undefined) return
    const isOfOne = isWorker && operation.operationId === 'restore'
    expect(steady(body)).toEqual(steady(isOfOne ? ONE_RESTORED : example))
  })

  test.each(named)('%s without a token is refused in its own shape', async (_name, operation) => {
    const { response, body } = await (async () => {
      const answer = await send(requestOf(operation, found, null))
      const text = await answer.text()
      const isJson = typeOf(answer).endsWith('json')
      return { response: answer, body: isJson ? (JSON.parse(text) as unknown) : text }
    })()
    if (operation.security?.length === 0) return expect(response.status).toBeLessThan(400)
    // Neon's driver reads an error of a 400 alone.
    const isNeon = operation.operationId === 'neonSql'
    expect(response.status).toBe(isNeon ? 400 : 401)
    if (isNeon) expect(body).toMatchObject({ code: '28P01' })
    else expect(response.headers.get('www-authenticate')).not.toBeNull()
    expectDocumented(operation, response, body)
  })

  test.each(named.filter(isNative))(
    '%s with a parameter that it does not have is a problem',
    async (_name, operation) => {
      const { path, init } = requestOf(operation, found, TOKEN)
      const response = await send({
        path: `${path}${path.includes('?') ? '&' : '?'}nonsense=1`,
        init,
      })
      const body: unknown = await response.json()
      expect(body).toMatchObject({
        status: 400,
        code: 'bad_request',
        errors: [{ pointer: '/nonsense' }],
      })
      expectDocumented(operation, response, body)
    },
  )
})

describe('the document says of', () => {
  test.each(named)('%s what it does, takes and answers', (_name, operation) => {
    const { summary, description, parameters = [], requestBody, responses } = operation
    expect(summary).toMatch(/\w/)
    expect(description ?? '').toMatch(/\w{2}/)
    for (const { name, description: said, schema } of parameters) {
      expect([name, said ?? schema.description]).toEqual([name, expect.stringMatching(/\w{2}/)])
    }
    for (const { example, schema } of Object.values(requestBody?.content ?? {})) {
      if (example !== undefined) expect(misfits(document, schema, example)).toEqual([])
    }
    for (const { description: said, content } of Object.values(responses)) {
      expect(said).toMatch(/\w{2}/)
      for (const { example, schema } of Object.values(content ?? {})) {
        if (example !== undefined) expect(misfits(document, schema, example)).toEqual([])
      }
    }
  })

  test('every schema that has an example one that fits', () => {
    for (const schema of Object.values(document.components.schemas)) {
      const { example } = schema as { example?: unknown }
      if (example !== undefined) expect(misfits(document, schema, example)).toEqual([])
    }
  })

  test('every operation under a name of its own', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
