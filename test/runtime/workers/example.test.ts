// examples/worker inside real workerd, with OmenDB's own Worker as its service binding.

import { SELF } from 'cloudflare:test'
import { expect, test } from 'vitest'
import worker from '../../../examples/worker/worker.ts'

test('the example counts its visits and shows them', async () => {
  const waiting: Promise<unknown>[] = []
  const context = { waitUntil: (promise: Promise<unknown>) => void waiting.push(promise) }
  const call: typeof fetch = (input, init) => SELF.fetch(input as string, init)
  const env = { OMENDB_URL: 'http://127.0.0.1', OMENDB: { fetch: call } }
  const visit = async (path: string): Promise<Response> => {
    const response = await worker.fetch(new Request(`https://shop.example${path}`), env, context)
    await Promise.all(waiting)
    return response
  }
  expect(await (await visit('/cart')).text()).toBe('You are at /cart\n')
  await visit('/cart')
  await visit('/')
  expect(await (await visit('/stats')).json()).toMatchObject([
    { path: '/', count: 1 },
    { path: '/cart', count: 2 },
  ])
})
