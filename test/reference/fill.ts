// The reference's fill: the grid of buckets of one group, then column by column what stands in the
// holes. Rules: docs/internals.md, "Query language".

import { OmenError } from '../../engine/error.ts'
import type { Fill, ValueType } from '../../engine/query/query.ts'
import type { Cell } from './aggregate.ts'
import type { Value } from './table.ts'

/** A known value at the start of its bucket. */
export interface Known {
  readonly time: bigint
  readonly cell: Cell
}

const HOLE: Cell = { value: null, scale: 0 }

/** A number that every integer column can hold, or `bad_request`. */
export function checkFillValue(
  fill: Fill | null,
  columns: readonly { readonly type: ValueType }[],
): void {
  if (fill?.kind !== 'value') return
  for (const { type } of columns) {
    const isWhole = Number.isInteger(fill.value)
    if (
      (type === 'integer' && !isWhole) ||
      (type === 'unsigned' && !(isWhole && fill.value >= 0))
    ) {
      throw new OmenError('bad_request', `fill: ${fill.value} is not ${type}`)
    }
  }
}

/** The cells of one column over `times`, ascending; `before` is the known value from the lookback. */
export function fillColumn(
  times: readonly bigint[],
  cells: readonly Cell[],
  type: ValueType,
  fill: Fill,
  before: Known | null,
): Cell[] {
  return cells.map((cell, i) => {
    if (cell.value !== null) return cell
    switch (fill.kind) {
      case 'null':
        return HOLE
      case 'value':
        return number(fill.value, type)
      case 'previous': {
        const known = knownBefore(times, cells, i, before)
        return known !== null && within(fill, known.time, times[i]!) ? known.cell : HOLE
      }
      default: {
        const known = knownBefore(times, cells, i, before)
        const next = times.findIndex((_, j) => j > i && cells[j]!.value !== null)
        if (known === null || next < 0 || !within(fill, known.time, times[next]!)) return HOLE
        return between(known, { time: times[next]!, cell: cells[next]! }, times[i]!, type)
      }
    }
  })
}

function within(fill: Fill, from: bigint, to: bigint): boolean {
  return fill.maxGap === null || to - from <= fill.maxGap
}

function number(value: number, type: ValueType): Cell {
  if (type === 'float') return { value, scale: 0 }
  if (type === 'integer' || type === 'unsigned') return { value: BigInt(value), scale: 0 }
  return HOLE
}

function knownBefore(
  times: readonly bigint[],
  cells: readonly Cell[],
  index: number,
  before: Known | null,
): Known | null {
  for (let i = index - 1; i >= 0; i--) {
    if (cells[i]!.value !== null) return { time: times[i]!, cell: cells[i]! }
  }
  return before
}

function between(a: Known, b: Known, time: bigint, type: ValueType): Cell {
  const [x, y] = [a.cell.value as Value, b.cell.value as Value]
  if (type === 'integer' || type === 'unsigned') {
    const rise = ((y as bigint) - (x as bigint)) * (time - a.time)
    return { value: (x as bigint) + roundedDivision(rise, b.time - a.time), scale: 0 }
  }
  if (type !== 'float') return HOLE
  const part = Number(time - a.time) / Number(b.time - a.time)
  const [from, to] = [x as number, y as number]
  const scale = Math.max(a.cell.scale, b.cell.scale, Math.abs(from), Math.abs(to))
  return { value: from + (to - from) * part, scale }
}

/** To the nearest, halves up; `divisor` > 0. */
function roundedDivision(value: bigint, divisor: bigint): bigint {
  const doubled = 2n * value + divisor
  const quotient = doubled / (2n * divisor)
  return doubled % (2n * divisor) < 0n ? quotient - 1n : quotient
}
