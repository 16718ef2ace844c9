// Bounds of the buckets of exponential histograms (OpenTelemetry, "Metrics Data Model"): powers of
// 2^(2^-scale). A power is the product of a power of two and of the square roots of two, of their square
// roots and so on, that the bits of the index choose: so a bound is the same float at each scale that has it.

/** The power of two below 2^1024 that is so large, by its bits. */
function wholePower(exponent: i32): f64 {
  return reinterpret<f64>(u64(exponent + 1023) << 52)
}

/** 2^(index · 2^-scale), scale −10 to 20: 0 below the floats, the largest one above them. */
export function powerOfTwo(index: i64, scale: i32): f64 {
  const fine = i64(max(scale, 0))
  let whole = scale > 0 ? index >> fine : index << i64(-scale)
  if (whole > 1023) return f64.MAX_VALUE
  if (whole < -1100) return 0.0
  let value = 1.0
  let root = 2.0
  for (let bit = fine - 1; bit >= 0; bit--) {
    root = sqrt(root)
    if (((index >> bit) & 1) !== 0) value *= root
  }
  if (whole < -1022) {
    value *= wholePower(-200)
    whole += 200
  }
  return value * wholePower(i32(whole))
}
