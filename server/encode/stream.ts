// Pieces of an answer as a response body, pulled by the client's reading (back-pressure). Of text, the
// first piece is made before the answer begins, so that an error in it still gets its status, and what
// fits one piece is sent whole, with its length. A late failure has to break the connection: what
// arrived must not look like all there is. A piece takes a turn of the event loop for itself: a socket
// that takes all at once would else have the whole answer made in one.

import type { AnswerBody } from '../answer.ts'

/** A part of an answer: text, or its UTF-8 bytes. */
export type Piece = string | Uint8Array<ArrayBuffer>

type Pieces = Iterator<Piece> | AsyncIterator<Piece>

/** Is told why an answer cannot go on; has broken its connection when it returns. */
export type Failed = (error: unknown) => void

/** A body of these pieces: the piece if it is the only one, else all as bytes, with a pause before each. */
export async function piecesBody(pieces: Pieces, pause: () => Promise<void>): Promise<AnswerBody> {
  const first = await pieces.next()
  if (first.done) return ''
  const second = await pieces.next()
  if (second.done) return first.value
  const ready = [first.value, second.value]
  return {
    async next() {
      const piece = ready.shift()
      if (piece === undefined) await pause()
      const next = piece === undefined ? await pieces.next() : { done: false, value: piece }
      if (next.done) return { done: true, value: undefined }
      return { done: false, value: bytesOf(next.value) }
    },
    async return() {
      await pieces.return?.()
      return { done: true, value: undefined }
    },
  }
}

const encoder = new TextEncoder()

function bytesOf(piece: Piece): Uint8Array {
  return typeof piece === 'string' ? encoder.encode(piece) : piece
}

/** A body of bytes that pulls its pieces; a client that leaves returns them. */
export function byteBody(
  pieces: AsyncIterator<Uint8Array>,
  failed: Failed,
): ReadableStream<Uint8Array> {
  let hasLeft = false
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await pieces.next()
        if (hasLeft) return
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      } catch (error) {
        failed(error)
        throw error
      }
    },
    async cancel() {
      hasLeft = true
      await pieces.return?.()
    },
  })
}
