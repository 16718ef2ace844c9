// Who goes on after a pause: one at a time, in the order they paused. Without it every paused query
// would go on in the same turn of the event loop, and a request that arrives meanwhile would wait for
// a slice of each of them.

/**
 * A pause that resolves in a later macrotask, and each in its own: between two of them the host looks
 * at what has arrived. `pause` is the host's.
 */
export function takeTurns(pause: () => Promise<void>): () => Promise<void> {
  const waiting: (() => void)[] = []
  let isRunning = false
  const run = async (): Promise<void> => {
    isRunning = true
    while (waiting.length > 0) {
      await pause()
      waiting.shift()!()
    }
    isRunning = false
  }
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (!isRunning) void run()
    })
}
