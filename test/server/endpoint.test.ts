import { expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { createFake } from './fake.ts'

test('parameters are those of their own request, whatever came before', async () => {
  const db = createFake()
  const app = createApp(db, { log: () => {} })
  for (const name of ['a', 'a', 'b', 'a']) await app.request(`/v1/latest?table=${name}`)
  const tables = db.requests.map(({ request }) => (request as { table: string }).table)
  expect(tables).toEqual(['a', 'a', 'b', 'a'])
  for (const url of ['/v1/latest?table=a&x=1', '/v1/latest', '/v1/latest?table=a&x=1']) {
    expect((await app.request(url)).status).toBe(400)
  }
  expect(db.requests).toHaveLength(4)
})
