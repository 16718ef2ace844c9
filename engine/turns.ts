// Who goes on when. After a pause: one at a time, in the order they paused. Without it every paused query
// would go on in the same turn of the event loop, and a request that arrives meanwhile would wait for
// a slice of each of them.

/** Answers after which the host has a turn. */
const ANSWERS_MAX = 16

/**
 * What is answered from the cache waits for nothing, so a caller that awaits one answer after another
 * would never leave the microtask queue: timers, sockets and merges in the background would stand
 * still. So one answer of ANSWERS_MAX comes after a pause.
 */
export function giveTurns(pause: () => Promise<void>): <T>(answer: Promise<T>) => Promise<T> {
  let answers = 0
  return async (answer) => {
    const found = await answer
    if (++answers % ANSWERS_MAX === 0) await pause()
    return found
  }
}

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
