// COPY between the client and a session: its data as messages, in either direction.
// Source: PostgreSQL 18, section "COPY Operations".

import type { Running } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { Body } from './body.ts'
import type { FrameReader } from './frame-reader.ts'
import type { MessageWriter } from './message-writer.ts'

type CopyIn = Extract<Running, { kind: 'copyIn' }>
type CopyOut = Extract<Running, { kind: 'copyOut' }>

function writeStart(out: MessageWriter, type: string, running: CopyIn | CopyOut): void {
  const format = running.options.format === 'binary' ? 1 : 0
  out.begin(type).int8(format).int16(running.columns.length)
  for (let i = 0; i < running.columns.length; i++) out.int16(format)
  out.end()
}

/** Takes what the client sends until it says that it is done; the tag. Throws 57014 if it gives up. */
export async function receiveCopy(
  running: CopyIn,
  reader: FrameReader,
  out: MessageWriter,
): Promise<string> {
  writeStart(out, 'G', running)
  await out.flush()
  return running.copy(chunksOf(reader))
}

async function* chunksOf(reader: FrameReader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const frame = await reader.next()
    if (frame === null) throw new SqlError('08006', 'unexpected end of connection during COPY')
    const { type, body } = frame
    if (type === 'c') return
    if (type === 'd') yield body
    else if (type === 'f') {
      throw new SqlError('57014', `COPY from stdin failed: ${new Body(body).text()}`)
    } else if (type !== 'H' && type !== 'S') {
      throw new SqlError('08P01', `unexpected message type 0x${hex(type)} during COPY from stdin`)
    }
  }
}

const hex = (type: string): string => type.charCodeAt(0).toString(16).toUpperCase()

/** Sends everything, each row in a message, as the protocol promises; the tag. */
export async function sendCopy(running: CopyOut, out: MessageWriter): Promise<string> {
  writeStart(out, 'H', running)
  for await (const { bytes, ends } of running.chunks) {
    let start = 0
    for (const end of ends) {
      out.begin('d').raw(bytes.subarray(start, end)).end()
      start = end
      if (out.isFull) await out.flush()
    }
  }
  out.begin('c').end()
  return running.tag()
}
