// TSBS's cpu-only suite in SQL beside the same questions as requests, both in process over one database:
// medians of rounds in turn, each statement prepared once. Before it is timed, the answer of a statement
// is compared with that of its request: rows, and the sum of their values. Both run for a while before
// they are timed, as in a server that has been up for a minute.
// `node scripts/run.js bench/sql/questions.ts [--hosts 100] [--hours 24] [--rounds 51] [--warm 1000] [--only TEXT]`

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { type Database, open } from '../../engine/node.ts'
import type { Answer } from '../../engine/query/query.ts'
import { sessionsOf } from '../../sql/database.ts'
import type { PreparedStatement } from '../../sql/session.ts'
import { provideGrammar } from '../../sql/syntax/grammar.ts'
import { EPOCH, FIELDS, STEP, hostName, loadCpuSet, makeCpuSet } from '../engine/cpu.ts'
import { type Question, questionsOf, requestOf } from '../engine/questions.ts'

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '100' },
    hours: { type: 'string', default: '24' },
    rounds: { type: 'string', default: '51' },
    /** Milliseconds for each of both. */
    warm: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
  },
})
const ROUNDS = Number(values.rounds)

const path = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')
provideGrammar(async () => WebAssembly.compile(await readFile(path)))

const timeText = (step: number): string =>
  `'${new Date(Number((EPOCH + BigInt(step) * STEP) / 1_000_000n)).toISOString()}'`

function statementOf(question: Question): string {
  const { hosts, fields, from, to, result, every, above, newest, byHost } = question
  const names = FIELDS.slice(0, fields)
  const conditions = [
    ...(result === 'latest' || newest !== undefined ? [] : [`time >= ${timeText(from)}`]),
    ...(result === 'latest' ? [] : [`time < ${timeText(to)}`]),
    ...(hosts === null ? [] : [`hostname IN (${hosts.map((one) => `'${hostName(one)}'`).join()})`]),
    ...(above === undefined ? [] : [`usage_user > ${above}`]),
  ]
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  if (result === 'raw') return `SELECT time, ${names.join()} FROM cpu${where}`
  if (result === 'latest') {
    return `SELECT DISTINCT ON (hostname) time, ${names.join()} FROM cpu ORDER BY hostname, time DESC`
  }
  const call = result === 'mean' ? 'avg' : result
  const aggregates = fields === 0 ? ['count(*)'] : names.map((name) => `${call}(${name})`)
  const groups = [
    ...(every === undefined ? [] : [`time_bucket('${every} s', time)`]),
    ...(byHost ? ['hostname'] : []),
  ]
  const by = groups.length === 0 ? '' : ` GROUP BY ${groups.map((_, i) => i + 1).join()}`
  const order = newest === undefined ? '' : ` ORDER BY 1 DESC LIMIT ${newest}`
  return `SELECT ${[...groups, ...aggregates].join()} FROM cpu${where}${by}${order}`
}

interface Sum {
  rows: number
  total: number
}

function add(sum: Sum, column: ArrayLike<unknown>, valid: Uint8Array | null): void {
  for (let row = 0; row < column.length; row++) {
    if (valid === null || valid[row] === 1) sum.total += Number(column[row])
  }
}

function sumOfAnswer({ series, rowCount }: Answer): Sum {
  const sum = { rows: rowCount, total: 0 }
  for (const { fields } of series) {
    for (const { values: column, valid } of fields) add(sum, column, valid)
  }
  return sum
}

async function sumOfStatement(statement: PreparedStatement): Promise<Sum> {
  const running = await statement.run([])
  if (running.kind !== 'rows') throw new Error(`no rows: ${running.kind}`)
  const sum = { rows: 0, total: 0 }
  const isNumber = running.columns.map(({ type }) => ['float8', 'int8'].includes(type.name))
  for await (const { rowCount, columns } of running.batches) {
    sum.rows += rowCount
    columns.forEach(({ values: column, valid }, i) => {
      if (isNumber[i] === true) add(sum, column as ArrayLike<unknown>, valid)
    })
  }
  return sum
}

async function drain(statement: PreparedStatement): Promise<void> {
  const running = await statement.run([])
  if (running.kind === 'rows') for await (const batch of running.batches) void batch.rowCount
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[times.length >> 1]!

async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now()
  await work()
  return performance.now() - since
}

async function warm(work: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + Number(values.warm)
  do await work()
  while (performance.now() < until)
}

function check({ name }: Question, wanted: Sum, found: Sum): void {
  const isNear = Math.abs(wanted.total - found.total) <= 1e-9 * Math.abs(wanted.total)
  if (wanted.rows === found.rows && isNear) return
  throw new Error(`${name}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`)
}

async function compare(database: Database): Promise<void> {
  const access = new Set(['read'] as const)
  const session = await sessionsOf(database)({ database: 'default', user: 'bench', access })
  const ask = (question: Question): Promise<Answer> => {
    const request = requestOf(question)
    return question.result === 'latest' ? database.latest(request) : database.query(request)
  }
  for (const question of questionsOf(set, 1)) {
    if (!question.name.includes(values.only)) continue
    const statement = await session.prepare(statementOf(question))
    check(question, sumOfAnswer(await ask(question)), await sumOfStatement(statement))
    await warm(() => ask(question))
    await warm(() => drain(statement))
    const [requests, statements]: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      requests.push(await timed(() => ask(question)))
      statements.push(await timed(() => drain(statement)))
    }
    const [one, two] = [median(requests), median(statements)]
    const times = `${one.toFixed(3).padStart(9)} ms ${two.toFixed(3).padStart(9)} ms`
    console.log(`${question.name.padEnd(30)} ${times} ${(two / one).toFixed(2).padStart(6)}`)
  }
}

const set = makeCpuSet(Number(values.hosts), Number(values.hours))
const database = await open('memory:')
try {
  await loadCpuSet(database, set)
  console.log(`${values.hosts} hosts, ${values.hours} h, load ${loadavg()[0]!.toFixed(1)}`)
  console.log(`${'question'.padEnd(30)} ${'request'.padStart(12)} ${'SQL'.padStart(12)}  ratio`)
  await compare(database)
  console.log(`load ${loadavg()[0]!.toFixed(1)}`)
} finally {
  await database.close()
}
