// Which pages may read answers, as a browser would ask.

import { describe, expect, test } from 'vitest'
import { createApp, type AppOptions } from '../../server/app.ts'
import { createFake } from './fake.ts'

const ORIGIN = 'https://charts.example'

function ask(
  options: AppOptions,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<Response> {
  const app = createApp(createFake(), { log: () => {}, ...options })
  return Promise.resolve(app.request(`http://localhost${path}`, { method, headers }))
}

const preflight = { 'Access-Control-Request-Method': 'PUT', Origin: ORIGIN }

describe('without configured origins', () => {
  test('no answer lets a page read it, and a preflight is a 405', async () => {
    const answer = await ask({ token: 't' }, '/health', { Origin: ORIGIN })
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull()
    expect((await ask({ token: 't' }, '/v1/tables/t', preflight, 'OPTIONS')).status).toBe(405)
  })
})

describe('a configured origin', () => {
  const options = { token: 't', corsOrigins: [ORIGIN, 'http://localhost:3000'] }

  test.each([
    ['/health', 200],
    ['/v1/tables', 401],
    ['/nowhere', 404],
    ['/v1/write', 405],
  ])('reads the answer of %s, which is a %d', async (path, status) => {
    const { headers, status: answered } = await ask(options, path, { Origin: ORIGIN })
    expect(answered).toBe(status)
    expect(headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
    expect(headers.get('Vary')).toBe('Origin')
    expect(headers.get('Access-Control-Allow-Credentials')).toBeNull()
    const exposed = headers.get('Access-Control-Expose-Headers')!.split(', ')
    for (const name of ['ETag', 'X-Request-Id', 'Server-Timing', 'OmenDB-Backup-Id', 'Retry-After'])
      expect(exposed).toContain(name)
  })

  test('is told by a preflight what it may send, without a token', async () => {
    const answer = await ask(options, '/v1/tables/t', preflight, 'OPTIONS')
    expect(answer.status).toBe(204)
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
    expect(answer.headers.get('Access-Control-Allow-Methods')).toBe('GET, HEAD, PUT, DELETE')
    const allowed = answer.headers.get('Access-Control-Allow-Headers')!
    for (const name of ['Authorization', 'Content-Type', 'If-None-Match'])
      expect(allowed.split(', ')).toContain(name)
    expect(answer.headers.get('X-Request-Id')).not.toBeNull()
  })

  test.each(['https://evil.example', `${ORIGIN}.evil.example`, 'http://charts.example', 'null'])(
    'is not %s',
    async (origin) => {
      const answer = await ask(options, '/health', { Origin: origin })
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull()
      expect(answer.headers.get('Vary')).toBe('Origin')
      const asked = { ...preflight, Origin: origin }
      const refused = await ask(options, '/v1/tables/t', asked, 'OPTIONS')
      expect(refused.status).toBe(405)
      expect(refused.headers.get('Access-Control-Allow-Origin')).toBeNull()
    },
  )
})

describe('on a server without tokens', () => {
  test('a named origin may call, others still not', async () => {
    const options = { corsOrigins: [ORIGIN] }
    expect((await ask(options, '/v1/tables', { Origin: ORIGIN })).status).toBe(200)
    expect((await ask(options, '/v1/tables', { Origin: 'https://evil.example' })).status).toBe(403)
  })

  test('* lets no page in', async () => {
    const answer = await ask({ corsOrigins: ['*'] }, '/v1/tables', { Origin: ORIGIN })
    expect(answer.status).toBe(403)
  })

  test('a host that is not this machine hears no preflight', async () => {
    const headers = { ...preflight, Host: 'evil.example' }
    const answer = await ask({ corsOrigins: [ORIGIN] }, '/v1/tables/t', headers, 'OPTIONS')
    expect(answer.status).toBe(403)
  })
})

test('* lets every page read, of a server with tokens', async () => {
  const options = { token: 't', corsOrigins: ['*'] }
  const { headers } = await ask(options, '/health', { Origin: ORIGIN })
  expect(headers.get('Access-Control-Allow-Origin')).toBe('*')
})
