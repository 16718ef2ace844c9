// Compaction: several parts of one table and partition become one, so that queries merge less. The
// inputs, which are sorted alike, are streamed through one k-way merge. Which parts, and when, is
// decided in compaction-choice.ts.

import type { Cache } from './cache.ts'
import { assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import type { KernelInstance } from '../kernel.ts'
import { NO_TOMBSTONES, type TombstoneVersion } from '../lifecycle/tombstones.ts'
import type { PartDescription, PartReader } from './part.ts'
import { PartMerge } from './part-merge.ts'
import { type SegmentWriter, writePart } from './segment.ts'
import type { Execution } from '../step.ts'

/** What was deleted when a compaction begins, and the id of the next tombstone. */
export interface Deleted {
  readonly version: TombstoneVersion
  readonly nextId: number
  /** Whether a column was dropped: it is left out. */
  readonly isDropped: (column: number) => boolean
}

const NOTHING: Deleted = { version: NO_TOMBSTONES, nextId: 0, isDropped: () => false }

/**
 * Merges several lists of parts, each as `compactParts` does, into one part each, all in the file of
 * `writer`. Lists without rows give none.
 */
export function* compactAll(
  instance: KernelInstance,
  cache: Cache,
  merges: readonly (readonly PartReader[])[],
  writer: SegmentWriter,
  deleted: Deleted = NOTHING,
): Execution<PartDescription[]> {
  const parts: PartDescription[] = []
  for (const inputs of merges) {
    const part = yield* compactParts(instance, cache, inputs, writer, deleted)
    if (part !== null) parts.push(part)
  }
  return parts
}

/**
 * Merges parts of one table and partition (rising by sequence) into one part of `writer`, which
 * gets the newest sequence: per row and field the newest non-null, without what is deleted. Null if
 * there are no rows.
 * Memory is bounded: a few blocks of each input. The caller holds the inputs, and drops parts of
 * dropped tables itself.
 */
export function* compactParts(
  instance: KernelInstance,
  cache: Cache,
  inputs: readonly PartReader[],
  writer: SegmentWriter,
  { version, nextId, isDropped }: Deleted = NOTHING,
): Execution<PartDescription | null> {
  assert(inputs.length > 0, 'compaction of nothing')
  const { table, partition } = inputs[0]!.description
  let sequence = -1n
  for (const { description } of inputs) {
    const same = description.table === table && description.partition === partition
    assert(same && description.sequence > sequence, 'compaction: inputs are not neighbours')
    sequence = description.sequence
  }
  const pins = cache.pins()
  const source = new PartMerge(instance, pins, inputs, version)
  try {
    for (const reader of inputs) yield* reader.open(pins)
    const columns = columnsOf(inputs).filter(({ id }) => !isDropped(id))
    const spec = { table, partition, sequence, columns, tombstonesFrom: nextId }
    return yield* writePart(writer, source, spec)
  } finally {
    source.release()
    pins.release()
  }
}

/** The columns of all inputs, by id. */
function columnsOf(inputs: readonly PartReader[]): { id: number; type: FieldType }[] {
  const types = new Map<number, FieldType>()
  for (const { columns } of inputs) for (const { id, type } of columns) types.set(id, type)
  return [...types].map(([id, type]) => ({ id, type })).sort((a, b) => a.id - b.id)
}
