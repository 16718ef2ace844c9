// A hundred of the trials that `node scripts/run.js test/torture/corruption.ts --trials 2000` makes.

import { expect, test } from 'vitest'
import { corruptionTrials } from './corruption.ts'

test(
  'damage to any file is recovered from or named, and never a wrong answer',
  {
    timeout: 120_000,
  },
  async () => {
    const { outcomes } = await corruptionTrials(100, 1)
    const met = new Set([...outcomes.values()].flatMap((counts) => [...counts.keys()]))
    const all = ['recovered', 'refused', 'opened without what is lost', 'query failed']
    expect([...met]).toEqual(expect.arrayContaining(all))
  },
)
