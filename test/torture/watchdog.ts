// Tells work that hangs from work that is slow to get its turn. It counts its own ticks, not the time
// on the wall: a campaign that is stopped for an hour (SIGSTOP) does not hang.

export interface Watchdog {
  /** Begins to count anew. */
  reset(): void
  stop(): void
}

/** Calls `bark` once after `seconds` ticks of a second each without a `reset`. */
export function watchdog(seconds: number, bark: () => void): Watchdog {
  let ticks = 0
  const timer = setInterval(() => {
    if (++ticks !== seconds) return
    clearInterval(timer)
    bark()
  }, 1_000)
  return {
    reset: () => void (ticks = 0),
    stop: () => clearInterval(timer),
  }
}
