// examples/worker inside real workerd, with its database in objects of its own.

import { env } from 'cloudflare:test'
import { expect, test } from 'vitest'
import worker from '../../../examples/worker/worker.ts'
import type { EdgeEnv } from '../../../server/worker.ts'

test('the example counts its visits and shows them', async () => {
  const waiting: Promise<unknown>[] = []
  const context = { waitUntil: (promise: Promise<unknown>) => void waiting.push(promise) }
  const visit = async (path: string): Promise<Response> => {
    const request = new Request(`https://shop.example${path}`)
    const response = await worker.fetch(request, env as unknown as EdgeEnv, context)
    await Promise.all(waiting)
    return response
  }
  expect(await (await visit('/cart')).text()).toBe('You are at /cart\n')
  await visit('/cart')
  await visit('/')
  const rows = (await (await visit('/stats')).json()) as { path: string; count: number }[]
  const counts = new Map<string, number>()
  // An hour may end between two visits.
  for (const { path, count } of rows) counts.set(path, (counts.get(path) ?? 0) + count)
  expect(counts).toEqual(
    new Map([
      ['/', 1],
      ['/cart', 2],
    ]),
  )
})
