// Pieces of text as a response body. The first piece is made before the answer begins, so that an
// error in it still gets its status; what fits one piece is sent whole, with its length; the rest
// is pulled by the client's reading (back-pressure), and a late failure breaks the connection.

type Pieces = Iterator<string> | AsyncIterator<string>

/** A body of UTF-8 text: a string if there is only one piece, else a stream that pulls the pieces. */
export async function textBody(pieces: Pieces): Promise<string | ReadableStream<Uint8Array>> {
  const first = await pieces.next()
  if (first.done) return ''
  const second = await pieces.next()
  if (second.done) return first.value
  return streamPieces([first.value, second.value], pieces)
}

function streamPieces(ready: string[], pieces: Pieces): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = ready.shift()
      if (piece !== undefined) {
        controller.enqueue(encoder.encode(piece))
        return
      }
      const next = await pieces.next()
      if (next.done) controller.close()
      else controller.enqueue(encoder.encode(next.value))
    },
    async cancel() {
      await pieces.return?.()
    },
  })
}
