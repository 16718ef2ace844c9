// Text that comes as a stream of bytes, line by line: exports as NDJSON, server-sent events.

/**
 * Lines without their ends (`\n`, `\r\n`); what is behind the last end is none. The stream is given up,
 * which ends it, when nothing came for `idleMs`.
 */
export async function* linesOf(
  { body }: Response,
  idleMs = 2 ** 31 - 1,
): AsyncGenerator<string, void> {
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
  // Nobody reads on: the server must not go on sending. A stream that failed has nothing to cancel.
  const end = (): unknown => reader.cancel().catch(() => {})
  let timer: ReturnType<typeof setTimeout> | undefined
  let rest = ''
  try {
    for (;;) {
      timer = setTimeout(end, idleMs)
      const { done, value } = await reader.read()
      clearTimeout(timer)
      if (done) return
      const lines = (rest + value).split(/\r?\n/)
      rest = lines.pop()!
      yield* lines
    }
  } finally {
    clearTimeout(timer)
    end()
  }
}
