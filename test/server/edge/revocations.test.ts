// Tokens of long answers that are revoked while they go on.

import { expect, test } from 'vitest'
import { Revocations, TRUST_MS } from '../../../server/edge/revocations.ts'
import type { Verdict } from '../../../server/edge/verdict.ts'

const HELD: Verdict = {
  database: 'one',
  epoch: 1,
  holder: { id: 'a', name: 'sensor' },
  scopes: { one: ['read'] },
  expiresAt: null,
}

function start() {
  const state = { now: 0, isKnown: true, isAnswering: true, asked: 0 }
  const ask = async (): Promise<boolean> => {
    state.asked++
    if (!state.isAnswering) throw new Error('the catalog is away')
    return state.isKnown
  }
  const revocations = new Revocations(ask, () => state.now)
  const check = async (verdict = HELD): Promise<void> => {
    revocations.check(verdict)
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  return { state, check }
}

test('a token that is revoked ends what goes on with it, some seconds later at most', async () => {
  const { state, check } = start()
  await check()
  state.isKnown = false
  state.now = TRUST_MS - 1
  await check()
  expect(state.asked).toBe(1)
  state.now = TRUST_MS
  await check()
  await expect(check()).rejects.toThrow("token 'sensor' was revoked")
  expect(state.asked).toBe(2)
})

test('a catalog that does not answer is asked again at once, and nothing ends meanwhile', async () => {
  const { state, check } = start()
  state.isAnswering = false
  await check()
  await check()
  expect(state.asked).toBe(2)
  Object.assign(state, { isAnswering: true, isKnown: false })
  await check()
  await expect(check()).rejects.toThrow('was revoked')
})

test('nobody is asked about who needed no token, and about the admin of the environment', async () => {
  const { state, check } = start()
  await check({ ...HELD, holder: null, scopes: null })
  await check({ ...HELD, scopes: null })
  expect(state.asked).toBe(0)
})
