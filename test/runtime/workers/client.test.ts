// The contract of the client inside real workerd: against the Worker, and over a database of its own.

import { SELF } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { createClient } from '../../../client/index.ts'
import { open } from '../../../server/local/workers.ts'
import { CASES } from '../../client/contract.ts'

describe('against the Worker', () => {
  const url = 'http://127.0.0.1'
  const call: typeof fetch = (input, init) => SELF.fetch(input as string, init)
  const db = createClient({ url, fetch: call, retry: false })

  test.each(CASES)('$name', ({ run }) => run(db))
})

describe('in the isolate', () => {
  const opening: { db?: ReturnType<typeof open> } = {}
  test.each(CASES)('$name', async ({ run }) => run(await (opening.db ??= open('memory:'))))

  test('there is no directory', async () => {
    await expect(open('file:./data')).rejects.toMatchObject({ code: 'unsupported' })
  })
})
