// Bytes a point on disk, flushed and merged, of the sets that targets are set for: TSBS cpu-only, sensors
// that report when they like, and very many series of 60 points each.
//   npm run build:kernel && node scripts/run.js bench/disk/points.ts [--series 100000]

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, OmenError, open } from '../../engine/node.ts'
import { randomOf } from '../engine/random.ts'
import { type PointSet, type SeriesPoints, cpuData, sensorData } from '../peers/point-set.ts'

const BATCH_POINTS = 100_000

/** Again while the engine says `busy`. */
async function patiently(action: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await action()
      return
    } catch (error) {
      if (!(error instanceof OmenError) || error.code !== 'busy') throw error
      await new Promise((again) => setTimeout(again, 5))
    }
  }
}

/** 60 points a series, a minute apart from a start of its own, two decimals that walk. */
function shortData(count: number): PointSet {
  const random = randomOf(11)
  const series = Array.from({ length: count }, (_, index): SeriesPoints => {
    const start = 1_790_000_000_000 + Math.floor(random() * 60_000)
    let walk = 1_500 + Math.floor(random() * 1_500)
    const values = Float64Array.from({ length: 60 }, () => {
      walk += Math.round((random() - 0.5) * 20)
      return walk / 100
    })
    const times = Float64Array.from({ length: 60 }, (_none, row) => start + row * 60_000)
    return { tags: [`device_${index}`, `site_${index % 1000}`], times, values: [values] }
  })
  const tagKeys = ['device', 'site']
  const points = count * 60
  return { table: 'short', tagKeys, fields: ['celsius'], series, points, stepMs: 60_000 }
}

async function load(db: Database, { table, tagKeys, fields, series }: PointSet): Promise<void> {
  for (let from = 0; from < series.length;) {
    let to = from
    for (let points = 0; to < series.length && points < BATCH_POINTS; to++) {
      points += series[to]!.times.length * fields.length
    }
    await patiently(() => {
      const batch = db.batch()
      for (const { tags, times, values } of series.slice(from, to)) {
        batch.points({
          table,
          tags: new Map(tags.map((tag, k) => [tagKeys[k]!, tag])),
          times: BigInt64Array.from(times, (time) => BigInt(time) * 1_000_000n),
          fields: fields.map((name, k) => {
            return { name, type: 0, values: values[k]!, valid: null, declared: true }
          }),
        })
      }
      return batch.commit('memory')
    })
    from = to
  }
  await patiently(() => db.flush())
  await db.compact()
}

async function measure(name: string, set: PointSet): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-points-'))
  try {
    const db = await open(directory)
    await load(db, set)
    await db.close()
    const sizeOf = (kind: string): number =>
      readdirSync(directory)
        .filter((file) => file.startsWith(kind))
        .reduce((sum, file) => sum + statSync(join(directory, file)).size, 0)
    const sizes = ['segment', 'catalog', ''].map((kind) => sizeOf(kind) / set.points)
    const cells = [name, set.points, ...sizes.map((bytes) => bytes.toFixed(3))]
    console.log(`| ${cells.join(' | ')} |`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Prints a Markdown table. */
export async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--series')
  const count = at === -1 ? 100_000 : Number(args[at + 1])
  console.log('| | points | segments | catalog | the directory |\n|---|---|---|---|---|')
  await measure('TSBS cpu-only, 100 hosts × 24 h', cpuData(100, 24))
  await measure('sensors, 100 × 20,000', sensorData(100, 20_000))
  await measure(`${count} series × 60`, shortData(count))
}
