// A peer as the parent of its processes sees it: one that loads and ends, then one that is asked.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { build } from 'vite'
import type { SetShape } from './point-set.ts'
import { type Question, type Rows, differenceOf } from './questions.ts'
import type { PeerReport, QuestionTimes } from './report.ts'
import type { Loaded, Order, Times } from './worker.ts'

/** Bundles worker.ts into a directory: what strips its types would count as the peer's memory. */
export async function buildWorker(entry: string, directory: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: entry,
      outDir: directory,
      emptyOutDir: false,
      rollupOptions: { output: { entryFileNames: 'worker.mjs' } },
    },
  })
  return join(directory, 'worker.mjs')
}

/** What is the same for all peers of a run. */
export interface Course {
  /** The file that `buildWorker` made. */
  readonly worker: string
  /** Of inputs, and of a directory for each peer. */
  readonly directory: string
  readonly shape: SetShape
}

interface Samples {
  readonly answers: number[]
  readonly empty: number[]
}

export class Contender {
  readonly name: string
  private readonly process: ChildProcess
  private readonly loaded: Loaded
  private readonly times = new Map<string, Samples | null>()
  private queryBytes = 0

  private constructor(name: string, process: ChildProcess, loaded: Loaded) {
    this.name = name
    this.process = process
    this.loaded = loaded
  }

  /** Loads the set and opens it again; null, with a word why, if the peer is not installed. */
  static async load(name: string, course: Course, file: string): Promise<Contender | null> {
    const loader = start(course.worker)
    try {
      await openIn(loader, name, course)
    } catch (error) {
      loader.disconnect()
      console.error(`${name} does not take part: ${String(error)}`)
      return null
    }
    const loaded = (await exchange(loader, { kind: 'load', file })) as Loaded
    if (loader.exitCode === null) await once(loader, 'exit')
    const asked = start(course.worker)
    await openIn(asked, name, course)
    return new Contender(name, asked, loaded)
  }

  /** Asks these once, and notes how much memory that takes. */
  async visit(questions: readonly Question[]): Promise<void> {
    this.queryBytes = (await exchange(this.process, { kind: 'visit', questions })) as number
  }

  /** Whether the peer has these queries; throws if an answer is wrong. */
  async check(expected: readonly (readonly [Question, Rows])[]): Promise<boolean> {
    for (const [question, right] of expected) {
      const rows = (await exchange(this.process, { kind: 'rows', question })) as Rows | null
      if (rows === null) {
        this.times.set(question.name, null)
        return false
      }
      const difference = differenceOf(right, rows)
      if (difference !== null) throw new Error(`${this.name}: ${question.name}: ${difference}`)
    }
    return true
  }

  /** Asks these in turn, so many times, and returns the milliseconds of each. */
  async warm(questions: readonly Question[], runs: number): Promise<number[]> {
    return (await this.exchangeTimes(questions, runs)).answers
  }

  /** Asks these in turn, so many times, for the report; returns the milliseconds of all. */
  async time(questions: readonly Question[], runs: number): Promise<number> {
    const { name } = questions[0]!
    const found = await this.exchangeTimes(questions, runs)
    const samples = this.times.get(name) ?? { answers: [], empty: [] }
    samples.answers.push(...found.answers)
    samples.empty.push(...found.empty)
    this.times.set(name, samples)
    return found.answers.reduce((sum, time) => sum + time, 0)
  }

  report(): PeerReport {
    const { title, loading, settling, seconds, settleSeconds, diskBytes } = this.loaded
    const { emptyBytes, peakBytes } = this.loaded
    const times: Record<string, QuestionTimes | null> = {}
    for (const [name, samples] of this.times) times[name] = samples && timesOf(samples)
    return {
      name: this.name,
      title,
      loading,
      settling,
      isServer: Object.values(times).some((time) => time !== null && time.empty !== null),
      seconds,
      settleSeconds,
      memory: { empty: emptyBytes, load: peakBytes, queries: this.queryBytes },
      diskBytes,
      times,
    }
  }

  async close(): Promise<void> {
    await exchange(this.process, { kind: 'close' })
    if (this.process.exitCode === null) await once(this.process, 'exit')
  }

  /** It ends by itself, and its server with it, when nobody talks to it. */
  leave(): void {
    if (this.process.connected) this.process.disconnect()
  }

  private async exchangeTimes(questions: readonly Question[], runs: number): Promise<Times> {
    return (await exchange(this.process, { kind: 'time', questions, runs })) as Times
  }
}

function timesOf({ answers, empty }: Samples): QuestionTimes {
  const at = (times: readonly number[], share: number): number => {
    const sorted = times.toSorted((a, b) => a - b)
    const time = sorted[Math.floor(share * (sorted.length - 1))]!
    return Number(time.toPrecision(4))
  }
  return {
    least: at(answers, 0),
    median: at(answers, 0.5),
    p95: at(answers, 0.95),
    empty: empty.length === 0 ? null : at(empty, 0.5),
    runs: answers.length,
  }
}

const start = (worker: string): ChildProcess => fork(worker, [], { serialization: 'advanced' })

function openIn(child: ChildProcess, peer: string, { directory, shape }: Course): Promise<unknown> {
  return exchange(child, { kind: 'open', peer, directory: join(directory, peer), shape })
}

async function exchange(child: ChildProcess, order: Order): Promise<unknown> {
  const died = new AbortController()
  const exit = (): void => died.abort(new Error('its process died'))
  child.once('exit', exit)
  child.send(order)
  try {
    const [reply] = (await once(child, 'message', { signal: died.signal })) as [
      { value: unknown; error?: string },
    ]
    if (reply.error !== undefined) throw new Error(reply.error)
    return reply.value
  } finally {
    child.off('exit', exit)
  }
}
