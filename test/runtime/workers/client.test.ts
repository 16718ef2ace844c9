// The contract of the client inside real workerd: against the Worker, and over a database of its own.

import { SELF } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { createClient } from '../../../client/index.ts'
import { open } from '../../../server/local/workers.ts'
import { CASES } from '../../client/contract.ts'

/**
 * Calls that run several queries may wait for the timer of a request that has ended, which workerd ends,
 * too: the Worker keeps one database over requests until it is a durable object. In the isolate they run.
 */
const SEVERAL_QUERIES = /^(a table has|databases are|the server tells)/

describe('against the Worker', () => {
  const url = 'http://127.0.0.1'
  const call: typeof fetch = (input, init) => SELF.fetch(input as string, init)
  const db = createClient({ url, fetch: call, retry: false })
  const cases = CASES.filter(({ name }) => !SEVERAL_QUERIES.test(name))
  test.each(cases)('$name', ({ run }) => run(db))
})

describe('in the isolate', () => {
  const opening: { db?: ReturnType<typeof open> } = {}
  test.each(CASES)('$name', async ({ run }) => run(await (opening.db ??= open('memory:'))))

  test('there is no directory', async () => {
    await expect(open('file:./data')).rejects.toMatchObject({ code: 'unsupported' })
  })
})
