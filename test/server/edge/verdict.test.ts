// The verdict that travels from the router to an object: what it opens, and what it does not.

import { describe, expect, test } from 'vitest'
import { isStale, type ShardStub, staleAnswer } from '../../../server/edge/shard-stub.ts'
import {
  encodeVerdict,
  grantOf,
  readVerdict,
  type Verdict,
  VERDICT_HEADER,
  verdictAccess,
} from '../../../server/edge/verdict.ts'
import { createApp } from '../../../server/app.ts'
import { permit, type AccessRule } from '../../../server/grant.ts'
import { createFake } from '../fake.ts'

const EVERYONE: Verdict = {
  database: 'one',
  epoch: 3,
  holder: null,
  scopes: null,
  expiresAt: null,
}
const HELD: Verdict = {
  ...EVERYONE,
  holder: { id: 'ab12', name: 'sensor "ü" ✓ 100%' },
  scopes: { one: ['read'], two: ['admin'] },
}

const now = (): bigint => 1_000n
const isAllowed = (verdict: Verdict, rule: AccessRule, database?: string): boolean => {
  try {
    permit(grantOf(verdict, now), rule, database)
    return true
  } catch {
    return false
  }
}

describe('a verdict', () => {
  test('comes back as it was, through a header, whatever its names are', () => {
    const headers = new Headers({ [VERDICT_HEADER]: encodeVerdict(HELD) })
    expect(headers.get(VERDICT_HEADER)).toMatch(/^[\x21-\x7e]+$/)
    expect(readVerdict(headers)).toEqual(HELD)
  })

  test('is demanded', () => {
    expect(() => readVerdict(new Headers())).toThrow(/did not come by way of the router/)
  })

  test('opens its own database, by its scopes', () => {
    expect(isAllowed(HELD, 'read', 'one')).toBe(true)
    expect(isAllowed(HELD, 'write', 'one')).toBe(false)
    expect(isAllowed(HELD, 'server')).toBe(false)
  })

  test('opens no other database, whatever its scopes are', () => {
    expect(isAllowed(HELD, 'read', 'two')).toBe(false)
    expect(isAllowed(EVERYONE, 'read', 'two')).toBe(false)
    expect(isAllowed({ ...HELD, database: null }, 'admin', 'two')).toBe(true)
  })

  test('without scopes is of everybody, also beyond databases', () => {
    expect(isAllowed(EVERYONE, 'admin', 'one')).toBe(true)
    expect(isAllowed(EVERYONE, 'server')).toBe(true)
  })

  test('is over when its token is, or when the one who checks says so', () => {
    const grant = grantOf({ ...HELD, expiresAt: '1001' }, now)
    expect(() => grant.check()).not.toThrow()
    expect(() => grantOf({ ...HELD, expiresAt: '1000' }, now).check()).toThrow(/has expired/)
    const revoked = grantOf(HELD, now, () => {
      throw new Error('revoked')
    })
    expect(() => revoked.check()).toThrow('revoked')
  })
})

test('an app with the access of verdicts asks for nothing else', async () => {
  const access = verdictAccess(now)
  const app = createApp(createFake(), { access, token: 'not asked for' })
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await app.request('/v1/tables?db=one', { headers })).status
  expect(await status({})).toBe(403)
  expect(await status({ Authorization: 'Bearer not asked for' })).toBe(403)
  expect(await status({ [VERDICT_HEADER]: encodeVerdict(HELD) })).toBe(200)
  expect(await status({ [VERDICT_HEADER]: encodeVerdict({ ...HELD, scopes: {} }) })).toBe(403)
})

test('the answer of an object that is not assigned is told from those of routes', async () => {
  const object: Pick<ShardStub, 'fetch'> = { fetch: async () => staleAnswer() }
  expect(isStale(await object.fetch(new Request('https://a.example/')))).toBe(true)
  expect(isStale(new Response(null, { status: 421 }))).toBe(false)
  expect(isStale(new Response(null, { status: 200, headers: { 'OmenDB-Stale': '1' } }))).toBe(false)
})
