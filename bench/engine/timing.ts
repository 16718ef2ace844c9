// Timing of tasks that run in turn in one process, so that all of them meet the same neighbours on the
// machine: on the clock, and in processor time of the process, which neighbours move less. Between them
// the event loop has a turn, as it has between the questions of a server: work in the background goes on.

import { setImmediate as nextTurn } from 'node:timers/promises'

const RUNS = 40
const TIMED_MS = 1_000
const WARM_UP = 10_000
const WARM_UP_MS = 3_000
const NAME_WIDTH = 36

export type Task = (run: number) => Promise<unknown>

/** Milliseconds: median and 95th percentile on the clock, median of the process's processor time. */
export interface Timing {
  readonly median: number
  readonly late: number
  readonly cpu: number
}

interface Sample {
  readonly elapsed: number
  readonly cpu: number
}

function timingOf(samples: readonly Sample[]): Timing {
  const at = (share: number, of: (sample: Sample) => number): number => {
    const sorted = samples.map(of).sort((a, b) => a - b)
    return sorted[Math.floor(share * (sorted.length - 1))]!
  }
  const elapsed = (sample: Sample): number => sample.elapsed
  return { median: at(0.5, elapsed), late: at(0.95, elapsed), cpu: at(0.5, ({ cpu }) => cpu) }
}

/**
 * Runs the tasks in turn: WARM_UP times or WARM_UP_MS to warm up (short queries are compiled late), then
 * RUNS times and TIMED_MS at least.
 */
export async function measure(tasks: readonly Task[]): Promise<Timing[]> {
  const samples: Sample[][] = tasks.map(() => [])
  const once = async (run: number): Promise<void> => {
    for (const [i, task] of tasks.entries()) {
      const before = process.cpuUsage()
      const start = performance.now()
      await task(run)
      const elapsed = performance.now() - start
      const { user, system } = process.cpuUsage(before)
      samples[i]!.push({ elapsed, cpu: (user + system) / 1000 })
    }
    await nextTurn()
  }
  const begin = performance.now()
  const isCold = (run: number): boolean =>
    run < RUNS / 2 || (run < WARM_UP && performance.now() - begin < WARM_UP_MS)
  for (let run = 0; isCold(run); run++) await once(run)
  for (const list of samples) list.length = 0
  const timed = performance.now()
  for (let run = 0; run < RUNS || performance.now() - timed < TIMED_MS; run++) await once(run)
  return samples.map(timingOf)
}

const digits = (milliseconds: number): string => milliseconds.toFixed(milliseconds < 10 ? 3 : 1)

function print(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(NAME_WIDTH) + cells.map((text) => text.padStart(8)).join(''))
}

export function printHead(names: readonly string[]): void {
  print(
    '',
    names.flatMap((name) => [name, 'p95', 'cpu']),
  )
}

/** A line per question; of several timings, how much less processor time the others take than the first. */
export function printTimings(name: string, timings: readonly Timing[]): void {
  const cells = timings.flatMap(({ median, late, cpu }) => [median, late, cpu].map(digits))
  const [first, ...others] = timings
  for (const other of others) cells.push(`${(first!.cpu / other.cpu).toFixed(2)}×`)
  print(name, cells)
}
