// Loading in process, and where its time goes: line protocol in batches of 4 MiB, each synced, as the
// peers bench does, then the flush of what is left and, timed apart, `compact()`.
//   npm run build && node scripts/run.js bench/engine/load.ts [--set sensors|cpu] [--size 1000x10000] [--profile]
// --size: sensors × rows (1000x10000), or hosts × hours (100x24). What runs is the bundle in dist/. The
// lines are made first and stay in memory. Wall time and processor time of all threads.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type PointSet, arrivals, cpuData, lineOf, sensorData } from '../peers/point-set.ts'
import { seriesTexts } from '../peers/point-set.ts'
import { kernelNames, timesOf } from './kernel-names.ts'
import { patiently } from './patiently.ts'

const BATCH_BYTES = 4 << 20

type NodeEntry = typeof import('../../engine/node.ts')

/** Batches of whole lines in the order of arrival. */
function linesOf(data: PointSet): Buffer[] {
  const texts = seriesTexts(data)
  const batches: Buffer[] = []
  let text = ''
  for (const place of arrivals(data, 0)) {
    text += lineOf(data, place, texts[place.series]!)
    if (text.length < BATCH_BYTES) continue
    batches.push(Buffer.from(text))
    text = ''
  }
  batches.push(Buffer.from(text))
  return batches
}

async function timed(name: string, points: number, action: () => Promise<void>): Promise<void> {
  const processor = process.cpuUsage()
  const start = performance.now()
  await action()
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(processor)
  const rate = (points / wall / 1000).toFixed(2)
  const used = ((user + system) / 1000).toFixed(0)
  console.log(`${name}: ${wall.toFixed(0)} ms, ${used} ms of processors; ${rate} M points/s`)
}

async function profiled(action: () => Promise<void>): Promise<Profiler.Profile> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 500 })
  await session.post('Profiler.start')
  await action()
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  return profile
}

function printShares(profile: Profiler.Profile): void {
  const times = [...timesOf(profile, kernelNames())].sort((a, b) => b[1] - a[1])
  const total = times.reduce((sum, [, time]) => sum + time, 0)
  for (const [name, time] of times.slice(0, 40)) {
    console.log(`${((100 * time) / total).toFixed(1).padStart(8)} %  ${name}`)
  }
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      set: { type: 'string', default: 'sensors' },
      size: { type: 'string' },
      profile: { type: 'boolean' },
    },
  })
  const isCpu = values.set === 'cpu'
  const [first, second] = (values.size ?? (isCpu ? '100x24' : '1000x10000')).split('x').map(Number)
  const data = isCpu ? cpuData(first!, second!) : sensorData(first!, second!)
  const batches = linesOf(data)
  const { open } = (await import(/* @vite-ignore */ resolve('dist/node.js'))) as NodeEntry
  const directory = mkdtempSync(join(tmpdir(), 'omendb-load-'))
  try {
    const database = await open(directory)
    const load = async (): Promise<void> => {
      for (const lines of batches) {
        await patiently(() => {
          const batch = database.batch({ precision: 'ms' })
          batch.lineProtocol(lines)
          return batch.commit()
        })
      }
      await patiently(() => database.flush())
    }
    let profile: Profiler.Profile | null = null
    await timed('load and flush', data.points, async () => {
      if (values.profile) profile = await profiled(load)
      else await load()
    })
    if (profile !== null) printShares(profile)
    await timed('compact', data.points, () => database.compact())
    await database.close()
    const segments = readdirSync(directory).filter((name) => name.startsWith('segment'))
    const bytes = segments.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
    console.log(`${(bytes / data.points).toFixed(4)} bytes a point`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
