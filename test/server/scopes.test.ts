// Every route × every scope × every database: who may do what is written here a second time, by hand,
// and a route that is not in this table fails the test.

import { beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { SCOPES } from '../../server/grant.ts'
import { open } from '../../engine/node.ts'

const ADMIN = 'omen_the-admin'

/** What a route asks for: a scope in the database of the request, or in all; null = no token. */
type Needs = 'read' | 'write' | 'admin' | 'server' | 'listing' | 'reader' | null

/** Method and path (DB stands for the database of the request), then what it needs. */
const RULES: [string, string, Needs][] = [
  ['GET', '/', null],
  ['GET', '/docs', null],
  ['GET', '/openapi.json', null],
  ['GET', '/health', null],
  ['GET', '/ready', null],
  ['GET', '/ping', null],
  ['HEAD', '/ping', null],
  ['GET', '/metrics', 'reader'],
  ['POST', '/v1/write?db=DB', 'write'],
  ['POST', '/v1/points?db=DB', 'write'],
  ['POST', '/v1/import?db=DB&table=t', 'write'],
  ['POST', '/write?db=DB', 'write'],
  ['POST', '/api/v2/write?bucket=DB', 'write'],
  ['POST', '/api/v2/write?bucket=DB%2Fautogen', 'write'],
  ['POST', '/api/v2/write?db=DB&bucket=open', 'write'],
  ['POST', '/api/v3/write_lp?db=DB', 'write'],
  ['POST', '/api/v1/write?db=DB', 'write'],
  ['POST', '/v1/metrics?db=DB', 'write'],
  ['GET', '/v1/query?db=DB&table=t', 'read'],
  ['HEAD', '/v1/query?db=DB&table=t', 'read'],
  ['POST', '/v1/query?db=DB', 'read'],
  ['GET', '/v1/latest?db=DB&table=t', 'read'],
  ['GET', '/v1/export?db=DB&table=t', 'read'],
  ['GET', '/v1/tail?db=DB&table=t', 'read'],
  ['POST', '/v1/export?db=DB', 'read'],
  ['GET', '/v1/tables?db=DB', 'read'],
  ['GET', '/v1/tables/t?db=DB', 'read'],
  ['PUT', '/v1/tables/t?db=DB', 'admin'],
  ['DELETE', '/v1/tables/none?db=DB', 'admin'],
  ['DELETE', '/v1/tables/t/columns/none?db=DB', 'admin'],
  ['DELETE', '/v1/tables/t/rows?db=DB&dryRun=true', 'admin'],
  ['GET', '/v1/tables/t/series?db=DB', 'read'],
  ['GET', '/v1/tables/t/tags?db=DB', 'read'],
  ['GET', '/v1/tables/t/tags/k/values?db=DB', 'read'],
  ['GET', '/v1/tables/t/stats?db=DB', 'read'],
  ['GET', '/v1/databases', 'listing'],
  ['PUT', '/v1/databases/DB', 'admin'],
  ['DELETE', '/v1/databases/DB', 'admin'],
  ['GET', '/v1/tokens', 'server'],
  ['POST', '/v1/tokens', 'server'],
  ['GET', '/v1/tokens/none', 'server'],
  ['DELETE', '/v1/tokens/none', 'server'],
  ['GET', '/v1/backup', 'server'],
  ['POST', '/v1/restore', 'server'],
]

const DATABASES = ['default', 'mine', 'other']

const db = await open('memory:')
const app = createApp(db, { token: ADMIN, log: () => {} })

interface Document {
  paths: Record<string, Record<string, object>>
}

const { paths } = (await (await app.request('/openapi.json')).json()) as Document

function call(method: string, path: string, token: string | null, body?: unknown) {
  const headers = new Headers(token === null ? {} : { Authorization: `Bearer ${token}` })
  if (body !== undefined) headers.set('Content-Type', 'application/json')
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  return app.request(path, { method, headers, ...sent })
}

async function makeToken(scopes: Record<string, string[]>): Promise<string> {
  const answer = await call('POST', '/v1/tokens', ADMIN, { name: 'some', scopes })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { token: string }).token
}

/** Tokens by the database and the scope that they have. */
const tokens = new Map<string, string>()

beforeAll(async () => {
  for (const database of ['default', 'mine', '*']) {
    for (const scope of SCOPES) {
      tokens.set(`${database}:${scope}`, await makeToken({ [database]: [scope] }))
    }
  }
})

/** The rule as docs/http.md says it, not as the code does. */
function isAllowed(needs: Needs, own: string, scope: string, database: string): boolean {
  if (needs === null || needs === 'listing') return true
  if (needs === 'reader') return scope !== 'write'
  if (needs === 'server') return own === '*' && scope === 'admin'
  if (own !== '*' && own !== database) return false
  return scope === 'admin' || scope === needs
}

test('the table has every route of the API document', () => {
  const listed = RULES.map(([method, path]) => `${method} ${path.split('?')[0]}`)
  for (const [path, methods] of Object.entries(paths)) {
    const pattern = path.replaceAll(/[.]/g, '\\.').replaceAll(/\{\w+\}/g, '[^/]+')
    for (const method of Object.keys(methods)) {
      const one = new RegExp(`^${method.toUpperCase()} ${pattern}$`)
      expect(
        listed.some((text) => one.test(text)),
        `${method} ${path}`,
      ).toBe(true)
    }
  }
})

describe.each(RULES)('%s %s', (method, path, needs) => {
  test('without a token, or with a wrong one, is a 401 unless it is open', async () => {
    for (const token of [null, 'omen_wrong']) {
      const answer = await call(method, path.replaceAll('DB', 'mine'), token)
      if (needs === null) {
        expect(answer.status).toBeLessThan(400)
        continue
      }
      expect(answer.status).toBe(401)
      expect(answer.headers.get('WWW-Authenticate')).toMatch(/^(Bearer|Basic realm="InfluxDB")$/)
    }
  })

  test('takes the tokens whose scope and database are right, and no other', async () => {
    for (const [key, token] of tokens) {
      const [own = '', scope = ''] = key.split(':')
      for (const database of path.includes('DB') ? DATABASES : ['default']) {
        const url = path.replaceAll('DB', database)
        const answer = await call(method, url, token)
        const label = `${key} on ${method} ${url}`
        const isFine = isAllowed(needs, own, scope, database)
        expect(answer.status === 403, label).toBe(!isFine)
        expect(answer.status, label).not.toBe(401)
        if (!isFine && method !== 'HEAD') {
          const text = await answer.text()
          const lacking = { server: 'admin', reader: 'read' }[needs as 'server'] ?? needs
          expect(text, label).toContain(`lacks the scope ${lacking} of`)
          expect(text, label).not.toContain(token)
        } else {
          await answer.body?.cancel()
        }
      }
    }
  })

  test('knows no database of the server itself', async () => {
    if (!path.includes('DB')) return
    for (const database of ['_omendb', '_omendb_more']) {
      const answer = await call(method, path.replaceAll('DB', database), ADMIN)
      expect(answer.status, database).toBe(needs === 'read' ? 404 : 403)
    }
  })
})

describe('what a token does not see', () => {
  test('is left out of the databases and of /metrics', async () => {
    for (const name of ['seen', 'hidden']) {
      await call('PUT', `/v1/databases/${name}`, ADMIN)
      await app.request(`/v1/write?db=${name}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${ADMIN}` },
        body: 'cpu v=1',
      })
    }
    const token = await makeToken({ seen: ['read'] })
    const listed = await call('GET', '/v1/databases', token)
    expect(await listed.json()).toEqual({ databases: [{ name: 'seen' }] })
    const metrics = await (await call('GET', '/metrics', token)).text()
    expect(metrics).toContain('omendb_series{db="seen"} 1')
    expect(metrics).toContain('omendb_points_written_total{db="seen"} 1')
    expect(metrics).not.toContain('hidden')
    const all = await (await call('GET', '/metrics', ADMIN)).text()
    expect(all).toContain('omendb_series{db="hidden"} 1')
    expect(all).not.toContain('_omendb')
    expect(await (await call('GET', '/v1/databases', ADMIN)).text()).not.toContain('_omendb')
  })

  test('answers the same whether it is there or not', async () => {
    const token = await makeToken({ seen: ['admin'] })
    for (const path of ['/v1/tables?db=', '/v1/query?table=cpu&db=']) {
      const there = await call('GET', `${path}hidden`, token)
      const nowhere = await call('GET', `${path}nothere`, token)
      expect([there.status, nowhere.status]).toEqual([403, 403])
    }
  })

  test('cannot be made by its first write, but its own database can', async () => {
    const token = await makeToken({ fresh: ['write'] })
    const write = (database: string) =>
      app.request(`/v1/write?db=${database}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
        body: 'cpu v=1',
      })
    expect((await write('fresh2')).status).toBe(403)
    expect((await write('fresh')).status).toBe(200)
    expect(db.databases()).toContain('fresh')
    expect(db.databases()).not.toContain('fresh2')
  })
})
