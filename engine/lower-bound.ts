// Binary search over ascending times.

/** First index whose time is not below `time`; the length if all are. */
export function lowerBound<Time extends bigint | number>(
  times: ArrayLike<Time>,
  time: Time,
): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}
