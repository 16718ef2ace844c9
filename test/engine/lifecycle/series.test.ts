// A series that is dropped, as the catalog and a request that was staged before see it.

import { expect, test } from 'vitest'
import { encodeSeriesDropped } from '../../../engine/catalog/catalog-entry.ts'
import { seriesCountOf } from '../../../engine/catalog/catalog-table.ts'
import { Catalog } from '../../../engine/catalog/catalog.ts'
import { replayEntries } from '../../../engine/ingest/staging.ts'
import { openKernel } from '../../kernel.ts'
import { openIngest } from '../ingest/ingest.ts'

const lines = (text: string): Uint8Array => new TextEncoder().encode(`${text}\n`)

async function commit(shard: Awaited<ReturnType<typeof openIngest>>, text: string): Promise<void> {
  const batch = shard.batch()
  batch.lineProtocol(lines(text))
  await batch.commit()
}

test('a dropped series leaves counts and look-ups; a batch staged before finds a new one', async () => {
  const shard = await openIngest()
  const { catalog } = shard
  await commit(shard, 't,h=a v=1 1\nt,h=b v=2 2')
  const staged = shard.batch()
  staged.lineProtocol(lines('t,h=a v=3 3\nt,h=b v=4 4\nt,h=a v=5 5'))
  const table = catalog.table('default', 't')
  const [a, b] = [...catalog.matchSeries(table.id, [])] as [number, number]
  catalog.apply(encodeSeriesDropped(a))
  expect([seriesCountOf(table), ...catalog.matchSeries(table.id, [])]).toEqual([1, b])
  // The keys stay for the request; enough new ones would else make the key table pack them.
  const many = Array.from({ length: 3000 }, (_, i) => `u,h=${'x'.repeat(i % 50)}${i} v=1 1`)
  await commit(shard, many.join('\n'))
  await staged.commit()
  const ids = [...catalog.matchSeries(table.id, [])]
  expect(ids).toHaveLength(2)
  expect(ids).not.toContain(a)
  const tags = ids.map((id) => catalog.seriesTags(id).get('h'))
  expect(new Set(tags)).toEqual(new Set(['a', 'b']))
  // Recovery comes to the same.
  const { kernel, memory } = await openKernel()
  const again = new Catalog(kernel, memory)
  for (const entries of [
    ...shard.entries.slice(0, 1),
    encodeSeriesDropped(a),
    ...shard.entries.slice(1),
  ]) {
    replayEntries({ kernel, memory }, again, entries)
    again.apply(entries)
  }
  expect([...again.matchSeries(table.id, [])]).toEqual(ids)
})

test('a dropped id that nothing else names is passed over, and never given again', async () => {
  const { kernel, memory } = await openKernel()
  const catalog = new Catalog(kernel, memory)
  replayEntries({ kernel, memory }, catalog, encodeSeriesDropped(4_000))
  catalog.apply(encodeSeriesDropped(4_000))
  expect(catalog.series.count).toBe(4_001)
  expect(catalog.series.isRemoved(4_000)).toBe(true)
})
