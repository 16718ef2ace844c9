// pg_sleep and its like. Evaluation itself does not wait: it asks the run to, which does so before the
// batch goes on, and ends with the statement.
// Source: PostgreSQL 15, src/backend/utils/adt/misc.c, pg_sleep.

import type { ScalarFunction, Surroundings } from '../function.ts'
import type { Interval } from '../value.ts'
import { zoneOf } from '../zone.ts'
import { scalar } from './define.ts'
import { addInterval } from './time.ts'

const VOLATILE = { isSituated: true, volatility: 'volatile' } as const

/** The text of `void`. */
const DONE = ''

export const sleeps: readonly ScalarFunction[] = [
  scalar(
    'pg_sleep',
    'float8',
    'void',
    ({ sleep }: Surroundings, seconds: number) => {
      sleep?.(seconds * 1_000)
      return DONE
    },
    VOLATILE,
  ),
  scalar(
    'pg_sleep_for',
    'interval',
    'void',
    ({ now, timeZone, sleep }: Surroundings, time: Interval) => {
      sleep?.(Number(addInterval(now, time, zoneOf(timeZone)) - now) / 1e6)
      return DONE
    },
    VOLATILE,
  ),
  scalar(
    'pg_sleep_until',
    'timestamptz',
    'void',
    ({ sleep }: Surroundings, time: bigint) => {
      sleep?.(0, Number(time / 1_000_000n))
      return DONE
    },
    VOLATILE,
  ),
]
