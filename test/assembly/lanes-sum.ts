// The scalar twin of sums in eight accumulators (assembly/sum.ts, increase.ts): the same additions in
// the same order, so that results are the same bits.

export function sumInLanes(values: readonly number[]): number {
  const lanes = [0, 0, 0, 0, 0, 0, 0, 0]
  let i = 0
  for (; i + 8 <= values.length; i += 8) {
    for (let lane = 0; lane < 8; lane++) lanes[lane]! += values[i + lane]!
  }
  for (; i + 2 <= values.length; i += 2) {
    lanes[0]! += values[i]!
    lanes[1]! += values[i + 1]!
  }
  const low = lanes[0]! + lanes[2]! + (lanes[4]! + lanes[6]!)
  const high = lanes[1]! + lanes[3]! + (lanes[5]! + lanes[7]!)
  const sum = low + high
  return i < values.length ? sum + values[i]! : sum
}
