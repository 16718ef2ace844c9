import { describe, expect, test } from 'vitest'
import { createApp, type AppOptions } from '../../server/app.ts'
import { hostName, isLoopback, refuseBinding } from '../../server/config.ts'
import { createFake } from './fake.ts'

const TOKEN = 'omen_secret'

async function status(
  options: AppOptions,
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<number> {
  const app = createApp(createFake(), options)
  return (await app.request(url, { method, headers })).status
}

describe('loopback', () => {
  test.each(['localhost', 'LOCALHOST', 'db.localhost', '127.0.0.1', '127.9.8.7', '::1', '[::1]'])(
    'is %s',
    (host) => {
      expect(isLoopback(host)).toBe(true)
    },
  )

  test.each([
    '0.0.0.0',
    '::',
    '127.0.0.1.evil.com',
    '127.0.0.256',
    'localhost.evil.com',
    '10.0.0.1',
    '',
  ])('is not %s', (host) => {
    expect(isLoopback(host)).toBe(false)
  })

  test.each([
    ['localhost:8080', 'localhost'],
    ['[::1]:8080', '[::1]'],
    ['127.0.0.1', '127.0.0.1'],
    ['localhost:80@evil.com', 'localhost:80@evil.com'],
  ])('of the authority %s the name is %s', (authority, name) => {
    expect(hostName(authority)).toBe(name)
  })
})

describe('binding', () => {
  test.each([
    [{ host: '127.0.0.1' }, true],
    [{ host: '::1' }, true],
    [{ host: '0.0.0.0' }, false],
    [{ host: '0.0.0.0', token: '' }, false],
    [{ host: '0.0.0.0', token: TOKEN }, true],
    [{ host: '::', insecure: true }, true],
  ])('%j may be served: %s', (binding, allowed) => {
    const refusal = refuseBinding(binding)
    expect(refusal === null).toBe(allowed)
    if (refusal !== null) expect(refusal).toContain('OMENDB_TOKEN')
  })
})

describe('without a token', () => {
  test.each([
    ['http://localhost/health', {}, 200],
    ['http://127.0.0.1:8080/v1/tables', {}, 200],
    ['http://[::1]:8080/v1/tables', {}, 200],
    ['http://evil.example/health', {}, 403],
    ['http://evil.example/nowhere', {}, 403],
    ['http://evil.example/ping', {}, 403],
    ['http://localhost/v1/tables', { Host: 'evil.example' }, 403],
    ['http://localhost:80/v1/tables', { Host: 'localhost.evil.example:80' }, 403],
    ['http://localhost/v1/tables', { Origin: 'http://evil.example' }, 403],
    ['http://localhost/v1/tables', { Origin: 'null' }, 403],
    ['http://localhost:8080/v1/tables', { Origin: 'http://localhost:3000' }, 403],
    ['http://localhost:8080/v1/tables', { Origin: 'http://localhost:8080' }, 200],
    ['http://localhost:8080/v1/tables', { Origin: 'http://LOCALHOST:8080' }, 200],
  ])('%s with %j is answered %d', async (url, headers, expected) => {
    expect(await status({}, url, headers)).toBe(expected)
  })

  test('a foreign host is refused before 405 and in the shape of a problem', async () => {
    const app = createApp(createFake())
    const response = await app.request('http://evil.example/v1/write')
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'forbidden', status: 403 })
  })

  test('but insecure, any host is served, a foreign page still not', async () => {
    expect(await status({ insecure: true }, 'http://db.example/v1/tables')).toBe(200)
    const headers = { Origin: 'http://evil.example' }
    expect(await status({ insecure: true }, 'http://db.example/v1/tables', headers)).toBe(403)
  })
})

describe('with a token', () => {
  const options = { token: TOKEN }
  const basic = (text: string) => ({ Authorization: `Basic ${btoa(text)}` })

  test.each<[string, Record<string, string>, number]>([
    ['/v1/tables', {}, 401],
    ['/v1/tables', { Authorization: `Bearer ${TOKEN}` }, 200],
    ['/v1/tables', { Authorization: `bearer   ${TOKEN}` }, 200],
    ['/v1/tables', { Authorization: `Token ${TOKEN}` }, 200],
    ['/v1/tables', { Authorization: `Bearer ${TOKEN}x` }, 401],
    ['/v1/tables', { Authorization: `Bearer ${TOKEN.slice(0, -1)}` }, 401],
    ['/v1/tables', { Authorization: 'Bearer ' }, 401],
    ['/v1/tables', { Authorization: TOKEN }, 401],
    ['/v1/tables', basic(`x:${TOKEN}`), 401],
    [`/v1/tables?p=${TOKEN}`, {}, 401],
    ['/metrics', {}, 401],
    ['/health', {}, 200],
    ['/ready', {}, 200],
    ['/ping', {}, 204],
    ['/openapi.json', {}, 200],
    ['/docs', {}, 200],
  ])('%s with %j is answered %d', async (path, headers, expected) => {
    expect(await status(options, `http://db.example${path}`, headers)).toBe(expected)
  })

  test.each<[string, Record<string, string>, number]>([
    ['/write', {}, 401],
    [`/write?u=me&p=${TOKEN}`, {}, 204],
    ['/write?u=me&p=wrong', {}, 401],
    ['/write', basic(`me:${TOKEN}`), 204],
    ['/write', basic('me:wrong'), 401],
    ['/write', { Authorization: 'Basic !!!' }, 401],
    ['/write', { Authorization: `Token ${TOKEN}` }, 204],
    ['/api/v2/write', { Authorization: `Token ${TOKEN}` }, 204],
    ['/api/v2/write', { Authorization: `Token me:${TOKEN}` }, 204],
    ['/api/v2/write', {}, 401],
  ])('InfluxDB writes to %s with %j are answered %d', async (path, headers, expected) => {
    expect(await status(options, `http://db.example${path}`, headers, 'POST')).toBe(expected)
  })

  test('a 401 says how to get in', async () => {
    const app = createApp(createFake(), options)
    const native = await app.request('/v1/tables')
    expect(native.headers.get('www-authenticate')).toBe('Bearer')
    expect(await native.json()).toMatchObject({ code: 'unauthorized' })
    const influx = await app.request('/write', { method: 'POST' })
    expect(influx.headers.get('www-authenticate')).toBe('Basic realm="InfluxDB"')
  })
})
