// Runs the simulated crash test over many seeds in worker processes:
//   npm run torture -- --seeds N [--from S] [--workers 2] [--minutes M] [--rollups] [--tier]
// With --rollups it takes N seeds whose tables have rollups under a clock that moves, and no others; with
// --tier segment files move to an object store, which makes another run of every seed.
// A seed that fails, or hangs, is printed with the line that replays it; the others go on.

import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../random.ts'
import { bundle } from './bundle.ts'
import { replayLine, runSeed, runTieredSeed } from './crash-seed.ts'
import type { Outcome, Task } from './seed-worker.ts'
import { swarmOf } from './swarm.ts'
import { watchdog } from './watchdog.ts'

/** Seeds that a worker gets at a time. */
const BLOCK = 20
const HANG_SECONDS = 120
const PROGRESS_MS = 15_000
/** 300 kernels a second live and die in a worker: the heap is not to be kept small. */
const NODE_FLAGS = [
  '--single-threaded-gc',
  '--initial-old-space-size=512',
  '--min-semi-space-size=32',
]

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      minutes: { type: 'string' },
      rollups: { type: 'boolean', default: false },
      tier: { type: 'boolean', default: false },
    },
  })
  const from = Number(values.from)
  if (Number(values.seeds) === 1) return values.tier ? runTieredSeed(from) : runSeed(from)
  const isTaken = values.rollups ? hasMovingRollups : () => true
  const scratch = mkdtempSync(join(tmpdir(), 'omendb-torture-'))
  const campaign = new Campaign(await bundle('seed-worker.ts', scratch), from, values, isTaken)
  await Promise.all(Array.from({ length: Number(values.workers) }, () => campaign.employ()))
  rmSync(scratch, { recursive: true })
  campaign.report()
  if (campaign.faults > 0) process.exitCode = 1
}

function hasMovingRollups(seed: number): boolean {
  const { hasRollups, hasRetention } = swarmOf(seededRandom(seed), seed)
  return hasRollups && hasRetention
}

class Campaign {
  faults = 0
  private readonly program: string
  private next: number
  private done = 0
  /** Seeds that are still to be taken. */
  private left: number
  private readonly isTiered: boolean
  private readonly isTaken: (seed: number) => boolean
  private readonly began = performance.now()
  private readonly deadline: number
  private reported = 0

  /** `program`: a bundled seed-worker.ts. */
  constructor(
    program: string,
    from: number,
    { seeds, minutes, tier }: { seeds: string; minutes?: string; tier: boolean },
    isTaken: (seed: number) => boolean,
  ) {
    this.program = program
    this.next = from
    this.left = Number(seeds)
    this.isTiered = tier
    this.isTaken = isTaken
    this.deadline = minutes === undefined ? Infinity : this.began + Number(minutes) * 60_000
  }

  /** Keeps a worker busy until there are no more seeds; replaces one that hangs or dies. */
  async employ(): Promise<void> {
    for (let seeds = this.take(); seeds.length > 0; seeds = this.take()) {
      const worker = fork(this.program, { execArgv: NODE_FLAGS })
      try {
        while (seeds.length > 0) {
          await this.watch(worker, seeds)
          seeds = this.take()
        }
      } catch (error) {
        this.blame(String(error))
      } finally {
        worker.kill('SIGKILL')
      }
    }
  }

  report(): void {
    const seconds = (performance.now() - this.began) / 1000
    const rate = (this.done / seconds).toFixed(1)
    const { done, faults, next } = this
    console.log(
      `${done} seeds, up to ${next - 1}, in ${seconds.toFixed(0)} s: ${rate}/s, ${faults} faults`,
    )
    this.reported = performance.now()
  }

  private take(): number[] {
    if (performance.now() > this.deadline) return []
    const seeds: number[] = []
    for (; this.left > 0 && seeds.length < BLOCK; this.next++) {
      if (!this.isTaken(this.next)) continue
      seeds.push(this.next)
      this.left--
    }
    return seeds
  }

  /** Resolves when all seeds are done; rejects, naming the seed, when one hangs or kills the worker. */
  private watch(worker: ChildProcess, seeds: readonly number[]): Promise<void> {
    let at = 0
    return new Promise((resolve, reject) => {
      const fail = (what: string): void => {
        hang.stop()
        reject(new Error(`${replayLine(seeds[at]!, this.isTiered)}: ${what}`))
      }
      const hang = watchdog(HANG_SECONDS, () => fail(`it hangs for ${HANG_SECONDS} s`))
      const die = (code: number | null): void => fail(`its worker died (${code})`)
      const listen = ({ fault }: Outcome): void => {
        hang.reset()
        this.done++
        if (fault !== null) this.blame(fault)
        if (performance.now() - this.reported > PROGRESS_MS) this.report()
        if (++at < seeds.length) return
        hang.stop()
        worker.off('exit', die).off('message', listen)
        resolve()
      }
      worker.on('message', listen).once('exit', die)
      worker.send({ seeds, isTiered: this.isTiered } satisfies Task)
    })
  }

  private blame(fault: string): void {
    this.faults++
    console.log(`FAULT ${fault}`)
  }
}
