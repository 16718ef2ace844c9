// Exports of millions of points in every format, over real HTTP to a server process: points a second,
// bytes a point, and the memory of the server before, at most while, and after (Linux):
//   npm run build && node scripts/run.js bench/http/export.ts [--points 10000000] [--formats csv,lp]
// 100 series with a point a second each: a walk of doubles, a counter, a state. They are loaded, flushed and
// merged before; each format is exported once in full, its bytes only counted.

import { mkdtempSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from '../../engine/node.ts'
import { patiently } from '../engine/patiently.ts'
import { randomOf } from '../engine/random.ts'
import { startBenchServer } from './server.ts'

const SERIES = 100
/** Points of a batch. */
const BATCH = 50_000
const START = 1_790_000_000_000_000_000n
const SECOND = 1_000_000_000n
const MIB = 1 << 20

const { values: flags } = parseArgs({
  options: {
    points: { type: 'string', default: '10000000' },
    formats: { type: 'string', default: 'csv,ndjson,lp,arrow,parquet' },
  },
})

async function load(directory: string, count: number): Promise<void> {
  const db = await open(directory)
  const each = Math.ceil(count / SERIES)
  for (let series = 0; series < SERIES; series++) {
    const random = randomOf(series + 1)
    let walk = 50
    for (let from = 0; from < each; from += BATCH) {
      const length = Math.min(BATCH, each - from)
      const batch = db.batch()
      const at = (i: number): bigint => BigInt(from + i)
      batch.points({
        table: 'bench',
        tags: new Map([
          ['host', `host_${series}`],
          ['region', `region_${series % 7}`],
        ]),
        times: BigInt64Array.from({ length }, (_, i) => START + at(i) * SECOND),
        fields: [
          {
            name: 'load',
            type: 0,
            values: Float64Array.from({ length }, () => (walk += random() - 0.5)),
            valid: null,
            declared: true,
          },
          {
            name: 'requests',
            type: 1,
            values: BigInt64Array.from({ length }, (_, i) => at(i) * 17n),
            valid: null,
            declared: true,
          },
          {
            name: 'up',
            type: 3,
            values: Uint8Array.from({ length }, () => (random() < 0.99 ? 1 : 0)),
            valid: null,
            declared: true,
          },
        ],
      })
      await patiently(() => batch.commit('memory'))
    }
  }
  await db.close()
}

/** Resident memory of a process, in bytes. */
function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

interface Outcome {
  readonly bytes: number
  readonly ms: number
  readonly peak: number
}

function download(url: string, pid: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    let bytes = 0
    let peak = residentBytes(pid)
    const timer = setInterval(() => (peak = Math.max(peak, residentBytes(pid))), 50)
    const fail = (error: unknown): void => {
      clearInterval(timer)
      reject(error)
    }
    const call = request(url, (answer) => {
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length))
      answer.on('error', fail)
      answer.on('end', () => {
        clearInterval(timer)
        if (answer.statusCode !== 200) reject(new Error(`${url}: ${answer.statusCode}`))
        else resolve({ bytes, ms: performance.now() - startedAt, peak })
      })
    })
    call.on('error', fail)
    call.end()
  })
}

const count = Number(flags.points)
const directory = mkdtempSync(join(tmpdir(), 'omendb-export-'))
await load(directory, count)
const server = await startBenchServer(directory)
const shown = (bytes: number): string => (bytes / MIB).toFixed(0)
console.log(`${count} points of 3 fields, 2 tags; ${server.program}`)
console.log('| format | M points/s | B a point | MiB before | MiB at most | MiB after |')
console.log('|---|---|---|---|---|---|')
try {
  // What the first query compiles and caches is not an export's.
  await download(`${server.url}/v1/export?table=bench&where=host%3D'host_0'`, server.pid)
  for (const format of flags.formats.split(',')) {
    const before = residentBytes(server.pid)
    const url = `${server.url}/v1/export?table=bench&format=${format}`
    const { bytes, ms, peak } = await download(url, server.pid)
    const after = residentBytes(server.pid)
    const cells = [before, peak, after].map(shown).join(' | ')
    const pace = (count / ms / 1000).toFixed(2)
    console.log(`| ${format} | ${pace} | ${(bytes / count).toFixed(1)} | ${cells} |`)
  }
} finally {
  await server.stop()
}
