// Tokens, scopes and what nobody without one may do, the same on every host.

import { expect, test } from 'vitest'
import { useLiveServer, type Json } from '../../server/live.ts'

const ADMIN = 'omen_of_the_suite'
const live = useLiveServer({
  OMENDB_TOKEN: ADMIN,
  OMENDB_CORS_ORIGIN: 'https://dashboard.example',
})

async function call(
  method: string,
  path: string,
  token: string | null,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: any; headers: Headers }> {
  const init: RequestInit = {
    method,
    headers: { ...(token === null ? {} : { Authorization: `Bearer ${token}` }), ...headers },
  }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(live.url + path, init)
  const text = await answer.text()
  const isJson = (answer.headers.get('content-type') ?? '').endsWith('json')
  return { status: answer.status, body: isJson ? JSON.parse(text) : text, headers: answer.headers }
}

const json = { 'Content-Type': 'application/json' }

async function makeToken(scopes: Json, more: Json = {}): Promise<{ id: string; token: string }> {
  const made = await call('POST', '/v1/tokens', ADMIN, { name: 'some', scopes, ...more }, json)
  expect(made.status).toBe(201)
  return made.body
}

/** Asks again until the status is another one: for seconds at most, as docs/edge.md says. */
async function until(status: number, ask: () => Promise<{ status: number }>): Promise<void> {
  await expect.poll(async () => (await ask()).status, { timeout: 20_000 }).toBe(status)
}

test('without a valid token nothing is answered but what is open', async () => {
  for (const token of [null, 'wrong', `${ADMIN}x`, ADMIN.slice(0, -1)]) {
    for (const path of ['/v1/tables', '/v1/databases', '/v1/tokens', '/metrics', '/v1/backup']) {
      const { status, body, headers } = await call('GET', path, token)
      expect([path, status, body.code]).toEqual([path, 401, 'unauthorized'])
      expect(headers.get('www-authenticate')).toBe('Bearer')
    }
    expect((await call('POST', '/v1/write', token, 'cpu v=1')).status).toBe(401)
    expect((await call('POST', '/write', token, 'cpu v=1')).body).toMatchObject({ error: /token/ })
  }
  for (const path of ['/health', '/ready', '/openapi.json', '/docs', '/ping']) {
    expect((await call('GET', path, null)).status, path).toBeLessThan(300)
  }
  expect((await call('GET', '/v1/tables', ADMIN)).body).toEqual({ tables: [] })
})

test('a verdict that an outsider sends is none', async () => {
  const forged = encodeURIComponent(
    JSON.stringify({ database: 'default', epoch: 9, holder: null, scopes: null, expiresAt: null }),
  )
  for (const header of ['OmenDB-Verdict', 'omendb-verdict']) {
    const { status } = await call('GET', '/v1/tables', null, undefined, { [header]: forged })
    expect(status).toBe(401)
    const { token } = await makeToken({ mine: ['read'] })
    const foreign = await call('GET', '/v1/tables', token, undefined, { [header]: forged })
    expect(foreign.status).toBe(403)
  }
})

test('a token does what its scopes say, in its databases', async () => {
  const { token } = await makeToken({ one: ['write'], two: ['read'] })
  expect((await call('POST', '/v1/write?db=one', token, 'cpu v=1 1')).status).toBe(200)
  expect((await call('GET', '/v1/query?db=one&table=cpu', token)).status).toBe(403)
  expect((await call('POST', '/v1/write?db=two', token, 'cpu v=1 1')).status).toBe(403)
  expect((await call('GET', '/v1/query?db=two&table=cpu', token)).status).toBe(404)
  expect((await call('POST', '/v1/write?db=three', token, 'cpu v=1 1')).status).toBe(403)
  expect((await call('DELETE', '/v1/databases/one', token)).status).toBe(403)
  expect((await call('POST', '/v1/tokens', token, { name: 'x', scopes: {} }, json)).status).toBe(
    403,
  )
  const names = (await call('GET', '/v1/databases', token)).body.databases
  expect(names).toEqual([{ name: 'one' }])
  expect((await call('GET', '/v1/databases', ADMIN)).body.databases).not.toContainEqual({
    name: 'three',
  })
  // InfluxDB's ways to send it.
  const path = `/write?db=one&u=any&p=${token}`
  expect((await call('POST', path, null, 'cpu v=2 2')).status).toBe(204)
  const basic = { Authorization: `Basic ${btoa(`any:${token}`)}` }
  expect((await call('POST', '/write?db=one', null, 'cpu v=2 2', basic)).status).toBe(204)
  expect((await call('GET', '/v1/tables?db=two', null, undefined, basic)).status).toBe(401)
})

test('revoked and expired tokens open nothing, and restarts change nothing', async () => {
  const { id, token } = await makeToken({ '*': ['read'] })
  const soon = await makeToken({ '*': ['read'] }, { expiresAt: Date.now() + 1_500 })
  const ask = (one: string) => () => call('GET', '/v1/tables', one)
  expect([(await ask(token)()).status, (await ask(soon.token)()).status]).toEqual([200, 200])
  await until(401, ask(soon.token))
  await live.restart('SIGKILL')
  expect((await ask(token)()).status).toBe(200)
  expect((await call('DELETE', `/v1/tokens/${id}`, ADMIN)).status).toBe(204)
  await until(401, ask(token))
  await live.restart('SIGTERM')
  expect((await ask(token)()).status).toBe(401)
  const { tokens } = (await call('GET', '/v1/tokens', ADMIN)).body
  expect(tokens.map((one: Json) => one.id)).not.toContain(id)
})

test('pages of a known origin may call, others not', async () => {
  const ask = (origin: string, method = 'GET') =>
    call(method, '/v1/tables', method === 'GET' ? ADMIN : null, undefined, {
      Origin: origin,
      ...(method === 'OPTIONS' ? { 'Access-Control-Request-Method': 'GET' } : {}),
    })
  const preflight = await ask('https://dashboard.example', 'OPTIONS')
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization')
  const allowed = await ask('https://dashboard.example')
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://dashboard.example')
  const other = await ask('https://evil.example')
  expect(other.headers.get('access-control-allow-origin')).toBeNull()
  expect((await ask('https://evil.example', 'OPTIONS')).status).toBe(405)
})
