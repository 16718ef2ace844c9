// Which bucket a time falls into. A bucket is named by its start; a run of ascending times stays in
// one bucket until `bucketEnd`, so a division (or a search) is paid once per bucket and not per row.
//
// Grid (at a pointer, 32 bytes): 0 mode u32  4 boundaryCount u32  8 boundaries u32  12 reserved
//   16 origin i64 (0 ≤ origin < width)  24 width i64; of ONE_BUCKET its end, the greatest i64 = none
// mode: ONE_BUCKET (named 0), FIXED (starts are origin + k × width), BOUNDARIES (calendar units: i64
// starts in ascending order, the last one only closes the bucket before it).

/** The least time there is: a bucket that would start before it is named by it. */
const TIME_MIN: i64 = i64.MIN_VALUE + 2

export const ONE_BUCKET: u32 = 0
export const FIXED: u32 = 1
export const BOUNDARIES: u32 = 2

/** Distance of `time` from the start of its fixed bucket. */
function offsetInBucket(grid: usize, time: i64): i64 {
  const origin = load<i64>(grid, 16)
  const width = load<i64>(grid, 24)
  let rest = time % width
  if (rest < 0) rest += width
  return rest >= origin ? rest - origin : rest - origin + width
}

/** Index of the last of `count` ascending i64s that is ≤ `time`; 0 if there is none. */
function lastAtMost(values: usize, count: u32, time: i64): u32 {
  let low: u32 = 0
  let high = count
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (load<i64>(values + (usize(middle) << 3)) <= time) low = middle
    else high = middle
  }
  return low
}

/** Start of the bucket of `time`, at least TIME_MIN. */
export function bucketStart(grid: usize, time: i64): i64 {
  const mode = load<u32>(grid)
  if (mode === ONE_BUCKET) return 0
  if (mode === FIXED) {
    const start = time - offsetInBucket(grid, time)
    return start > time || start < TIME_MIN ? TIME_MIN : start
  }
  const boundaries = usize(load<u32>(grid, 8))
  return load<i64>(boundaries + (usize(lastAtMost(boundaries, load<u32>(grid, 4), time)) << 3))
}

/** A number of a bucket: of fixed buckets that follow each other, consecutive ones. */
export function bucketNumber(grid: usize, start: i64): u64 {
  if (load<u32>(grid) !== FIXED) return u64(start)
  return u64(start - i64.MIN_VALUE) / u64(load<i64>(grid, 24))
}

/** End of the bucket of `time`, exclusive; the greatest i64 stands for "none" and is inclusive. */
export function bucketEnd(grid: usize, time: i64): i64 {
  const mode = load<u32>(grid)
  if (mode === ONE_BUCKET) return i64.MAX_VALUE
  if (mode === FIXED) {
    const end = time + (load<i64>(grid, 24) - offsetInBucket(grid, time))
    return end < time ? i64.MAX_VALUE : end
  }
  const count = load<u32>(grid, 4)
  const boundaries = usize(load<u32>(grid, 8))
  const next = lastAtMost(boundaries, count, time) + 1
  return next < count ? load<i64>(boundaries + (usize(next) << 3)) : i64.MAX_VALUE
}

/** Width of fixed buckets; the greatest u64 of others, which are long. */
export function fixedWidth(grid: usize): u64 {
  return load<u32>(grid) === FIXED ? load<u64>(grid, 24) : u64.MAX_VALUE
}

/** The bucket that was entered last: its start, and its end as bucketEnd has it. */
export let enteredStart: i64 = 0
export let enteredEnd: i64 = 0

/** Enters the bucket of a time. */
export function enterBucket(grid: usize, time: i64): void {
  if (load<u32>(grid) !== FIXED) {
    enteredStart = bucketStart(grid, time)
    enteredEnd = bucketEnd(grid, time)
    return
  }
  const offset = offsetInBucket(grid, time)
  const start = time - offset
  const end = time + (load<i64>(grid, 24) - offset)
  enteredStart = start > time || start < TIME_MIN ? TIME_MIN : start
  enteredEnd = end < time ? i64.MAX_VALUE : end
}

/** enterBucket after another time of the same grid, in the same bucket or mostly the one behind it. */
export function enterNextBucket(grid: usize, time: i64): void {
  const width = load<i64>(grid, 24)
  const end = enteredEnd + width
  if (load<u32>(grid) === FIXED && time >= enteredEnd && time < end && end > enteredEnd) {
    enteredStart = enteredEnd
    enteredEnd = end
  } else if (time < enteredStart || time >= enteredEnd) {
    enterBucket(grid, time)
  }
}

/** First index in [from, count) of ascending i64 `times` whose time is ≥ `end`, or `count`. */
export function runEnd(times: usize, from: i32, count: i32, end: i64): i32 {
  if (end === i64.MAX_VALUE || load<i64>(times + ((count - 1) << 3)) < end) return count
  // Buckets are short beside chunks more often than not: gallop, then bisect.
  let step: i32 = 1
  let low = from
  while (low + step < count && load<i64>(times + ((low + step) << 3)) < end) {
    low += step
    step <<= 1
  }
  let high = low + step < count ? low + step : count
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (load<i64>(times + (middle << 3)) < end) low = middle
    else high = middle
  }
  return high
}
