import { expect, test } from 'vitest'
import { RawPage } from '../../../engine/query/raw-page.ts'
import { seededRandom } from '../../kernel.ts'

const rowsOf = (times: readonly bigint[]) => ({
  time: BigInt64Array.from(times),
  fields: [{ values: Float64Array.from(times, Number), valid: null }],
})

test.each(['asc', 'desc'] as const)(
  'a page read in any order of series is the page, %s',
  (order) => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = seededRandom(seed)
      const limit = 1 + Math.floor(random() * 60)
      // Many ties: times of few values; and series that come last with the best of rows.
      const spread = seed % 3 === 0 ? 3 : 5000
      const series = Array.from({ length: 3000 }, () => {
        const times = Array.from({ length: 4 }, () => BigInt(Math.floor(random() * spread)))
        return [...new Set(times)].sort((a, b) => (a < b ? -1 : 1))
      })
      const sign = order === 'desc' ? -1 : 1
      const wanted = series
        .flatMap((times, rank) => times.map((time) => ({ time: Number(time), rank })))
        .sort((a, b) => sign * (a.time - b.time) || a.rank - b.rank)
        .slice(0, limit + 1)
      let held = 0
      let most = 0
      const page = new RawPage({ order, limit }, (bytes) => (held += bytes))
      const ranks = [...series.keys()].sort(() => random() - 0.5)
      for (const rank of ranks) {
        const [start, end] = page.clip(rank, -1n, 1_000_000n)
        const times = series[rank]!.filter((time) => time >= start && time < end)
        if (times.length > 0) page.add(rank, [rowsOf(times)])
        most = Math.max(most, page.rowCount)
      }
      const found = page
        .series()
        .flatMap(([rank, pieces]) =>
          pieces.flatMap(({ time, fields }) =>
            [...time].map((at, i) => {
              expect(fields[0]!.values[i]).toBe(Number(at))
              return { time: Number(at), rank }
            }),
          ),
        )
        .sort((a, b) => sign * (a.time - b.time) || a.rank - b.rank)
      expect(page.rowCount).toBe(found.length)
      expect(found.slice(0, limit + 1)).toEqual(wanted)
      expect(most).toBeLessThan(2 * limit + 4096 + 8)
      expect(held).toBeLessThanOrEqual(0)
    }
  },
)
