// Tags of many series are copied and decoded as those of each: ASCII in windows, all else by itself.

import { expect, test } from 'vitest'
import { KeyTable } from '../../../engine/catalog/key-table.ts'
import { KnownTags, copyTags, decodeTags } from '../../../engine/catalog/tag-texts.ts'
import { finish } from '../../../engine/step.ts'
import { openKernel } from '../../kernel.ts'

function keyOf(table: number, tags: readonly (readonly [string, string])[]): Uint8Array {
  const bytes = [table & 255, (table >>> 8) & 255, 0, 0]
  for (const text of tags.flat()) {
    const own = new TextEncoder().encode(text)
    if (own.length > 127) bytes.push((own.length & 127) | 128)
    bytes.push(own.length > 127 ? own.length >>> 7 : own.length, ...own)
  }
  return Uint8Array.from(bytes)
}

test('a copy has the tags of each series, whatever its neighbours are', async () => {
  const { kernel, memory } = await openKernel()
  const series = new KeyTable(kernel, memory, 16)
  const expected: Map<string, string>[] = []
  for (let i = 0; i < 300; i++) {
    const tags: [string, string][] = [['host', `h${i}`]]
    if (i % 150 === 7) tags.push(['long', 'x'.repeat(127 + (i % 4))])
    if (i === 100) tags.push(['ort', 'Köln 😀'])
    if (i === 200) tags.push(['é', '1'])
    // Bytes of the table's id above 127 are not text.
    const key = i === 299 ? keyOf(0xff80, []) : keyOf(i < 250 ? 1 : 0x90, tags)
    series.insert(key)
    expected.push(decodeTags(key))
  }
  expect(expected[100]!.get('ort')).toBe('Köln 😀')
  const ids = Uint32Array.from({ length: 300 }, (_, i) => i)
  const copies = finish(copyTags({ memory, series }, ids))
  const order = [...ids, 299, 0, 150, 63, 64, 7, 100, 200]
  for (const index of order) expect([...copies.at(index)]).toEqual([...expected[index]!])
})

test('tags that are known stay as they were asked for, and belong to whoever asked', async () => {
  const { kernel, memory } = await openKernel()
  const series = new KeyTable(kernel, memory, 16)
  for (let i = 0; i < 20; i++) series.insert(keyOf(1, [['host', `h${i}`]]))
  const known = new KnownTags({ memory, series })
  const ids = Uint32Array.of(3, 7, 3)
  const first = finish(known.copy(ids))
  expect([...first.at(1)]).toEqual([['host', 'h7']])
  first.at(1).set('host', 'mine')
  expect([...first.at(1)]).toEqual([['host', 'h7']])
  expect([...finish(known.copy(ids)).at(1)]).toEqual([['host', 'h7']])
  series.remove(7)
  expect([...first.at(1)]).toEqual([['host', 'h7']])
  // A refused write gives its ids back.
  series.truncate(3)
  series.insert(keyOf(1, [['host', 'other']]))
  known.forget()
  expect([...finish(known.copy(Uint32Array.of(3))).at(0)]).toEqual([['host', 'other']])
  expect([...first.at(0)]).toEqual([['host', 'h3']])
})
