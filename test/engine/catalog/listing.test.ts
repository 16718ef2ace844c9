import { describe, expect, test } from 'vitest'
import { pageSeries, pageValues } from '../../../engine/catalog/listing.ts'

const tags = (...hosts: string[]) => hosts.map((host) => new Map([['host', host]]))

describe('pages', () => {
  test('put together are the whole, whatever their size', () => {
    const all = Array.from({ length: 23 }, (_, i) => String.fromCodePoint(0x61 + i))
    for (const limit of [1, 2, 7, 22, 23, 24]) {
      const values: string[] = []
      let cursor: string | null = null
      do {
        const page = pageValues(all, { limit, cursor })
        expect(page.values.length).toBeLessThanOrEqual(limit)
        values.push(...page.values)
        cursor = page.cursor
      } while (cursor !== null)
      expect(values, `limit ${limit}`).toEqual(all)
    }
  })

  test('go on behind the last entry when entries come and go between them', () => {
    const first = pageSeries(tags('a', 'c', 'e'), { limit: 2 })
    expect(first.series).toEqual([{ tags: { host: 'a' } }, { tags: { host: 'c' } }])
    const second = pageSeries(tags('b', 'd', 'e'), { limit: 2, cursor: first.cursor })
    expect(second).toEqual({
      series: [{ tags: { host: 'd' } }, { tags: { host: 'e' } }],
      cursor: null,
    })
  })

  test('are empty of nothing, and whole without a cursor when all fits', () => {
    expect(pageValues([], {})).toEqual({ values: [], cursor: null })
    expect(pageValues(['é', '😀'], { limit: 2 })).toEqual({ values: ['é', '😀'], cursor: null })
  })

  test('keep a cursor that has any text in it', () => {
    const { cursor } = pageValues(['"\\\u0000é😀', 'z'], { limit: 1 })
    expect(cursor).toMatch(/^[\w-]+$/)
    expect(pageValues(['"\\\u0000é😀', 'z'], { cursor }).values).toEqual(['z'])
  })

  test('refuse cursors of other routes and limits out of range, by name', () => {
    const { cursor } = pageValues(['a', 'b'], { limit: 1 })
    for (const bad of ['', '!', 'bm90IGpzb24', cursor!.slice(1)]) {
      expect(() => pageValues(['a'], { cursor: bad }), bad).toThrow(
        expect.objectContaining({ code: 'bad_request', details: { pointer: '/cursor' } }),
      )
    }
    expect(() => pageSeries(tags('a'), { cursor })).toThrow(/cursor/)
    for (const limit of [0, -1, 1.5, Number.NaN, 10_001]) {
      expect(() => pageValues(['a'], { limit }), String(limit)).toThrow(
        expect.objectContaining({ code: 'bad_request', details: { pointer: '/limit' } }),
      )
    }
  })
})
