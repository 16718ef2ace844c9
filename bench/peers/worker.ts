// One peer in a process of its own, told by the parent (run.ts) what to do. The process has no points
// but those that the peer gives it: its memory is the peer's, and Node's.

import { mkdirSync } from 'node:fs'
import { KINDS } from './kinds.ts'
import { peakMemory, resetPeak } from './memory.ts'
import { type Peer, diskBytes } from './peer.ts'
import type { SetShape } from './point-set.ts'
import type { Question, Rows } from './questions.ts'

export type Order =
  | {
      readonly kind: 'open'
      readonly peer: string
      readonly directory: string
      readonly shape: SetShape
    }
  | { readonly kind: 'load'; readonly file: string }
  | { readonly kind: 'visit'; readonly questions: readonly Question[] }
  | { readonly kind: 'rows'; readonly question: Question }
  | { readonly kind: 'time'; readonly questions: readonly Question[]; readonly runs: number }
  | { readonly kind: 'close' }

/** Bytes are resident memory of the peer's process, or of its server. */
export interface Loaded {
  readonly title: string
  readonly loading: string
  readonly settling: string
  readonly seconds: number
  readonly settleSeconds: number
  readonly emptyBytes: number
  readonly peakBytes: number
  /** What its files take once they are settled, without what an empty database takes. */
  readonly diskBytes: number
}

/** Milliseconds of each run. */
export interface Times {
  readonly answers: number[]
  /** Of empty answers right before; none: there is no server. */
  readonly empty: number[]
}

/** Empty answers before each turn of a question. */
const EMPTY_RUNS = 20

let peer: Peer
let diskOf: () => number

/** The process whose memory counts. */
const measured = (): number => peer.server ?? process.pid

/** The answer to an order. */
async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'open':
      return open(order.peer, order.directory, order.shape)
    case 'load':
      return load(order.file)
    case 'visit':
      return visit(order.questions)
    case 'rows':
      return rowsOf(order.question)
    case 'time':
      return timesOf(order.questions, order.runs)
    default:
      return peer.close()
  }
}

async function open(name: string, directory: string, shape: SetShape): Promise<void> {
  const { open: openPeer, uncounted } = KINDS[name]!
  mkdirSync(directory, { recursive: true })
  peer = await openPeer(directory, shape)
  diskOf = () => diskBytes(directory, uncounted)
}

/** Loads, settles and closes. */
async function load(file: string): Promise<Loaded> {
  await peer.create()
  const diskBefore = diskOf()
  resetPeak(measured())
  const emptyBytes = peakMemory(measured())
  const start = performance.now()
  await peer.load(file)
  const loaded = performance.now()
  const peakBytes = peakMemory(measured())
  await peer.settle()
  const settled = performance.now()
  const ownBytes = await peer.diskBytes?.()
  await peer.close()
  return {
    title: peer.title,
    loading: peer.loading,
    settling: peer.settling,
    seconds: (loaded - start) / 1000,
    settleSeconds: (settled - loaded) / 1000,
    emptyBytes,
    peakBytes,
    diskBytes: ownBytes ?? diskOf() - diskBefore,
  }
}

/** The most memory that these questions take, asked once each; answers are dropped as they come. */
async function visit(questions: readonly Question[]): Promise<number> {
  resetPeak(measured())
  for (const question of questions) await peer.ask(question)
  return peakMemory(measured())
}

/** Null: the peer cannot answer it. */
async function rowsOf(question: Question): Promise<Rows | null> {
  const answer = await peer.ask(question)
  return answer === null ? null : peer.rowsOf(question, answer)
}

/** The questions in turn. */
async function timesOf(questions: readonly Question[], runs: number): Promise<Times> {
  const empty: number[] = []
  const answers: number[] = []
  const timed = async (times: number[], action: () => Promise<unknown>): Promise<void> => {
    const start = performance.now()
    await action()
    times.push(performance.now() - start)
  }
  const { askNothing } = peer
  if (askNothing !== null) {
    for (let run = 0; run < EMPTY_RUNS; run++) await timed(empty, askNothing)
  }
  for (let run = 0; run < runs; run++) {
    await timed(answers, () => peer.ask(questions[run % questions.length]!))
  }
  return { answers, empty }
}

process.on('message', async (order: Order) => {
  const reply = await obey(order).then(
    (value) => ({ value }),
    (error: unknown) => ({ error: String((error as Error)?.stack ?? error) }),
  )
  process.send!(reply)
  if (order.kind === 'load' || order.kind === 'close') process.disconnect()
})
process.once('disconnect', () => process.exit())
