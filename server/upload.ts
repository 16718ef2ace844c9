// Bodies of writes: read only while the engine has room to stage them. When it has none, the body
// stays where it is (in the sender, in the end), and after 5 s of that the answer is a 429.

import type { Batch } from '../engine/ingest/batch.ts'
import { OmenError } from '../engine/error.ts'
import { readText, shortBody } from './body.ts'
import { readBody, type Server, type ServerContext } from './endpoint.ts'

type Upload = Pick<Batch, 'hasRoom' | 'room'>

/** Chunks that are staged as they come. Throws `busy`, and what reading a body throws. */
export async function* uploadChunks(
  server: Server,
  c: ServerContext,
  batch: Upload,
): AsyncGenerator<Uint8Array> {
  if (!batch.hasRoom) await batch.room(0, c.req.raw.signal)
  const short = shortBody(c.req.raw, c.env, server.limits, server.bodyHost)
  if (short !== null) {
    yield await short
    return
  }
  for await (const chunk of readBody(server, c)) {
    yield chunk
    if (!batch.hasRoom) await batch.room(0, c.req.raw.signal)
  }
}

/** A body that has to be whole before it is staged: it counts as staged while it is read. */
export function uploadText(server: Server, c: ServerContext, batch: Upload): Promise<string> {
  return readText(heldChunks(server, c, batch))
}

/** Runs steps to their end, each in a turn of the event loop of its own. Stops when the client leaves. */
export async function inTurns<T>(
  { db }: Server,
  c: ServerContext,
  steps: Generator<undefined, T>,
): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await db.pause()
    if (c.req.raw.signal.aborted) throw new OmenError('cancelled', 'request: its client has left')
  }
}

async function* heldChunks(
  server: Server,
  c: ServerContext,
  batch: Upload,
): AsyncGenerator<Uint8Array> {
  let heldBytes = 0
  await batch.room(heldBytes, c.req.raw.signal)
  for await (const chunk of readBody(server, c)) {
    heldBytes += chunk.length
    yield chunk
    await batch.room(heldBytes, c.req.raw.signal)
  }
}
