// Messages of metrics that peers send whole (Prometheus, OpenTelemetry): read while there is room, staged by
// the engine in turns, and what is good of them stored. The routes say how the rest is told.

import type { Batch, MessageKind, WriteResult } from '../../engine/ingest/batch.ts'
import { OmenError } from '../../engine/error.ts'
import type { Server, ServerContext } from '../endpoint.ts'
import { inTurns } from '../upload.ts'

/** What a route knows of its message. */
export interface MessageRequest {
  readonly database: string
  readonly kind: MessageKind
  /** It is a block of Snappy. */
  readonly isSnappy: boolean
  /** Reads the body; it counts as the batch's. */
  readonly read: (batch: Batch) => Promise<Uint8Array>
}

/** Stores the good points of a message. Throws if it is no message, then nothing is stored. */
export async function storeMessage(
  server: Server,
  c: ServerContext,
  { database, kind, isSnappy, read }: MessageRequest,
): Promise<WriteResult> {
  const { db, metrics, limits } = server
  const batch = db.batch({ database, partial: true, arrival: server.now() })
  try {
    const body = await read(batch)
    const inflated = isSnappy ? limits.inflatedBytesMax : undefined
    await inTurns(server, c, batch.message(kind, body, inflated))
    const result = await batch.commit()
    metrics.countWritten(database, result.written)
    const { rejected, errors } = result
    if (rejected > 0) metrics.countRejected(errors[0]?.code ?? 'bad_request', rejected)
    return result
  } catch (error) {
    if (error instanceof OmenError) metrics.countRejected(error.code, 1)
    throw error
  } finally {
    batch.discard()
  }
}

/** Why the first of the points that were refused was. */
export function firstReason({ errors }: WriteResult): string {
  const [error] = errors
  if (error === undefined) return 'points were refused'
  return error.input === null ? error.message : `metric '${error.input}': ${error.message}`
}
