// Quantiles of records, from their samples (exact) or sketches, as a column of an answer.

import { selectQuantile } from './samples'
import { columnAt, recordAt } from './record'
import { sketchQuantile } from './sketch'

/** What a quantile of a sketch costs beside looking at keys. */
const SKETCH_KEYS: i32 = 4096

/**
 * Writes quantile `q` of column `column` for the records at `index` from row `from` to row `to` - 1:
 * f64 to `values`, 1 or (of no values) 0 to `valid`. `isExact`: from samples, else from sketches. Stops
 * after about `budget` keys; returns the row to go on from, with the same cursor (samples.ts).
 */
export function aggregateQuantile(
  state: usize,
  index: usize,
  from: i32,
  to: i32,
  column: u32,
  isExact: i32,
  q: f64,
  values: usize,
  valid: usize,
  cursor: usize,
  budget: i32,
): i32 {
  const descriptor = columnAt(state, column)
  const type = load<u32>(descriptor)
  for (let row = from; row < to; row++) {
    if (budget <= 0) return row
    const record = recordAt(state, load<u32>(index + (usize(row) << 2)))
    const count = load<u64>(record + usize(load<u32>(descriptor, 16)))
    const target = values + (usize(row) << 3)
    store<u8>(valid + usize(row), u8(count !== 0))
    budget--
    if (count === 0) store<f64>(target, 0.0)
    else if (isExact !== 0) {
      const samples = record + usize(load<u32>(descriptor, 160))
      budget = selectQuantile(state, samples, type, u32(count), q, cursor, budget + 1, target)
      if (budget === 0) return row
    } else {
      const sketch = record + usize(load<u32>(descriptor, 164))
      store<f64>(target, sketchQuantile(state, sketch, type, count, q))
      budget -= SKETCH_KEYS
    }
  }
  return to
}
