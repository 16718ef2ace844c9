// A shard's object as the router sees it, for tests inside workerd: requests with a verdict, and the end
// of the object as the platform brings it about.

import { env, runInDurableObject } from 'cloudflare:test'
import { encodeVerdict, VERDICT_HEADER } from '../../../server/edge/verdict.ts'
import type { OmenShard } from '../../../server/edge/shard-object.ts'
import type { ShardStub } from '../../../server/edge/shard-stub.ts'

interface Bindings {
  readonly SHARDS: DurableObjectNamespace<ShardStub>
}

const { SHARDS } = env as unknown as Bindings

/** An answer, read. */
export interface Answered {
  readonly status: number
  readonly body: any
}

export interface TestShard {
  readonly name: string
  send(path: string, init?: RequestInit): Promise<Answered>
  write(lines: string, parameters?: string): Promise<Answered>
  query(query: object): Promise<Answered>
  /** Ends the instance of the object at once, as an eviction or a crash of its machine does. */
  abort(): Promise<void>
  /** Runs inside the object. */
  inside<T>(run: (shard: OmenShard, ctx: DurableObjectState) => T | Promise<T>): Promise<T>
  stub(): ShardStub
}

let count = 0

/** A new object that holds all of the database `default`. */
export async function openTestShard(): Promise<TestShard> {
  const name = `shard-${count++}`
  // An instance that has ended takes its stubs with it.
  const stub = (): ShardStub => SHARDS.getByName(name)
  await stub().assign({ database: 'default', shard: name, epoch: 1 })
  const verdict = encodeVerdict({
    ...{ database: 'default', epoch: 1, holder: null, scopes: null, expiresAt: null },
  })
  const send: TestShard['send'] = async (path, init = {}) => {
    const headers = new Headers(init.headers)
    headers.set(VERDICT_HEADER, verdict)
    const request = new Request(`https://shard.example${path}`, { ...init, headers })
    const response = await stub().fetch(request)
    const text = await response.text()
    return { status: response.status, body: text === '' ? null : JSON.parse(text) }
  }
  const inside: TestShard['inside'] = (run) =>
    runInDurableObject(stub() as never, (shard, ctx) =>
      run(shard as unknown as OmenShard, ctx as unknown as DurableObjectState),
    ) as never
  return {
    name,
    send,
    stub,
    inside,
    write: (lines, parameters = '') =>
      send(`/v1/write?${parameters}`, { method: 'POST', body: lines }),
    query: (query) =>
      send('/v1/query', {
        method: 'POST',
        body: JSON.stringify(query),
        headers: { 'Content-Type': 'application/json' },
      }),
    abort: async () => {
      await inside((_, ctx) => ctx.abort('the object is evicted')).catch(() => {})
    },
  }
}
