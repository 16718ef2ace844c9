// Request bodies of Node: read from its own streams, and inflated by zlib.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import { OmenError } from '../../engine/error.ts'
import type { BodyHost } from '../body.ts'
import { WINDOW_BYTES_MAX, inflateZstd } from '../zstd.ts'
import { NodeAnswer } from './answer.ts'

/** What Hono's adapter gives the app as its environment. */
export interface NodeEnv {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}
/** Reads from Node's own streams: 1.7 times as fast as web streams over them. */
export const nodeBodies: BodyHost = {
  source(env) {
    return readIncoming((env as NodeEnv).incoming)
  },
  inflate: inflateNode,
  isEmpty(env) {
    const { headers } = (env as NodeEnv).incoming
    const length = headers['content-length']
    return (length === undefined || length === '0') && headers['transfer-encoding'] === undefined
  },
  whole(env, bytesMax) {
    const { incoming } = env as NodeEnv
    const length = Number(incoming.headers['content-length'] ?? Infinity)
    return length <= bytesMax ? readWhole(incoming, length) : null
  },
  answer: (_env, answer) => new NodeAnswer(answer) as unknown as Response,
  address: (env) => (env as NodeEnv).incoming.socket.remoteAddress ?? 'unknown',
  signal(request, env) {
    const { outgoing } = env as NodeEnv
    return {
      get aborted() {
        return outgoing.destroyed
      },
      addEventListener: (...given: Listening) => request.signal.addEventListener(...given),
      removeEventListener: (...given: Listening) => request.signal.removeEventListener(...given),
    }
  },
  breakOff(env) {
    // Hono's adapter would send the error's text and an end that looks like any other.
    ;(env as NodeEnv).outgoing.destroy()
  },
}

type Listening = [type: string, listener: EventListenerOrEventListenerObject]

/** All `size` bytes of a body. Node ends one that is shorter or longer than its head says. */
async function readWhole(incoming: IncomingMessage, size: number): Promise<Uint8Array> {
  await Promise.resolve() // a body that came with its head is parsed after it, in the same turn
  const isHere = incoming.complete && size > 0 && incoming.readableLength === size
  return isHere ? (incoming.read() as Buffer) : collect(incoming)
}

function collect(incoming: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const fail = (cause?: unknown): void => {
      // Also closes what has ended: an error costs more than to read a short body.
      if (incoming.readableEnded) return
      reject(new OmenError('bad_request', 'body: the connection ended before it did', { cause }))
    }
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    incoming.once('error', fail)
    incoming.once('close', fail)
  })
}

/** Stopping early leaves the connection alive, so that the answer (a 413, say) still arrives. */
async function* readIncoming(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } catch (error) {
    throw new OmenError('bad_request', 'body: the connection ended before it did', { cause: error })
  }
}

/** Node 22.15 and later. */
interface NewerZlib {
  createZstdDecompress?: (options: {
    chunkSize: number
    params: Record<number, number>
  }) => zlib.Gunzip
  constants: { ZSTD_d_windowLogMax?: number }
}

const { createZstdDecompress, constants } = zlib as unknown as NewerZlib

function inflateNode(
  chunks: AsyncIterable<Uint8Array>,
  encoding: 'gzip' | 'zstd',
): AsyncIterable<Uint8Array> {
  if (encoding === 'gzip') return inflateWith(chunks, zlib.createGunzip({ chunkSize: 65_536 }))
  if (createZstdDecompress === undefined) return inflateZstd(chunks)
  const params = { [constants.ZSTD_d_windowLogMax!]: Math.log2(WINDOW_BYTES_MAX) }
  return inflateWith(chunks, createZstdDecompress({ chunkSize: 65_536, params }))
}

async function* inflateWith(
  chunks: AsyncIterable<Uint8Array>,
  inflater: zlib.Gunzip,
): AsyncGenerator<Uint8Array> {
  let sent = 0
  async function* count(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      sent += chunk.length
      yield chunk
    }
  }
  const source = Readable.from(count())
  source.on('error', (error) => inflater.destroy(error))
  try {
    yield* source.pipe(inflater) as AsyncIterable<Uint8Array>
    // zlib ends at the last member and says nothing of bytes after it: they were points, perhaps.
    if (inflater.bytesWritten !== sent) throw new Error('bytes after the end')
  } finally {
    source.destroy()
    inflater.destroy()
  }
}
