// What the modifier of a type does to a value: numeric(9,2), varchar(10), char(3), timestamp(3).
// Source: PostgreSQL 15, src/backend/utils/adt/{numeric,varchar,timestamp}.c.

import { Decimal, tenTo } from '../decimal.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { scalar } from './define.ts'

/** Before the modifiers of texts and numbers. */
const HEADER = 4

/** Precision in the high half, the scale as 11 bits with a sign. */
function numeric(value: Decimal, modifier: number): Decimal {
  if (modifier < HEADER || value.special !== null) return value
  const packed = modifier - HEADER
  const precision = packed >> 16
  const scale = ((packed & 0x7ff) ^ 1024) - 1024
  const rounded = value.round(scale)
  const limit = new Decimal(tenTo(Math.max(precision - scale, 0)), 0)
  const size = rounded.compare(Decimal.of(0)) < 0 ? rounded.negate() : rounded
  if (size.compare(limit) < 0) return rounded
  throw new SqlError('22003', 'numeric field overflow', {
    detail: `A field with precision ${precision}, scale ${scale} must round to an absolute value less than 10^${precision - scale}.`,
  })
}

/** Written casts cut; others may only cut blanks. */
function characters(text: string, modifier: number, isExplicit: unknown, title: string): string {
  if (modifier < HEADER) return text
  const length = modifier - HEADER
  const letters = [...text]
  if (letters.length <= length) return text
  const rest = letters.slice(length).join('')
  if (!isExplicit && rest.trim() !== '') {
    throw new SqlError('22001', `value too long for type ${title}(${length})`)
  }
  return letters.slice(0, length).join('')
}

const NS_PER_DIGIT = [
  1_000_000_000n,
  100_000_000n,
  10_000_000n,
  1_000_000n,
  100_000n,
  10_000n,
  1_000n,
]
const [TIME_MIN, TIME_MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

/** So many digits of a second, the nearest; infinities stay. */
function seconds(time: bigint, digits: number): bigint {
  const step = NS_PER_DIGIT[digits]
  if (step === undefined || time === TIME_MIN || time === TIME_MAX) return time
  const rest = ((time % step) + step) % step
  return rest * 2n >= step ? time - rest + step : time - rest
}

export const modifiers: readonly ScalarFunction[] = [
  scalar('numeric', 'numeric int4', 'numeric', numeric),
  scalar(
    'varchar',
    'varchar int4 bool',
    'varchar',
    (text: string, modifier: number, isExplicit: unknown) =>
      characters(text, modifier, isExplicit, 'character varying'),
  ),
  scalar('timestamptz', 'timestamptz int4', 'timestamptz', seconds),
  scalar('timestamp', 'timestamp int4', 'timestamp', seconds),
]
