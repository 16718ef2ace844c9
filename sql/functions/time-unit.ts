// Names of units of time, as extract, date_part and date_trunc take them.
// Source: PostgreSQL 15, src/backend/utils/adt/datetime.c, deltatktbl and datetktbl.

import { SqlError } from '../sql-error.ts'

const NAMES: Readonly<Record<string, string>> = {
  microseconds: 'us usec usecs useconds microsecond microseconds microsecon',
  milliseconds: 'ms msec msecs mseconds millisecond milliseconds millisecon',
  second: 's sec secs second seconds',
  minute: 'm min mins minute minutes',
  hour: 'h hr hrs hour hours',
  day: 'd day days',
  week: 'w week weeks',
  month: 'mon mons month months',
  quarter: 'qtr quarter',
  year: 'y yr yrs year years',
  decade: 'dec decs decade decades',
  century: 'c cent century centuries',
  millennium: 'mil mils millennia millennium',
  dow: 'dow',
  isodow: 'isodow',
  doy: 'doy',
  isoyear: 'isoyear',
  julian: 'j jd julian',
  epoch: 'epoch',
  timezone: 'timezone',
  timezone_hour: 'timezone_h timezone_hour',
  timezone_minute: 'timezone_m timezone_minute',
}

const units = new Map(
  Object.entries(NAMES).flatMap(([unit, names]) =>
    names.split(' ').map((name) => [name, unit] as const),
  ),
)

/** The unit's one name; a text that names none is returned as it is. */
export const unitOf = (text: string): string => units.get(text.toLowerCase()) ?? text

/** Of a unit that there is: 0A000, for it means nothing there. Of others: 22023. */
export function wrongUnit(text: string, type: string): SqlError {
  return units.has(text.toLowerCase())
    ? new SqlError('0A000', `unit "${text}" not supported for type ${type}`)
    : new SqlError('22023', `unit "${text}" not recognized for type ${type}`)
}

const FIELDS = new Set(['dow', 'isodow', 'doy', 'isoyear', 'julian', 'epoch'])

/** As `wrongUnit`, of what times are cut to: fields that are no spans are unknown there. */
export const wrongSpan = (text: string, type: string): SqlError =>
  FIELDS.has(unitOf(text))
    ? new SqlError('22023', `unit "${text}" not recognized for type ${type}`)
    : wrongUnit(text, type)
