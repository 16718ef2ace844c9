// Where the time of small questions goes, in process: microseconds of the whole call, of parsing and
// planning, and of the scan alone, over the set of bench/engine/cpu.ts (116 hosts: ten million points):
//   npm run build:kernel && node scripts/run.js bench/engine/narrow.ts [--only TEXT]

import { open } from '../../engine/node.ts'
import type { Database } from '../../engine/database.ts'
import { answerPlan } from '../../engine/query/executor.ts'
import { snapshotOf } from '../../engine/query/execute.ts'
import { planQuery, type Plan } from '../../engine/query/plan.ts'
import type { Query } from '../../engine/query/query.ts'
import { parseLatest, parseQuery } from '../../engine/query/request.ts'
import { Scan } from '../../engine/query/scan.ts'
import { loadCpuSet, makeCpuSet, type CpuSet } from './cpu.ts'
import { checkAnswer, questionsOf, requestOf, type Question } from './questions.ts'

const VARIANTS = 8
const ROUNDS = 5
const ROUND_MS = Number(process.env['ROUND_MS'] ?? 200)
const LIMIT = { default: 1_000_000, max: 1_000_000 }

const contextOf = (database: Database): Parameters<typeof parseQuery>[1] =>
  database['context']({}, LIMIT)

function parse(database: Database, question: Question): Query {
  const request = requestOf(question)
  const context = contextOf(database)
  return question.result === 'latest' ? parseLatest(request, context) : parseQuery(request, context)
}

/** Scans at once: everything is cached. */
function scanNow(database: Database, plan: Plan): void {
  const shard = database['shard']
  const held = shard.snapshot()
  const scan = new Scan(snapshotOf(shard, held), plan)
  try {
    const steps = answerPlan(scan)
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if ('read' in step.value) throw new Error('not cached')
    }
  } finally {
    scan.release()
    held.release()
  }
}

async function ask(database: Database, question: Question): Promise<void> {
  const request = requestOf(question)
  if (question.result === 'latest') await database.latest(request)
  else await database.query(request)
}

interface Cost {
  readonly wall: number
  readonly cpu: number
}

/** Microseconds a call, on the clock and of the processor: the least of the rounds. */
async function time(work: (run: number) => unknown): Promise<Cost> {
  let run = 0
  const round = async (milliseconds: number): Promise<Cost> => {
    const first = run
    const before = process.cpuUsage()
    const start = performance.now()
    while (performance.now() - start < milliseconds) {
      const done = work(run++)
      if (done instanceof Promise) await done
    }
    const { user, system } = process.cpuUsage(before)
    const wall = (performance.now() - start) * 1000
    return { wall: wall / (run - first), cpu: (user + system) / (run - first) }
  }
  await round(4 * ROUND_MS)
  let [wall, cpu] = [Infinity, Infinity]
  for (let i = 0; i < ROUNDS; i++) {
    const cost = await round(ROUND_MS)
    wall = Math.min(wall, cost.wall)
    cpu = Math.min(cpu, cost.cpu)
  }
  return { wall, cpu }
}

const cell = ({ wall, cpu }: Cost): string => `${wall.toFixed(1)} (${cpu.toFixed(1)})`.padStart(20)

async function measure(database: Database, set: CpuSet, index: number): Promise<void> {
  const variants = Array.from({ length: VARIANTS }, (_, i) => questionsOf(set, i)[index]!)
  for (const question of variants) {
    const request = requestOf(question)
    const isLatest = question.result === 'latest'
    checkAnswer(
      set,
      question,
      await (isLatest ? database.latest(request) : database.query(request)),
    )
  }
  const queries = variants.map((question) => parse(database, question))
  const plans = queries.map((query) => planQuery(query, database['shard'].catalog))
  const whole = await time((run) => ask(database, variants[run % VARIANTS]!))
  const parsed = await time((run) => parse(database, variants[run % VARIANTS]!))
  const planned = await time((run) =>
    planQuery(queries[run % VARIANTS]!, database['shard'].catalog),
  )
  const scanned = await time((run) => scanNow(database, plans[run % VARIANTS]!))
  const cells = [whole, parsed, planned, scanned].map(cell).join('')
  console.log(variants[0]!.name.padEnd(30) + cells)
}

export async function main(args: readonly string[]): Promise<void> {
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1]! : ''
  const set = makeCpuSet(116, 24)
  const database = await open('memory:')
  await loadCpuSet(database, set)
  const heads = ['call', 'parse', 'plan', 'scan'].map((name) => name.padStart(20)).join('')
  console.log('microseconds: clock (processor)'.padEnd(30) + heads)
  for (const [index, { name }] of questionsOf(set, 0).entries()) {
    if (name.includes(only)) await measure(database, set, index)
  }
  await database.close()
}
