// Real kill -9: a process with several writers is killed at random moments, also while it opens, and
// again; then the directory is opened and compared with what it had acknowledged.
//   node scripts/run.js test/torture/kill.ts --rounds 200 [--seed S]

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from '../../engine/node.ts'
import { readCells } from '../engine/crash-cells.ts'
import { History, type Operation } from '../engine/crash-model.ts'
import { type Random, randomOf } from '../random.ts'
import { bundle } from './bundle.ts'
import { KILL_LAYOUT, KILL_OPTIONS, changeOf } from './kill-change.ts'

export interface KillReport {
  readonly rounds: number
  readonly acked: number
  /** Rounds in which the process died before it was open. */
  readonly killedOpening: number
  readonly comparisons: number
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
    },
  })
  const began = performance.now()
  const report = await killRounds(Number(values.rounds), Number(values.seed), (line) =>
    console.log(line),
  )
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  console.log(`${JSON.stringify(report)} in ${seconds} s: nothing lost, doubled or invented`)
}

/** Throws when an acknowledgement was not kept; the directory then stays for inspection. */
export async function killRounds(
  rounds: number,
  seed: number,
  progress: (line: string) => void = () => {},
): Promise<KillReport> {
  const scratch = mkdtempSync(join(tmpdir(), 'omendb-kill-'))
  const program = await bundle('kill-child.ts', scratch)
  const target = new Target(program, join(scratch, 'database'), randomOf(seed))
  for (let round = 1; round <= rounds; round++) {
    await target.killOnce()
    // Often the next process opens what the last one left, and is killed itself.
    if (round % 3 === 0 || round === rounds) await target.compare(`seed ${seed}, round ${round}`)
    if (round % 10 === 0) progress(`${round} rounds, ${target.acked} acknowledged`)
  }
  const { acked, killedOpening, comparisons } = target
  rmSync(scratch, { recursive: true })
  return { rounds, acked, killedOpening, comparisons }
}

class Target {
  acked = 0
  killedOpening = 0
  comparisons = 0
  private readonly program: string
  private readonly directory: string
  private readonly random: Random
  private readonly history = new History()
  private nextId = 1

  constructor(program: string, directory: string, random: Random) {
    this.program = program
    this.directory = directory
    this.random = random
  }

  async killOnce(): Promise<void> {
    const child = spawn(process.execPath, [this.program, this.directory, String(this.nextId)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let errors = ''
    let isReady: () => void
    const ready = new Promise<void>((resolve) => (isReady = resolve))
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.startsWith('ready')) isReady()
    })
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    const closed = once(child, 'close')
    // While it starts and opens, or some time into its work.
    if (this.random.chance(0.3)) await pause(30 + this.random.int(200))
    else {
      await Promise.race([ready, closed])
      await pause(this.random.int(this.random.chance(0.5) ? 100 : 700))
    }
    child.kill('SIGKILL')
    const [, signal] = (await closed) as [number | null, NodeJS.Signals | null]
    if (signal !== 'SIGKILL') throw new Error(`it ended by itself (${this.directory}): ${errors}`)
    this.take(output.split('\n'))
  }

  async compare(where: string): Promise<void> {
    const db = await open(this.directory, KILL_OPTIONS)
    const found = await readCells(db, KILL_LAYOUT)
    const fault = this.history.check(found)
    if (fault !== null) throw new Error(`${where}, ${this.directory}: ${fault}`)
    this.history.settle(found)
    this.comparisons++
    await db.close()
  }

  /** What the process said before it died. */
  private take(lines: readonly string[]): void {
    if (lines[0] !== 'ready') this.killedOpening++
    const begun = new Map<number, Operation>()
    for (const line of lines) {
      const [word, number] = line.split(' ')
      const id = Number(number)
      if (word === 'begin') begun.set(id, this.note(id))
      if (word === 'ack') this.history.answered(begun.get(id)!)
      if (word === 'memory' || word === 'refused') begun.get(id)!.state = word
      if (word === 'ack') this.acked++
      if (word === 'begin') this.nextId = Math.max(this.nextId, id + 1)
    }
    this.history.crashed()
  }

  private note(id: number): Operation {
    const change = changeOf(id)
    if (change.kind === 'write') return this.history.add(id, change.write.cells)
    const { covers } = change.erasure
    return change.kind === 'drop' ? this.history.erase(covers) : this.history.delete(covers)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
