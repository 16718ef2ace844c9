// The page of browser.test.ts: runs the client's contract in a real browser, against the server that the
// page came from, and sends back what failed.

import { createClient } from '../../../client/index.ts'
import { CASES } from '../../client/contract.ts'

export interface PageResult {
  name: string
  failure: string | null
}

const db = createClient({ url: location.origin, retry: false })
const results: PageResult[] = []
for (const { name, run } of CASES) {
  const failure = await run(db).then(
    () => null,
    (error: unknown) =>
      error instanceof Error ? `${error.message}\n${error.stack}` : String(error),
  )
  results.push({ name, failure })
}
await fetch('/results', { method: 'POST', body: JSON.stringify(results) })
