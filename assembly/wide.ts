// Products of 64 × 64 bits, which WebAssembly has no instruction for, and divisions by constants made of
// them: a multiplication by the rounded reciprocal (Granlund and Montgomery, "Division by invariant
// integers using multiplication", 1994), several times as fast as a 64-bit division of the processor.

/** Upper 64 bits of a product. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff
  const a1 = a >> 32
  const b0 = b & 0xffffffff
  const b1 = b >> 32
  const middle = a1 * b0 + ((a0 * b0) >> 32)
  const other = a0 * b1 + (middle & 0xffffffff)
  return a1 * b1 + (middle >> 32) + (other >> 32)
}

/** value / 10 */
export function tenthOf(value: u64): u64 {
  return multiplyHigh(value, 0xcccccccccccccccd) >> 3
}

/** value / 1,000,000 */
export function millionthOf(value: u64): u64 {
  return multiplyHigh(value, 0x431bde82d7b634db) >> 18
}

/** value / 100,000,000 */
export function withoutEight(value: u64): u64 {
  return multiplyHigh(value, 0xabcc77118461cefd) >> 26
}
