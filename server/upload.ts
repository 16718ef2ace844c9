// Bodies of writes: read only while the engine has room to stage them. When it has none, the body
// stays where it is (in the sender, in the end), and after 5 s of that the answer is a 429.

import type { Batch } from '../engine/ingest/batch.ts'
import { OmenError } from '../engine/error.ts'
import { pacedChunks, readText, shortBody, type Encoding } from './body.ts'
import { readBody, signalOf, type Server, type ServerContext } from './endpoint.ts'
import { SHORT_BODY_BYTES } from './limits.ts'

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

/**
 * A body that has to be whole before it is staged: it counts as staged while it is read. `encoding`: if
 * the route knows better than the header.
 */
export async function uploadBytes(
  server: Server,
  c: ServerContext,
  batch: Upload,
  encoding?: Encoding,
): Promise<Uint8Array> {
  if (!batch.hasRoom) await batch.room(0, c.req.raw.signal)
  const short = shortBody(c.req.raw, c.env, server.limits, server.bodyHost, encoding)
  if (short !== null) return short
  let bytes = new Uint8Array(2 * SHORT_BODY_BYTES)
  let size = 0
  for await (const chunk of heldChunks(server, c, batch, encoding)) {
    if (size + chunk.length > bytes.length) {
      const larger = new Uint8Array(Math.max(2 * bytes.length, size + chunk.length))
      larger.set(bytes.subarray(0, size))
      bytes = larger
    }
    bytes.set(chunk, size)
    size += chunk.length
  }
  return bytes.subarray(0, size)
}

/** The text of such a body; bytes that are not UTF-8 are a 400. */
export function textOf({ db }: Server, bytes: Uint8Array): Promise<string> {
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  return readText(pacedChunks(whole(), () => db.pause()))
}

/** Runs steps to their end, each in a turn of the event loop of its own. Stops when the client leaves. */
export async function inTurns<T>(
  server: Server,
  c: ServerContext,
  steps: Generator<undefined, T>,
): Promise<T> {
  const signal = signalOf(server, c)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await server.db.pause()
    if (signal.aborted) throw new OmenError('cancelled', 'request: its client has left')
  }
}

async function* heldChunks(
  server: Server,
  c: ServerContext,
  batch: Upload,
  encoding: Encoding | undefined,
): AsyncGenerator<Uint8Array> {
  let heldBytes = 0
  await batch.room(heldBytes, c.req.raw.signal)
  for await (const chunk of readBody(server, c, Infinity, encoding)) {
    heldBytes += chunk.length
    yield chunk
    await batch.room(heldBytes, c.req.raw.signal)
  }
}
