// What kind of run a seed is: its sizes, its layout of rows and how often each operation happens.
// Every run leaves some operations out, so that others meet more often (Groce and others, "Swarm
// Testing", ISSTA 2012).

import { randomOf } from '../random.ts'
import { CLOCK_START } from '../simulated-host.ts'
import type { Layout } from '../engine/crash-cells.ts'

/** Operations of a life, with their usual weights. */
const WEIGHTS = {
  write: 60,
  dropTable: 3,
  dropColumn: 2,
  dropDatabase: 1,
  deleteRange: 6,
  deleteWhere: 3,
  flush: 8,
  compact: 5,
  timers: 5,
  beginExport: 4,
  beginBackup: 2,
  finishHeld: 4,
  capacity: 5,
  questions: 6,
  listing: 4,
  settings: 4,
  clock: 8,
}

export type Action = keyof typeof WEIGHTS

export interface Swarm {
  readonly layout: Layout
  readonly steps: number
  readonly rowsMax: number
  /** How often a step waits for all that is under way. */
  readonly restChance: number
  /** Dropped fields leave points without values, which only `count(*)` shows. */
  readonly hasBarePoints: boolean
  /** Whether tables have retentions, and the clock moves. */
  readonly hasRetention: boolean
  /** Whether tables have rollups. */
  readonly hasRollups: boolean
  /** Whether the operator vouches for the clock. */
  readonly trustsClock: boolean
  pick(): Action
}

const DAY = 86_400_000_000_000n
const STEPS = [20_000_000_000_000n, DAY / 24n, 60_000_000_000n, 1n]

/** `seed` decides of rollups, by numbers of their own: without them a seed is what it was before. */
export function swarmOf(random: () => number, seed: number): Swarm {
  const below = (n: number): number => Math.floor(random() * n)
  const rollups = randomOf(seed + 30_000_000)
  const hasRollups = rollups.chance(0.3)
  // Buckets are hardest where points expire, some hours after others.
  const isLong = hasRollups && rollups.chance(0.5)
  const hasRetention = random() < 0.35 || isLong
  const weights = Object.entries(WEIGHTS).map(([name, weight]): [Action, number] => {
    const action = name as Action
    const isKept = isNeeded(action, hasRetention) ?? random() < 0.75
    return [action, isKept ? weight * (0.5 + random()) : 0]
  })
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  const times = 6 + below(32)
  const step = STEPS[below(STEPS.length) % (isLong ? 2 : STEPS.length)]!
  const past = BigInt(hasRetention ? 1 + below(times) : times)
  const base = !hasRetention && random() < 0.3 ? 0n : CLOCK_START - past * step
  return {
    layout: { hosts: 1 + below(4), times, base, step },
    hasRetention,
    hasRollups,
    trustsClock: hasRetention && random() < 0.2,
    steps: 8 + below(14),
    rowsMax: random() < 0.2 ? 120 : 20,
    restChance: 0.15 + random() * 0.4,
    hasBarePoints: weights.some(([action, weight]) => action === 'dropColumn' && weight > 0),
    pick: () => {
      let at = random() * total
      return weights.find(([, weight]) => (at -= weight) < 0)?.[0] ?? 'write'
    },
  }
}

/** Null: chance decides. */
function isNeeded(action: Action, hasRetention: boolean): boolean | null {
  if (action === 'write') return true
  return action === 'settings' || action === 'clock' ? hasRetention : null
}
