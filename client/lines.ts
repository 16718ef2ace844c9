// Text that comes as a stream of bytes, line by line: exports as NDJSON, server-sent events.

/**
 * Lines without their ends (`\n`, `\r\n`); what is behind the last end is none. Throws, and stops to
 * read, when nothing came for `idleMs`.
 */
export async function* linesOf(
  stream: ReadableStream<Uint8Array>,
  idleMs = 2 ** 31 - 1,
): AsyncGenerator<string, void> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout>
      const idle = new Promise<never>((_resolve, reject) => (timer = setTimeout(reject, idleMs)))
      const { done, value } = await Promise.race([reader.read(), idle]).finally(() =>
        clearTimeout(timer),
      )
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/)
      rest = lines.pop()!
      yield* lines
    }
  } finally {
    // Nobody reads on: the server must not go on sending. A stream that failed has nothing to cancel.
    reader.cancel().catch(() => {})
  }
}
