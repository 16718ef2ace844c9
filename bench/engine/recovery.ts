// How long a start takes when kill -9 left the log at its cap: 4,000 series of 10 floats, in batches
// of many series, written until the log holds so much; then the process kills itself, and each run
// opens a fresh copy of what it left, until the first query is answered.
//   node scripts/run.js bench/engine/recovery.ts [--runs 5]

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Database, type OpenOptions, open } from '../../engine/node.ts'

const MIB = 1 << 20
const SERIES = 4_000
const FIELDS = 10
const BATCH_ROWS = 20_000
const PROGRAM = fileURLToPath(import.meta.url)
const RUNNER = fileURLToPath(new URL('../../scripts/run.js', import.meta.url))

/** Two memtables of 64 MiB: by default a start replays at most one full log and a full next one. */
const CAPS = [64, 128].map((mib) => ({ mib, options: optionsOf(mib) }))

function optionsOf(mib: number): OpenOptions {
  return { logBytes: mib * MIB, memtableRowBytes: mib * MIB }
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      runs: { type: 'string', default: '5' },
      fill: { type: 'string' },
      mib: { type: 'string' },
    },
  })
  if (values.fill !== undefined) return fill(values.fill, Number(values.mib))
  for (const { mib, options } of CAPS) {
    const directory = mkdtempSync(join(tmpdir(), 'omendb-recovery-'))
    const full = join(directory, 'full')
    const child = spawn(process.execPath, [RUNNER, PROGRAM, '--fill', full, '--mib', String(mib)], {
      stdio: 'inherit',
    })
    await once(child, 'exit')
    const times: number[] = []
    let points = 0n
    for (let run = 0; run < Number(values.runs); run++) {
      const copy = join(directory, `run-${run}`)
      cpSync(full, copy, { recursive: true, filter: (path) => !path.endsWith('lock') })
      const began = performance.now()
      const db = await open(copy, options)
      points = await count(db)
      times.push(performance.now() - began)
      await db.close()
      rmSync(copy, { recursive: true })
    }
    rmSync(directory, { recursive: true })
    times.sort((a, b) => a - b)
    const median = times[Math.floor(times.length / 2)]!
    const spread = `${times[0]!.toFixed(0)} to ${times.at(-1)!.toFixed(0)}`
    console.log(`log of ${mib} MiB, ${points} points: ${median.toFixed(0)} ms (${spread})`)
  }
}

async function count(db: Database): Promise<bigint> {
  const { series } = await db.query({ table: 'cpu', select: 'count(*)' })
  return series[0]!.fields[0]!.values[0] as bigint
}

/** Writes until the log is nearly full, and dies. */
async function fill(directory: string, mib: number): Promise<never> {
  const db = await open(directory, optionsOf(mib))
  for (let row = 0; ; row += BATCH_ROWS) {
    const batch = db.batch()
    batch.lineProtocol(new TextEncoder().encode(linesFrom(row)))
    await batch.commit('memory')
    if (db.metrics().walBytes > (mib - 4) * MIB) {
      await db.batch().commit()
      process.kill(process.pid, 'SIGKILL')
    }
  }
}

function linesFrom(first: number): string {
  const lines: string[] = []
  for (let row = first; row < first + BATCH_ROWS; row++) {
    const fields = Array.from(
      { length: FIELDS },
      (_, i) => `f${i}=${((row * (i + 7)) % 1_000) / 10}`,
    )
    const time = 1_790_000_000_000 + Math.floor(row / SERIES) * 10_000
    lines.push(`cpu,host=host_${row % SERIES},region=eu-${row % 4} ${fields} ${time}000000`)
  }
  return lines.join('\n')
}
