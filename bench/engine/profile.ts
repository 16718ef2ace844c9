// Where the time of a question goes, in process, by function: shares of samples of V8's profiler, those
// in the kernel by the names that they have in assembly/.
//   npm run build && node scripts/run.js bench/engine/profile.ts [--only TEXT] [--lines 12]
// OMENDB_HOSTS (100) and OMENDB_HOURS (24) size the set of bench/engine/cpu.ts. What is profiled is the
// bundle in dist/; processor time of a question stands beside, since waiting for a core is no sample.

import { type Profiler, Session } from 'node:inspector/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Database } from '../../engine/database.ts'
import { loadCpuSet, makeCpuSet } from './cpu.ts'
import { kernelNames, timesOf } from './kernel-names.ts'
import { type Question, questionsOf, requestOf } from './questions.ts'

const VARIANTS = 8
const WARM_UP_MS = 2_500
const PROFILED_MS = 3_000
const INTERVAL_US = 200

type NodeEntry = typeof import('../../engine/node.ts')

async function profile(
  session: Session,
  database: Database,
  questions: readonly Question[],
): Promise<{ profile: Profiler.Profile; processorMs: number }> {
  const askFor = async (milliseconds: number): Promise<number> => {
    const end = performance.now() + milliseconds
    let asked = 0
    for (; performance.now() < end; asked++) {
      const question = questions[asked % questions.length]!
      const request = requestOf(question)
      await (question.result === 'latest' ? database.latest(request) : database.query(request))
    }
    return asked
  }
  await askFor(WARM_UP_MS)
  await session.post('Profiler.start')
  const before = process.cpuUsage()
  const asked = await askFor(PROFILED_MS)
  const { user, system } = process.cpuUsage(before)
  const { profile: found } = await session.post('Profiler.stop')
  return { profile: found, processorMs: (user + system) / 1000 / asked }
}

function print(name: string, processorMs: number, times: Map<string, number>, lines: number): void {
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  const share = (time: number): string => `${((100 * time) / total).toFixed(1)} %`
  const inKernel = [...times].filter(([key]) => key.startsWith('assembly/'))
  const kernel = inKernel.reduce((sum, [, time]) => sum + time, 0)
  const garbage = times.get('(garbage collector)') ?? 0
  console.log(
    `\n${name}: ${processorMs.toFixed(3)} ms of processor time; kernel ${share(kernel)}, garbage ${share(garbage)}`,
  )
  for (const [key, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, lines)) {
    console.log(`${share(time).padStart(8)}  ${key}`)
  }
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      only: { type: 'string', default: '' },
      lines: { type: 'string', default: '12' },
    },
  })
  const { OMENDB_HOSTS: hosts = '100', OMENDB_HOURS: hours = '24' } = process.env
  const set = makeCpuSet(Number(hosts), Number(hours))
  const { open } = (await import(/* @vite-ignore */ resolve('dist/node.js'))) as NodeEntry
  const database = await open('memory:')
  await loadCpuSet(database, set)
  const names = kernelNames()
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US })
  const variants = Array.from({ length: VARIANTS }, (_, variant) => questionsOf(set, variant))
  for (const [i, { name }] of variants[0]!.entries()) {
    if (!name.includes(values.only)) continue
    const found = await profile(
      session,
      database,
      variants.map((questions) => questions[i]!),
    )
    print(name, found.processorMs, timesOf(found.profile, names), Number(values.lines))
  }
  session.disconnect()
  await database.close()
}
