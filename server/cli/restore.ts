// `omendb restore`: archives, full one first, into an empty server or a new directory.

import { createReadStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { readError } from '../../client/error.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { CommandError, warn } from './terminal.ts'

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
        body: Readable.toWeb(Readable.from(readAll(positionals))) as ReadableStream<Uint8Array>,
        duplex: 'half',
      } as RequestInit)
      if (!answer.ok) throw await readError(answer, Date.now())
      const { databases, tables, points } = (await answer.json()) as Restored
      const counts = `${databases} databases, ${tables} tables, ${points.toLocaleString('en-US')} points`
      warn(terminal, `restored ${counts}`)
    } finally {
      await close()
    }
  },
})

async function* readAll(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) yield* createReadStream(path, { highWaterMark: 1 << 18 })
}
