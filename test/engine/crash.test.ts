// Random work on the simulated disk, with a crash at a random storage call, a failing call or a full
// disk; then recovery, and comparison with what was acknowledged (test/torture/crash-seed.ts).
// OMENDB_CRASH_SEEDS makes it large, OMENDB_CRASH_SEED runs one again; `npm run torture` runs many.

import { expect, test } from 'vitest'
import { judged } from '../torture/buckets.ts'
import { runSeed } from '../torture/crash-seed.ts'

const SEEDS = Number(process.env['OMENDB_CRASH_SEEDS'] ?? 100)
const FIRST = Number(process.env['OMENDB_CRASH_SEED'] ?? 1)

test(
  `nothing acknowledged is lost, halved or resurrected in ${SEEDS} runs that crash anywhere`,
  { timeout: SEEDS * 3_000 },
  async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) await runSeed(seed)
    // Rollups that answer nothing would prove nothing.
    if (SEEDS < 100) return
    expect(judged.stored).toBeGreaterThan(20)
    expect(judged.whole).toBeGreaterThan(0)
  },
)
