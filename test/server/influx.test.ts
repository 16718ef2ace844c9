import { describe, expect, test } from 'vitest'
import { OmenError, type ErrorCode, type LineError } from '../../engine/error.ts'
import { createApp } from '../../server/app.ts'
import { createFake } from './fake.ts'

function start() {
  const db = createFake()
  const app = createApp(db, { log: () => {} })
  const post = async (path: string, body = 'cpu u=1', headers = {}) =>
    app.request(path, { method: 'POST', body, headers })
  return { db, app, post }
}

function lineError(code: ErrorCode, line: number): LineError {
  return { line, column: 3, pointer: null, message: 'no value', input: 'cpu u', code }
}

describe('POST /write', () => {
  test.each([
    ['/write', 'default', 'ns'],
    ['/write?db=plant&precision=n&rp=autogen&consistency=one', 'plant', 'ns'],
    ['/write?db=&precision=u', 'default', 'us'],
    ['/write?precision=ms', 'default', 'ms'],
    ['/write?precision=s', 'default', 's'],
  ])('%s writes to %s in %s', async (path, database, precision) => {
    const { db, post } = start()
    const response = await post(path)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(response.headers.get('x-influxdb-version')).toMatch(/^1\.8/)
    expect(db.batches[0]).toMatchObject({
      options: { database, precision, partial: true },
      text: 'cpu u=1',
      committed: undefined,
      discarded: true,
    })
  })

  test('says that the good lines of a bad batch are stored', async () => {
    const { db, post } = start()
    db.result = { written: 2, rejected: 1, errors: [lineError('line_protocol', 3)] }
    const response = await post('/write')
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      error: "partial write: unable to parse 'cpu u': no value (line 3) dropped=1",
    })
    expect(response.headers.get('x-influxdb-error')).toContain('partial write')
  })

  test('says what is wrong when nothing is stored', async () => {
    const { db, post } = start()
    db.result = { written: 0, rejected: 1, errors: [lineError('line_protocol', 1)] }
    expect(await (await post('/write')).json()).toEqual({
      error: "unable to parse 'cpu u': no value (line 1)",
    })
  })

  test.each(['/write?precision=d', '/write?db=a/b'])('refuses %s in its shape', async (path) => {
    const response = await start().post(path)
    expect(response.status).toBe(400)
    expect(Object.keys((await response.json()) as object)).toEqual(['error'])
  })

  test('answers GET with 405 in its shape', async () => {
    const response = await start().app.request('/write')
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    expect(Object.keys((await response.json()) as object)).toEqual(['error'])
  })
})

describe('POST /api/v2/write', () => {
  test.each([
    ['/api/v2/write', 'default', 'ns'],
    ['/api/v2/write?org=o&bucket=plant&precision=ms', 'plant', 'ms'],
    ['/api/v2/write?bucket=plant/autogen', 'plant', 'ns'],
  ])('%s writes to %s in %s', async (path, database, precision) => {
    const { db, post } = start()
    expect((await post(path)).status).toBe(204)
    expect(db.batches[0]!.options).toMatchObject({ database, precision, partial: 'types' })
  })

  test('names the malformed line for which nothing is stored', async () => {
    const { db, post } = start()
    const errors = [lineError('type_conflict', 1), lineError('line_protocol', 4)]
    db.failure = new OmenError('line_protocol', 'line 4, column 3: no value', { errors })
    const response = await post('/api/v2/write')
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      code: 'invalid',
      message: 'line 4, column 3: no value',
      line: 4,
    })
    expect(db.batches[0]).toMatchObject({ committed: null, discarded: true })
  })

  test('stores the rest beside a type conflict', async () => {
    const { db, post } = start()
    db.lineErrors = [lineError('type_conflict', 2)]
    db.result = { written: 3, rejected: 1, errors: db.lineErrors }
    const response = await post('/api/v2/write')
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ code: 'unprocessable entity', line: 2 })
    expect(db.batches[0]!.committed).toBeUndefined()
  })

  test.each<[ErrorCode, number, string]>([
    ['busy', 429, 'too many requests'],
    ['unavailable', 503, 'unavailable'],
    ['internal', 500, 'internal error'],
    ['too_large', 413, 'request too large'],
  ])('answers %s with %d %s', async (code, status, name) => {
    const { db, post } = start()
    db.failure = new OmenError(code, 'why')
    const response = await post('/api/v2/write')
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ code: name, message: 'why', line: null })
    if (status === 429) expect(response.headers.get('retry-after')).toBe('1')
  })

  test('refuses another precision in its shape', async () => {
    const response = await start().post('/api/v2/write?precision=h')
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'invalid' }])
  })
})

test.each(['GET', 'HEAD'])(
  '%s /ping is 204 with the version that clients look for',
  async (method) => {
    const response = await start().app.request('/ping?wait_for_leader=1s', { method })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(response.headers.get('x-influxdb-version')).toMatch(/^1\.8/)
  },
)
