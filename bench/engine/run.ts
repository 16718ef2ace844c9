// Queries of TSBS's cpu-only suite in process, and three of them over HTTP beside an empty answer:
//   npm run build && node scripts/run.js bench/engine/run.ts --bundle [--against CHECKOUT]
// OMENDB_HOSTS (100) and OMENDB_HOURS (24) size the set. --bundle: what is built in dist/, as users run
// it, not the sources. --against: the code of another checkout runs on the same data in turn with this
// one's. Every answer is checked before it is timed.

import { resolve } from 'node:path'
import type { Database } from '../../engine/database.ts'
import { type CpuSet, FIELDS, loadCpuSet, makeCpuSet } from './cpu.ts'
import { Connection, checkText } from './http.ts'
import { type Question, checkAnswer, questionsOf, requestOf } from './questions.ts'
import { measure, printHead, printTimings } from './timing.ts'

const VARIANTS = 8
const ENCODED = ['1 host, 12 h, 10 fields raw', 'double-groupby-all, 12 h']
const OVER_HTTP = ['single-groupby-1-1-1', 'double-groupby-all, 12 h', 'lastpoint']

type NodeEntry = typeof import('../../engine/node.ts')
type ServerEntry = typeof import('../../server/node.ts')
type EncoderEntry = typeof import('../../server/encode/json.ts')

/** One checkout's code with the set in it. */
interface Contender {
  readonly name: string
  readonly database: Database
  readonly startServer: ServerEntry['startServer']
  readonly encodeAnswer: EncoderEntry['encodeAnswer']
}

interface Checkout {
  readonly name: string
  readonly root: string
  readonly isBundle: boolean
}

async function contend({ name, root, isBundle }: Checkout, set: CpuSet): Promise<Contender> {
  const load = (path: string): Promise<unknown> => import(/* @vite-ignore */ resolve(root, path))
  const nodePath = isBundle ? 'dist/node.js' : 'engine/node.ts'
  const serverPath = isBundle ? 'dist/server.js' : 'server/node.ts'
  const { open } = (await load(nodePath)) as NodeEntry
  const { startServer } = (await load(serverPath)) as ServerEntry
  const { encodeAnswer } = (await load('server/encode/json.ts')) as EncoderEntry
  const database = await open('memory:')
  await loadCpuSet(database, set)
  return { name, database, startServer, encodeAnswer }
}

function ask(database: Database, question: Question): ReturnType<Database['query']> {
  const request = requestOf(question)
  return question.result === 'latest' ? database.latest(request) : database.query(request)
}

async function embedded(contenders: readonly Contender[], set: CpuSet): Promise<void> {
  const variants = Array.from({ length: VARIANTS }, (_, variant) => questionsOf(set, variant))
  for (const [i, { name }] of variants[0]!.entries()) {
    for (const { [i]: question } of variants) {
      for (const { database } of contenders) {
        checkAnswer(set, question!, await ask(database, question!))
      }
    }
    const tasks = contenders.map(({ database }) => {
      return (run: number) => ask(database, variants[run % VARIANTS]![i]!)
    })
    printTimings(name, await measure(tasks))
  }
}

/** JSON text of answers: integers and decimals, and means in full precision. */
async function encoding(contenders: readonly Contender[], set: CpuSet): Promise<void> {
  const format = { time: 'ms', integers: 'auto' } as const
  for (const question of questionsOf(set, 0).filter(({ name }) => ENCODED.includes(name))) {
    const answers = contenders.map(({ database }) => ask(database, question))
    const tasks = (await Promise.all(answers)).map((answer, i) => {
      const { encodeAnswer, database } = contenders[i]!
      return async () => Array.from(encodeAnswer(answer, format, () => database.kernel))
    })
    printTimings(`JSON, ${question.name}`, await measure(tasks))
  }
}

async function overHttp(contenders: readonly Contender[], set: CpuSet): Promise<void> {
  const starting = contenders.map(({ database, startServer }) => startServer(database, { port: 0 }))
  const servers = await Promise.all(starting)
  const connections = servers.map(({ url }) => new Connection(url))
  const empty = await measure(connections.map((connection) => () => connection.empty()))
  printTimings('HTTP, empty answer', empty)
  for (const question of questionsOf(set, 0).filter(({ name }) => OVER_HTTP.includes(name))) {
    for (const [i, { database }] of contenders.entries()) {
      checkText(await connections[i]!.ask(question), await ask(database, question))
    }
    const timings = await measure(connections.map((connection) => () => connection.ask(question)))
    const excess = timings.map(({ median, late, cpu }, i) => {
      const floor = empty[i]!
      return { median: median - floor.median, late: late - floor.median, cpu: cpu - floor.cpu }
    })
    printTimings(`HTTP excess, ${question.name}`, excess)
  }
  for (const connection of connections) connection.close()
  for (const server of servers) await server.close()
}

export async function main(args: readonly string[]): Promise<void> {
  const { OMENDB_HOSTS: hosts = '100', OMENDB_HOURS: hours = '24' } = process.env
  const set = makeCpuSet(Number(hosts), Number(hours))
  const isBundle = args.includes('--bundle')
  const against = args.indexOf('--against')
  const checkouts = [{ name: 'this', root: '.', isBundle }]
  if (against >= 0) checkouts.unshift({ name: 'before', root: args[against + 1]!, isBundle })
  const contenders: Contender[] = []
  for (const checkout of checkouts) contenders.push(await contend(checkout, set))
  console.log(`${set.hosts} hosts × ${set.steps} steps × ${FIELDS.length} fields, milliseconds`)
  printHead(contenders.map(({ name }) => name))
  await embedded(contenders, set)
  await encoding(contenders, set)
  await overHttp(contenders, set)
  for (const { database } of contenders) await database.close()
}
