// What the killed process did, as far as its id says it: both it and its parent derive it from there.

import type { OpenOptions } from '../../engine/database.ts'
import type { Ack } from '../../engine/ingest/batch.ts'
import { type Layout, type RandomWrite, randomWrite } from '../engine/crash-cells.ts'
import { randomOf } from '../random.ts'
import { deleteRange } from './deletion.ts'
import { type Erasure, dropColumn, dropTable } from './erasure.ts'

export type Change =
  | { readonly kind: 'write'; readonly write: RandomWrite; readonly ack: Ack }
  | { readonly kind: 'drop' | 'delete'; readonly erasure: Erasure }

/** So small that there are flushes and merges all the time. */
export const KILL_OPTIONS: OpenOptions = {
  memtableRowBytes: 1 << 16,
  memtableArenaBytes: 1 << 14,
  logBytes: 1 << 17,
  cacheBytes: 1 << 20,
}

/** Some days of points. */
export const KILL_LAYOUT: Layout = { hosts: 4, times: 48, base: 0n, step: 10_800_000_000_000n }

export function changeOf(id: number): Change {
  const random = randomOf(id + 1)
  if (random.chance(0.004)) return { kind: 'drop', erasure: dropTable(random.next) }
  if (random.chance(0.004)) return { kind: 'drop', erasure: dropColumn(random.next) }
  if (random.chance(0.05)) {
    return { kind: 'delete', erasure: deleteRange(KILL_LAYOUT, random.next) }
  }
  const ack = random.chance(0.1) ? 'memory' : 'fsync'
  const rowsMax = random.chance(0.1) ? 150 : 20
  return { kind: 'write', write: randomWrite(id, rowsMax, random.next, KILL_LAYOUT), ack }
}
