// What an export as Arrow takes and says; its bytes are read back in encode/arrow.test.ts.

import { expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { createFake } from './fake.ts'

const app = createApp(createFake(), { log: () => {} })

function call(parameters: string): Response | Promise<Response> {
  return app.request(`http://localhost/v1/export?table=cpu&format=arrow${parameters}`)
}

test.each([
  ['time', 'ms'],
  ['time', 'rfc3339'],
  ['integers', 'string'],
])('Arrow with %s=%s is refused: its times and integers are exact', async (name, value) => {
  const answer = await call(`&${name}=${value}`)
  const body = (await answer.json()) as { errors: { pointer: string }[] }
  expect([answer.status, body.errors[0]?.pointer]).toEqual([400, `/${name}`])
})

test.each(['', '&time=ns', '&integers=auto'])(
  'Arrow is answered with its type: "%s"',
  async (more) => {
    const answer = await call(more)
    const type = answer.headers.get('content-type')
    expect([answer.status, type]).toEqual([200, 'application/vnd.apache.arrow.stream'])
    // The schema, and the end of a stream: a mark and no length.
    const bytes = new Uint8Array(await answer.arrayBuffer())
    expect([...bytes.subarray(-8)]).toEqual([255, 255, 255, 255, 0, 0, 0, 0])
  },
)
