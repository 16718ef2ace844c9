// What of a session was looked at while something was made for a statement: it can be kept for the next
// time if only that is compared.

import type { Surroundings } from './function.ts'

/** The time, the user and the catalogs are another answer next time; settings may be the same. */
export class Looks {
  /** Run-time parameters with the values that they had. */
  readonly settings = new Map<string, string | null>()
  /** The time, the user or the catalogs: another answer next time. */
  isPassing = false

  /** Whether they would be answered the same; the zone of the times is the caller's to compare. */
  areSame(surroundings: Surroundings): boolean {
    if (this.isPassing) return false
    for (const [name, value] of this.settings) {
      if (surroundings.setting(name) !== value) return false
    }
    return true
  }

  /** The same surroundings, which tell what is looked at. */
  through(given: Surroundings): Surroundings {
    const passing = <T>(value: T): T => {
      this.isPassing = true
      return value
    }
    return {
      get now() {
        return passing(given.now)
      },
      timeZone: given.timeZone,
      database: given.database,
      get user() {
        return passing(given.user)
      },
      setting: (name) => {
        const value = given.setting(name)
        this.settings.set(name, value)
        return value
      },
      get catalog() {
        return passing(given.catalog)
      },
    }
  }
}
