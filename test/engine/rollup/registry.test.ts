// Which times a table has closed because of its rollups (engine/rollup/registry.ts).

import { expect, test } from 'vitest'
import { FROZEN_NONE, RollupRegistry } from '../../../engine/rollup/registry.ts'

const SOURCE = 1
const NS_PER_HOUR = 3_600_000_000_000n

function registryWith(...ids: number[]): RollupRegistry {
  const registry = new RollupRegistry()
  const text = JSON.stringify({ every: '1h', select: [] })
  for (const id of ids) registry.add({ id, source: SOURCE, target: 10 + id, text })
  return registry
}

function freeze(registry: RollupRegistry, id: number, frozenBefore: bigint): void {
  registry.refresh({ id, watermark: 1n, frozenBefore, begins: FROZEN_NONE, tombstonesFrom: 0 })
}

test('times that are about to become final stay closed when the rollup that had closed more is dropped', () => {
  const registry = registryWith(1, 2)
  freeze(registry, 1, 9n * NS_PER_HOUR)
  expect(registry.closedBefore(SOURCE)).toBe(9n * NS_PER_HOUR)
  registry.close(SOURCE, 8n * NS_PER_HOUR)
  registry.drop(1)
  expect(registry.closedBefore(SOURCE)).toBe(8n * NS_PER_HOUR)
  freeze(registry, 2, 8n * NS_PER_HOUR)
  registry.close(SOURCE, 5n * NS_PER_HOUR)
  expect(registry.closedBefore(SOURCE)).toBe(8n * NS_PER_HOUR)
})

test('nothing is closed once all rollups of a table are gone', () => {
  const registry = registryWith(1)
  registry.close(SOURCE, 8n * NS_PER_HOUR)
  registry.drop(1)
  expect(registry.closedBefore(SOURCE)).toBe(FROZEN_NONE)
  registry.add({ id: 2, source: SOURCE, target: 12, text: '{"every":"1h","select":[]}' })
  expect(registry.closedBefore(SOURCE)).toBe(FROZEN_NONE)
})
