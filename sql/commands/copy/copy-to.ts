// COPY … TO STDOUT, of a table or a query: its rows, in chunks as the client takes them.

import type { CopyChunk, Running } from '../../session.ts'
import type { Command } from '../../tree.ts'
import type { CommandContext } from '../context.ts'
import { ByteWriter } from './byte-writer.ts'
import { rowWriterOf } from './row-writer.ts'

type CopyTo = Extract<Command, { kind: 'copyTo' }>

/** Bytes from which on a chunk is given. */
const CHUNK_BYTES = 64 << 10

export function runCopyTo({ source, options }: CopyTo, context: CommandContext): Running {
  const { columns } = source
  let count = 0
  const out = new ByteWriter(2 * CHUNK_BYTES)
  const writer = rowWriterOf(options, columns, context.run.surroundings, out)
  let ends: number[] = []
  const endRow = (): void => void (out.size > (ends.at(-1) ?? 0) && ends.push(out.size))
  const take = (): CopyChunk => {
    const chunk = { bytes: out.take(), ends }
    ends = []
    return chunk
  }
  const chunks = async function* (): AsyncGenerator<CopyChunk> {
    writer.begin()
    // The signature of binary goes with the first row, as PostgreSQL sends it.
    if (options.format !== 'binary') endRow()
    for await (const batch of context.query(source)) {
      for (let row = 0; row < batch.rowCount; row++) {
        writer.row(batch, row)
        ends.push(out.size)
        if (out.size >= CHUNK_BYTES) yield take()
      }
      count += batch.rowCount
    }
    writer.end()
    endRow()
    if (out.size > 0) yield take()
  }
  return { kind: 'copyOut', options, columns, chunks: chunks(), tag: () => `COPY ${count}` }
}
