// WITH (…) of CREATE TABLE, and SET and RESET of ALTER TABLE: the retention.

import { SqlError } from '../sql-error.ts'

/** What to set; absent: as it is. */
export interface Settings {
  /** As the engine writes it, `30d`; null: points stay. */
  readonly retention?: string | null
}

/** Throws 22023 for names and values that are none. */
export function readSettings(settings: ReadonlyMap<string, string | null>): Settings {
  let read: Settings = {}
  for (const [name, value] of settings) {
    if (name !== 'retention') {
      const hint = 'A table has the setting retention.'
      throw new SqlError('22023', `unrecognized parameter "${name}"`, { hint })
    }
    read = { retention: value === null ? null : readRetention(value) }
  }
  return read
}

const UNITS: Readonly<Record<string, string>> = {
  ...{ s: 's', sec: 's', secs: 's', second: 's', seconds: 's' },
  ...{ m: 'm', min: 'm', mins: 'm', minute: 'm', minutes: 'm' },
  ...{ h: 'h', hr: 'h', hrs: 'h', hour: 'h', hours: 'h' },
  ...{ d: 'd', day: 'd', days: 'd', w: 'w', week: 'w', weeks: 'w' },
  ...{ mo: 'mo', mon: 'mo', mons: 'mo', month: 'mo', months: 'mo' },
  ...{ y: 'y', year: 'y', years: 'y' },
}

/** `30 d`, `30 days`, `12h`; `none` and `infinity`: points stay. */
function readRetention(text: string): string | null {
  const word = text.trim().toLowerCase()
  if (word === 'none' || word === 'infinity') return null
  const [, count, unit] = /^(\d{1,15})\s*([a-z]+)$/.exec(word) ?? []
  const known = unit === undefined ? undefined : UNITS[unit]
  if (known !== undefined && Number(count) > 0) return `${Number(count)}${known}`
  const hint = 'Write a count and a unit, as in 30 d or 12 hours, or none.'
  throw new SqlError('22023', `invalid value for parameter "retention": "${text}"`, { hint })
}
