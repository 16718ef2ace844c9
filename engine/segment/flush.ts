// A sealed memtable becomes parts of one segment file, one for each table and partition that it has
// rows of. The memtable is only read; manifest and log are the shard's business.

import { FlushIndex, FlushSource } from './flush-source.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Memtable } from '../memtable.ts'
import type { PartDescription } from './part.ts'
import { type SegmentWriter, writePart } from './segment.ts'
import type { Execution } from '../step.ts'

/**
 * Writes all rows of a sealed memtable, which the caller holds, as parts of `writer`: one for each
 * table and partition, in that order, all with this `sequence`. Rows of dropped tables and what is
 * deleted now, by `tombstones`, are left out; without rows there are no parts.
 */
export function* flushMemtable(
  instance: KernelInstance,
  memtable: Memtable,
  writer: SegmentWriter,
  sequence: bigint,
  tombstones: { readonly nextId: number } = { nextId: 0 },
): Execution<PartDescription[]> {
  const index = new FlushIndex(instance, memtable)
  const { nextId: tombstonesFrom } = tombstones
  const parts: PartDescription[] = []
  try {
    const groups = yield* index.build()
    for (const group of groups) {
      const { table, partition, columns } = group
      const source = new FlushSource(instance, index, group)
      try {
        const spec = { table, partition, sequence, columns, tombstonesFrom }
        const part = yield* writePart(writer, source, spec)
        if (part !== null) parts.push(part)
      } finally {
        source.release()
      }
    }
  } finally {
    index.release()
  }
  return parts
}
