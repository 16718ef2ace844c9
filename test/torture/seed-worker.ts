// A process of a campaign: runs the seeds that it is sent until the parent hangs up (run.ts).

import { runSeed, runTieredSeed } from './crash-seed.ts'

/** Seeds to run, one after the other. */
export interface Task {
  readonly seeds: readonly number[]
  readonly isTiered: boolean
}

/** What became of each. */
export interface Outcome {
  readonly seed: number
  /** Null if all was well. */
  readonly fault: string | null
}

process.on('message', async ({ seeds, isTiered }: Task) => {
  for (const seed of seeds) {
    const run = isTiered ? runTieredSeed(seed) : runSeed(seed)
    const fault = await run.then(() => null, describe)
    process.send!({ seed, fault } satisfies Outcome)
  }
})
process.once('disconnect', () => process.exit())

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\n  ${describe(error.cause)}`
  return `${error.message}\n${error.stack?.split('\n').slice(1, 6).join('\n')}${cause}`
}
