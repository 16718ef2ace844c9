// A few rounds of what `node scripts/run.js test/torture/kill.ts --rounds 200` does by hand.

import { expect, test } from 'vitest'
import { killRounds } from './kill.ts'

test(
  'a process killed while it writes, flushes, merges and opens has kept what it acknowledged',
  {
    timeout: 120_000,
  },
  async () => {
    const report = await killRounds(6, Date.now())
    expect(report.comparisons).toBe(2)
    expect(report.acked).toBeGreaterThan(0)
  },
)
