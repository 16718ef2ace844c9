// `omendb restore`: archives, full one first, into an empty server or a new directory.

import { createReadStream, existsSync } from 'node:fs'
import { readError } from '../../client/error.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { CommandError, counted, warn } from './terminal.ts'

const { url, token, data } = CONNECTION_FLAGS

interface Restored {
  readonly databases: number
  readonly tables: number
  readonly points: number
}

export const restoreCommand = defineCommand({
  name: 'restore',
  operands: 'FULL.tar [INCREMENT.tar…]',
  operandCount: [1, 100_000],
  summary: 'restore a backup into an empty server or directory',
  example: 'omendb restore monday.tar tuesday.tar --data ./restored',
  notes: [
    'The full backup comes first, then every increment in order. Everything is checked before',
    'anything is visible; a restore that fails or is cut short leaves the server empty.',
  ],
  flags: { url, token, data },
  async run({ flags, positionals }, terminal) {
    for (const path of positionals) {
      if (!existsSync(path)) throw new CommandError(`${path}: no such file`)
    }
    const { request, close } = await connect({ ...flags, db: undefined }, terminal, 'write')
    try {
      const answer = await request('/v1/restore', {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-tar' },
        body: streamFiles(positionals),
        duplex: 'half',
      } as RequestInit)
      if (!answer.ok) throw await readError(answer, Date.now())
      const { databases, tables, points } = (await answer.json()) as Restored
      const counts = [counted(databases, 'database'), counted(tables, 'table')].join(', ')
      warn(terminal, `restored ${counts}, ${counted(points, 'point')}`)
    } finally {
      await close()
    }
  },
})

/**
 * The files, one after the other, read as they are sent. A refusal may come before the end: then the
 * stream is cancelled, also while a read is under way (which ends the process with Readable.toWeb).
 */
export function streamFiles(paths: readonly string[]): ReadableStream<Uint8Array> {
  const chunks = readAll(paths)
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await chunks.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      await chunks.return(undefined)
    },
  })
}

async function* readAll(paths: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const path of paths) yield* createReadStream(path, { highWaterMark: 1 << 18 })
}
