// The storage of a shard's object inside real workerd: the contract of the port over the object's own
// SQLite.

import { env, runInDurableObject } from 'cloudflare:test'
import { openDurableObjectStorage } from '../../../engine/storage/durable-object.ts'
import type { OmenShard } from '../../../server/edge/shard-object.ts'
import { registerInside, runShardStorageContract } from '../../engine/storage/storage.contract.ts'

interface Bindings {
  readonly SHARDS: { getByName(name: string): never }
}

const { SHARDS } = env as unknown as Bindings

let count = 0
let state: DurableObjectState
/** Each test has an object of its own; what it does runs in the object. */
const inside = (body: () => unknown): Promise<unknown> =>
  runInDurableObject<OmenShard, unknown>(SHARDS.getByName(`contract-${count}`), (_, ctx) => {
    state = ctx as unknown as DurableObjectState
    return body()
  })

const makePlace = () => ({
  open: async () => openDurableObjectStorage(state.storage),
  dispose: async () => void count++,
})

registerInside(inside, () => {
  runShardStorageContract('durable object', makePlace)
})
