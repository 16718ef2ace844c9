// The rows of a series in a part that lie in a time range, as the kernel finds them by the models of the
// times (viewClip), and row by row across row groups, against the plain list.

import { expect, test } from 'vitest'
import { PartRows } from '../../../engine/query/part-rows.ts'
import { GROUP_ROWS, PartView } from '../../../engine/query/part-view.ts'
import { ReadRoute } from '../../../engine/query/read-route.ts'
import { Tally } from '../../../engine/query/tally.ts'
import { type Random, randomOf } from '../../random.ts'
import { openKernel } from '../../kernel.ts'
import { type Row, openRows } from '../segment/part-fixture.ts'

const COLUMN = { id: 4, type: 0 as const, name: 'v' }

/** Gaps between times: regular, jittered, bursts with long pauses. */
const GAPS: readonly ((random: Random) => number)[] = [
  () => 10_000_000,
  (random) => 9_000_000 + random.int(2_000_000),
  (random) => (random.chance(0.02) ? random.int(2 ** 30) * 1000 : 1 + random.int(3)),
]

function rowsOf(random: Random, lengths: readonly number[]): Row[] {
  const rows: Row[] = []
  for (const [series, length] of lengths.entries()) {
    const gap = GAPS[random.int(GAPS.length)]!
    let time = BigInt(random.int(2 ** 30)) * 1_000_000n - 2n ** 48n
    for (let i = 0; i < length; i++) {
      rows.push({ series, time, values: [i] })
      time += BigInt(gap(random))
    }
  }
  return rows
}

/** A time at, beside or far from some row of the series. */
function timeNear(random: Random, own: readonly Row[]): bigint {
  if (random.chance(0.1)) return random.chance(0.5) ? -(2n ** 63n) + 2n : 2n ** 63n - 1n
  return own[random.int(own.length)]!.time + BigInt(random.int(3) - 1)
}

async function check(seed: number, lengths: readonly number[], ranges: number): Promise<void> {
  const random = randomOf(seed)
  const rows = rowsOf(random, lengths)
  const instance = await openKernel()
  const { reader, cache, run } = openRows(instance, rows, [COLUMN])
  const pins = cache.pins()
  const route = new ReadRoute(GROUP_ROWS)
  const context = { instance, pins, tally: new Tally(2), fields: [COLUMN], route }
  run(reader.open(pins))
  const view = new PartView(context, reader)
  for (let i = 0; i < ranges; i++) {
    const series = random.int(lengths.length)
    const own = rows.filter((row) => row.series === series)
    const first = rows.indexOf(own[0]!)
    const [start, end] = [timeNear(random, own), timeNear(random, own)]
    let range = view.range(series)
    while (range === undefined) {
      run(view.fetch())
      range = view.range(series)
    }
    const all = new PartRows(context, view, range!)
    let clipped = all.clip(start, end)
    while (clipped === undefined) {
      run(view.fetch())
      clipped = all.clip(start, end)
    }
    const wanted = own.flatMap(({ time }, at) => (time >= start && time < end ? [at] : []))
    const found = clipped && [clipped.start, clipped.end, clipped.firstTime, clipped.lastTime]
    const [from, to] = [wanted[0]!, wanted.at(-1)!]
    const expected = [first + from, first + to + 1, own[from]?.time, own[to]?.time]
    const replay = `seed ${seed}, series ${series}, [${start}, ${end})`
    expect(found, replay).toEqual(wanted.length === 0 ? null : expected)
    if (random.chance(0.2)) pins.release()
    if (random.chance(0.05)) cache.drop(reader.description.file)
  }
}

test('rows in a time range are those of the plain list', async () => {
  for (let seed = 1; seed <= 6; seed++) await check(seed, [700, 1, 3000, 2, 1024, 5000], 150)
})

test('also where a series goes over row groups', async () => {
  await check(11, [500, GROUP_ROWS + 3000, 2000], 60)
})
