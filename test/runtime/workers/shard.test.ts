// A shard's object inside real workerd: what was acknowledged is there after any end of the object.

import { expect, test } from 'vitest'
import { openTestShard } from './shard-fixture.ts'

test('what was acknowledged is there after the object was evicted', async () => {
  const shard = await openTestShard()
  expect(await shard.write('cpu,host=a usage=0.5 1790000000000000001\n')).toMatchObject({
    status: 200,
    body: { written: 1, ack: 'fsync' },
  })
  await shard.abort()
  expect(await shard.write('cpu,host=a usage=1.5 1790000000000000002\n')).toMatchObject({
    status: 200,
  })
  await shard.abort()
  const { body } = await shard.query({ table: 'cpu', time: 'ns' })
  expect(body.series).toEqual([
    {
      tags: { host: 'a' },
      time: ['1790000000000000001', '1790000000000000002'],
      fields: { usage: [0.5, 1.5] },
    },
  ])
})
