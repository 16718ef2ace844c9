// Seeds of the torture that failed once, with what was wrong: engine or model. Their calls are no longer
// those of that day, so whatever they found has a test of its own, too, where the engine was to blame.

import { expect, test } from 'vitest'
import { cellTime, pointKey } from '../engine/crash-cells.ts'
import { History } from '../engine/crash-model.ts'
import { CLOCK_START, simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'
import { runSeed, runTieredSeed } from './crash-seed.ts'
import { Keeping } from './keeping.ts'

const HOUR = 3_600_000_000_000n

const SEEDS: Record<string, number[]> = {
  'a restored backup believes a clock that is less than a day ahead': [952465],
  'a jump of the clock before the second look at it': [3002989],
  'a table dropped while its sweep waited took a series of another with it': [1025],
  'columns of a rollup written to a view of memory that had grown': [1006401, 1006402, 1006411],
  'questions of buckets that have no start of their own': [3001954],
  'buckets that a rollup was built without': [950259, 951073, 952176, 3000277],
  'what had expired may go after a clock that steps back': [905475],
  'buckets that had expired, after a clock that went ahead and back': [5227511],
}

/** The same of seeds with a tier. */
const TIER_SEEDS: Record<string, number[]> = {
  'a file moved to the object store after the scrub had met an error of the disk in it': [1332],
}

for (const [name, seeds] of Object.entries(TIER_SEEDS)) {
  test(`${name}: ${seeds} with a tier is explained`, { timeout: 120_000 }, async () => {
    for (const seed of seeds) await runTieredSeed(seed)
  })
}

test('seeds with a tier lose nothing', { timeout: 240_000 }, async () => {
  for (let seed = 1; seed <= 8; seed++) await runTieredSeed(seed)
})

for (const [name, seeds] of Object.entries(SEEDS)) {
  test(`${name}: ${seeds} is explained`, { timeout: 120_000 }, async () => {
    for (const seed of seeds) await runSeed(seed)
  })
}

test('a copy may have dropped what a clock that its source does not believe has passed', async () => {
  const layout = { hosts: 1, times: 40, base: CLOCK_START - 20n * HOUR, step: HOUR }
  const keeping = new Keeping({ layout, trustsClock: false, hasRollups: false })
  const host = await simulatedHost(new SimulatedDisk(1).open())
  keeping.start(host, new History(keeping.expiry), () => 0.9)
  keeping.opened(null)
  keeping.expiry.change(0, 10n * HOUR).state = 'acked'
  const key = (hours: number): number => pointKey(0, 0, 20 + hours)
  const isSureAt = keeping.sureByNow()
  keeping.expiry.change(0, null).state = 'acked'
  const later = CLOCK_START + 18n * HOUR
  expect(cellTime(key(8))).toBe(28)
  expect(isSureAt(key(7), later)).toBe(false)
  expect(isSureAt(key(8), later)).toBe(true)
  expect(isSureAt(key(-10), CLOCK_START)).toBe(true)
  expect(keeping.isSure(key(7))).toBe(true)
})
